/**
 * What the session's page and the moderator's desk have in common: one session's streams, its sound and picture, and one
 * person's own devices. It keeps the media in step with the session; what is drawn is the pages' business.
 *
 * @import {ConferenceState, Mine, Phase, RoomState, SessionPlan, Signals} from "../../types/messages"
 */

import { Adviser } from "../advice.js";
import { Clock } from "../clock.js";
import { chosenDevice, devicesOf, suppressesNoise } from "../devices.js";
import { t } from "../i18n.js";
import { LevelMeter } from "../level.js";
import { StageMedia } from "../media.js";
import { coalesced, connectPage, pageData } from "../page.js";
import { PushToTalk } from "../push-to-talk.js";
import { relays } from "../relays.js";
import { Speaker } from "../speaker.js";
import { layoutOf, slotsOf, unshownIn } from "../stage-layout.js";
import { rememberWant, rememberedWant } from "../stage-want.js";
import { emptyState, planOf, runOf } from "../state.js";
import { toast } from "../toast.js";
import { Actions } from "./actions.js";
import { adviceView } from "./advice.js";
import { controlsView, roomControlsView } from "./controls.js";
import { Sound } from "./sound.js";
import { RoomMedia } from "./room-media.js";
import { layoutChoiceView } from "./stage.js";
import { lostDevice } from "./words.js";

/** After a move, until the new node has told whose pictures come by which slot. */
const SETTLE_MS = 1_000;

export class LivePage {
  data = pageData();
  stream = `session/${this.data.session_id}`;
  connection = connectPage(["conference", this.stream, `breakouts/${this.data.session_id}`]);
  clock = new Clock(() => this.connection.serverNow());
  media = new StageMedia(`/media/${this.data.session_id}`, relays(this.data.turn));
  speaker = new Speaker(this.connection, this.media, this.stream);
  sound = new Sound();
  talk = new PushToTalk(this.media.capture, () => this.speaker.isHere || Boolean(this.away.carrier.roomId && !this.away.carrier.isVisiting));
  adviser = new Adviser();
  /** True on a page that shows the room which a moderator visits. */
  takesVisits = false;
  /** The breakout room that one is in. */
  away = new RoomMedia(this);
  /** How the viewer wants the stage. */
  want = rememberedWant();
  /** Asks for a new picture. */
  refresh;
  actions;
  /** Who is large where the speaker is: they stay so while nobody speaks. */
  #large = "";
  #level;
  #isBackstageOpen = false;
  /** In a breakout room, when it was last looked at. */
  #wasAway = false;
  /** @type {{camera: MediaDeviceInfo[], microphone: MediaDeviceInfo[]}} */
  #devices = { camera: [], microphone: [] };
  /** Whose pictures come by which slot. @type {Pick<Signals, "slots" | "codecs">} */
  #brought = { slots: {}, codecs: {} };
  #movedAt = -Infinity;
  /** What the media were last asked for; a refusal is not asked again until something has changed. */
  #asked = "";

  /**
   * @param {() => void} draw
   * @param {string} [phase] what the server said the session's phase was: when it is live, sound and picture need not wait
   */
  constructor(draw, phase = "") {
    this.refresh = coalesced(() => {
      this.#sync();
      this.#weigh();
      draw();
      this.away.show(this.speaker.isLean);
    });
    this.actions = new Actions(this.refresh);
    this.away.carrier.isPushing = () => this.talk.isChosen && !this.talk.isHeld;
    this.#level = new LevelMeter(this.refresh);
    this.#listen();
    if (phase === "live" && !this.speaker.mayResume) this.speaker.watch();
  }

  /** @returns {ConferenceState} */
  get conference() {
    return /** @type {ConferenceState} */ (this.connection.state("conference") ?? emptyState("conference"));
  }

  /** @returns {RoomState} */
  get room() {
    return /** @type {RoomState} */ (this.connection.state(this.stream) ?? emptyState(this.stream));
  }

  /** False until the first snapshots: nothing is known yet. */
  get isReady() {
    return Boolean(this.plan && this.connection.state(this.stream));
  }

  /** @returns {SessionPlan | undefined} */
  get plan() {
    return planOf(this.conference, this.data.session_id);
  }

  /** @returns {Phase} */
  get phase() {
    return runOf(this.conference, this.data.session_id).phase;
  }

  /** What happens on other nodes is known late. */
  get isDelayed() {
    return this.connection.signals("conference").delayed;
  }

  /** While the room moves to another node, its slots are those that the connection in use brings. @returns {Signals} */
  get signals() {
    const signals = this.connection.signals(this.stream);
    if (this.media.isMoving) this.#movedAt = Date.now();
    else if (fed(signals) >= fed(this.#brought) || Date.now() - this.#movedAt > SETTLE_MS) this.#brought = { slots: signals.slots, codecs: signals.codecs };
    return { ...signals, ...this.#brought };
  }

  /** @returns {Mine} */
  get mine() {
    return this.connection.mine(this.stream);
  }

  get ownId() {
    return this.connection.me?.person_id ?? "";
  }

  /** @param {string} id */
  nameOf = (id) => this.connection.nameOf(id) || (id.startsWith("gone-") ? t("Former participant") : t("Somebody"));

  /** True for those who may go on stage. */
  get maySpeak() {
    return this.#has("speaker", "moderator", "organiser");
  }

  /** True for those who see all rooms. */
  get isModerator() {
    return this.#has("moderator", "organiser");
  }

  /** The conference's time zone. */
  get zone() {
    return this.conference.programme?.time_zone ?? "UTC";
  }

  /** The recording that is being made, if any. */
  get recording() {
    return Object.values(this.room.recordings).find(({ status }) => status === "running");
  }

  /** True if one receives sound and picture now. */
  get mayWatch() {
    return this.phase === "live" || (this.phase === "backstage" && this.maySpeak);
  }

  get layout() {
    const { room, signals, ownId, nameOf, want, media } = this;
    const found = layoutOf({ room, signals, ownId, isHere: this.speaker.isHere, nameOf, want, decodes: media.decodes, paused: media.paused, large: this.#large });
    this.#large = found.large || this.#large;
    return found;
  }

  /** @param {import("../stage-layout.js").Want} want */
  setWant(want) {
    this.want = want;
    rememberWant(want);
    this.refresh();
  }

  layoutChoice() {
    return layoutChoiceView({ layout: this.away.carrier.media ? this.away.layout : this.layout, want: this.want, choose: (want) => this.setWant(want) });
  }

  /** What to do about sound and picture, if anything is to be done. */
  advice() {
    const { speaker, adviser, actions } = this;
    const turn = (/** @type {boolean} */ lean) => {
      if (lean) adviser.takeSound();
      speaker.setLean(lean);
    };
    return adviceView(adviser.advice, {
      soundOnly: () => turn(true),
      pictures: () => turn(false),
      cameraOff: () => void actions.run("camera", () => speaker.set("camera", false)),
      putAway: () => {
        adviser.putAway(Date.now());
        this.refresh();
      },
    });
  }

  /** Gives a command for this session. @param {import("../../types/messages").Command} command */
  do(command) {
    return this.connection.do(this.stream, command);
  }

  /** The person's own controls, for those who may speak. @param {{isQuiet?: boolean}} [look] */
  controls({ isQuiet = false } = {}) {
    return controlsView(this.#controls(isQuiet));
  }

  /** The same in a breakout room, where everybody speaks. */
  roomControls() {
    return roomControlsView(this.#controls(true));
  }

  /** @param {boolean} isQuiet */
  #controls(isQuiet) {
    const { speaker, actions } = this;
    return {
      speaker,
      actions,
      isOpen: this.#isBackstageOpen,
      isQuiet,
      level: this.#level.level,
      devices: this.#devices,
      chosen: chosenDevice,
      open: (/** @type {boolean} */ isOpen) => this.#openBackstage(isOpen),
      set: (/** @type {import("../speaker.js").Device} */ device, /** @type {boolean} */ on) => void actions.run(device, () => speaker.set(device, on)).then(() => this.#lookForDevices()),
      talk: this.talk,
      suppressesNoise,
      suppress: (/** @type {boolean} */ on) => void actions.run("noise", () => speaker.capture.setNoiseSuppression(on)),
      choose: (/** @type {import("../devices.js").DeviceKind} */ kind, /** @type {string} */ id) => void actions.run(`choose-${kind}`, () => speaker.capture.choose(kind, id)),
      enter: () => void actions.run("stage", () => speaker.enter()).then((entered) => entered && this.#openBackstage(false)),
      leave: () => {
        this.#openBackstage(false); // not when the server has answered: by then it may have been opened again
        void actions.run("stage", () => speaker.leave());
      },
    };
  }

  /** Opening it asks for camera and microphone at once: that is what one comes for. @param {boolean} isOpen */
  #openBackstage(isOpen) {
    const { speaker, actions } = this;
    this.#isBackstageOpen = isOpen;
    if (isOpen && !speaker.isHere && !this.away.carrier.roomId) {
      const started = /** @type {const} */ (["microphone", "camera"]).map((kind) => actions.run(kind, () => speaker.set(kind, true)));
      void Promise.all(started).then(() => this.#lookForDevices());
    } else if (!isOpen && !speaker.isHere && !this.away.carrier.roomId) {
      speaker.capture.stop();
    }
    this.refresh();
    if (isOpen) setTimeout(() => document.querySelector(".backstage-panel, .devices")?.scrollIntoView({ block: "nearest" }), 50); // when it is drawn
  }

  async #lookForDevices() {
    const [camera, microphone] = await Promise.all([devicesOf("camera"), devicesOf("microphone")]);
    this.#devices = { camera, microphone };
    this.refresh();
  }

  #listen() {
    const { connection, media, speaker, sound, talk } = this;
    for (const type of ["change", "signal", "status"]) connection.addEventListener(type, this.refresh);
    for (const type of ["status", "slots", "quality"]) media.addEventListener(type, this.refresh);
    this.away.carrier.addEventListener("change", this.refresh);
    this.away.carrier.addEventListener("problem", (event) => {
      const { device, error } = /** @type {CustomEvent} */ (event).detail;
      void this.actions.run(device, () => Promise.reject(error));
    });
    speaker.addEventListener("change", this.refresh);
    sound.addEventListener("change", this.refresh);
    talk.addEventListener("change", this.refresh);
    talk.addEventListener("problem", (event) => void this.actions.run("microphone", () => Promise.reject(/** @type {CustomEvent} */ (event).detail.error)));
    connection.addEventListener("signal", (event) => {
      const { type, status, lost } = /** @type {CustomEvent} */ (event).detail;
      if (type === "media" && status === "reset") media.reset(lost);
    });
    connection.addEventListener("status", () => {
      if (connection.status.name !== "connected") return;
      media.nudge();
      media.remind();
    });
    speaker.addEventListener("removed", () => this.mayWatch && toast(t("You are no longer on stage."), { tone: "attention" }));
    media.capture.addEventListener("lost", (event) => {
      const { kind, instead } = /** @type {CustomEvent} */ (event).detail;
      toast(lostDevice(kind, instead), { tone: "attention" });
      void this.#lookForDevices();
    });
    navigator.mediaDevices?.addEventListener?.("devicechange", () => void this.#lookForDevices());
    addEventListener("online", () => media.moved());
    addEventListener("resize", this.refresh);
    document.addEventListener("visibilitychange", this.refresh);
    addEventListener("pagehide", () => {
      this.away.carrier.stop();
      media.stop();
    });
    addEventListener("pageshow", (event) => event.persisted && location.reload()); // its connections are gone
    setInterval(this.refresh, 1_000); // banners and countdowns follow the clock
  }

  /** Sound and picture follow the session's phase and what one does on stage. */
  #sync() {
    const { media, speaker, sound } = this;
    if (!this.isReady) return;
    const wish = `${this.phase} ${this.mayWatch} ${speaker.isHere} ${speaker.isOnStage}`;
    if (wish !== this.#asked) {
      this.#asked = wish;
      if (this.mayWatch) void speaker.resume().then((resumed) => resumed || speaker.watch());
      else media.stop();
    }
    this.away.follow();
    const isAway = Boolean(this.away.carrier.roomId);
    if (isAway !== this.#wasAway) this.#isBackstageOpen = false; // what is behind it is another thing there
    this.#wasAway = isAway;
    this.away.play(sound);
    this.#level.listen(this.#isBackstageOpen && media.capture.switches.microphone ? media.capture.tracks.microphone : null);
  }

  #weigh() {
    const { speaker, away } = this;
    const media = away.carrier.media ?? this.media;
    const { name } = media.status;
    const layout = away.carrier.media ? away.layout : this.layout;
    this.media.expect(document.hidden || speaker.isLean || away.carrier.media ? [] : slotsOf(layout));
    const level = name === "connected" ? media.quality : "lost";
    const unshown = name === "connected" && !speaker.isLean ? unshownIn(layout) : [];
    const hasCamera = (speaker.isHere || Boolean(away.carrier.media)) && media.capture.switches.camera;
    this.adviser.heed({ level, reasons: media.reasons, unshown, isLean: speaker.isLean, hasCamera }, Date.now());
  }

  /** @param {...import("../../types/messages").Role} roles */
  #has(...roles) {
    return roles.some((role) => this.connection.me?.roles.includes(role));
  }
}

/** How many slots bring something. @param {Pick<Signals, "slots">} signals */
function fed({ slots }) {
  return Object.values(slots).filter(Boolean).length;
}
