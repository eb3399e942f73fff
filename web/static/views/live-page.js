/**
 * What the session's page and the moderator's desk have in common: one session's streams, its sound and picture, and one
 * person's own devices. It keeps the media in step with the session; what is drawn is the pages' business.
 *
 * @import {ConferenceState, Mine, Phase, RoomState, SessionPlan, Signals} from "../../types/messages"
 */

import { Clock } from "../clock.js";
import { chosenDevice, devicesOf } from "../devices.js";
import { t } from "../i18n.js";
import { LevelMeter } from "../level.js";
import { StageMedia } from "../media.js";
import { coalesced, connectPage, pageData } from "../page.js";
import { Speaker } from "../speaker.js";
import { layoutOf } from "../stage-layout.js";
import { emptyState, planOf, runOf } from "../state.js";
import { heightsOf } from "../tiles.js";
import { toast } from "../toast.js";
import { Actions } from "./actions.js";
import { controlsView } from "./controls.js";
import { Sound } from "./sound.js";
import { lostDevice } from "./words.js";

export class LivePage {
  data = pageData();
  stream = `session/${this.data.session_id}`;
  connection = connectPage(["conference", this.stream]);
  clock = new Clock(() => this.connection.serverNow());
  media = new StageMedia(`/media/${this.data.session_id}`);
  speaker = new Speaker(this.connection, this.media, this.stream);
  sound = new Sound();
  /** Asks for a new picture. */
  refresh;
  actions;
  #level;
  #isBackstageOpen = false;
  /** @type {{camera: MediaDeviceInfo[], microphone: MediaDeviceInfo[]}} */
  #devices = { camera: [], microphone: [] };
  /** What the media were last asked for; a refusal is not asked again until something has changed. */
  #asked = "";

  /**
   * @param {() => void} draw
   * @param {string} [phase] what the server said the session's phase was: when it is live, sound and picture need not wait
   */
  constructor(draw, phase = "") {
    this.refresh = coalesced(() => {
      this.#sync();
      draw();
      this.media.show(heightsOf(document, this.signals.slots, document.hidden));
    });
    this.actions = new Actions(this.refresh);
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

  /** @returns {Signals} */
  get signals() {
    return this.connection.signals(this.stream);
  }

  /** @returns {Mine} */
  get mine() {
    return this.connection.mine(this.stream);
  }

  get ownId() {
    return this.connection.me?.person_id ?? "";
  }

  /** @param {string} id */
  nameOf = (id) => this.connection.nameOf(id) || t("Somebody");

  /** True for those who may go on stage. */
  get maySpeak() {
    return this.#has("speaker", "moderator");
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
    return this.phase === "live" || (this.phase === "backstage" && this.#has("speaker", "moderator", "organiser"));
  }

  get layout() {
    return layoutOf(this.room, this.signals, this.ownId, this.speaker.isHere, this.nameOf);
  }

  /** Gives a command for this session. @param {import("../../types/messages").Command} command */
  do(command) {
    return this.connection.do(this.stream, command);
  }

  /** The person's own controls, for those who may speak. @param {{isQuiet?: boolean}} [look] */
  controls({ isQuiet = false } = {}) {
    const { speaker, actions } = this;
    return controlsView({
      speaker,
      actions,
      isOpen: this.#isBackstageOpen,
      isQuiet,
      level: this.#level.level,
      devices: this.#devices,
      chosen: chosenDevice,
      open: (isOpen) => this.#openBackstage(isOpen),
      set: (device, on) => void actions.run(device, () => speaker.set(device, on)).then(() => this.#lookForDevices()),
      choose: (kind, id) => void actions.run(`choose-${kind}`, () => speaker.capture.choose(kind, id)),
      enter: () => void actions.run("stage", () => speaker.enter()).then((entered) => entered && this.#openBackstage(false)),
      leave: () => {
        this.#openBackstage(false); // not when the server has answered: by then it may have been opened again
        void actions.run("stage", () => speaker.leave());
      },
    });
  }

  /** Opening it asks for camera and microphone at once: that is what one comes for. @param {boolean} isOpen */
  #openBackstage(isOpen) {
    const { speaker, actions } = this;
    this.#isBackstageOpen = isOpen;
    if (isOpen && !speaker.isHere) {
      const started = /** @type {const} */ (["microphone", "camera"]).map((kind) => actions.run(kind, () => speaker.set(kind, true)));
      void Promise.all(started).then(() => this.#lookForDevices());
    } else if (!isOpen && !speaker.isHere) {
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
    const { connection, media, speaker, sound } = this;
    for (const type of ["change", "signal", "status"]) connection.addEventListener(type, this.refresh);
    for (const type of ["status", "slots", "quality"]) media.addEventListener(type, this.refresh);
    speaker.addEventListener("change", this.refresh);
    sound.addEventListener("change", this.refresh);
    connection.addEventListener("signal", (event) => {
      const { type, status, lost } = /** @type {CustomEvent} */ (event).detail;
      if (type === "media" && status === "reset") media.reset(lost);
    });
    connection.addEventListener("status", () => connection.status.name === "connected" && media.nudge());
    speaker.addEventListener("removed", () => this.mayWatch && toast(t("You are no longer on stage."), { tone: "attention" }));
    media.capture.addEventListener("lost", (event) => {
      toast(lostDevice(/** @type {CustomEvent} */ (event).detail.kind), { tone: "attention" });
    });
    navigator.mediaDevices?.addEventListener?.("devicechange", () => void this.#lookForDevices());
    addEventListener("online", () => media.moved());
    addEventListener("resize", this.refresh);
    document.addEventListener("visibilitychange", this.refresh);
    addEventListener("pagehide", () => media.stop());
    addEventListener("pageshow", (event) => event.persisted && location.reload()); // its connections are gone
    setInterval(this.refresh, 1_000); // banners and countdowns follow the clock
  }

  /** Sound and picture follow the session's phase and what one does on stage. */
  #sync() {
    const { media, speaker, signals, sound } = this;
    if (!this.isReady) return;
    const wish = `${this.phase} ${this.mayWatch} ${speaker.isHere} ${speaker.isOnStage}`;
    if (wish !== this.#asked) {
      this.#asked = wish;
      if (this.mayWatch) void speaker.resume().then((resumed) => resumed || speaker.watch());
      else media.stop();
    }
    sound.play(media.slots, (slot) => signals.slots[slot] === this.ownId);
    this.#level.listen(this.#isBackstageOpen && media.capture.switches.microphone ? media.capture.tracks.microphone : null);
  }

  /** @param {...import("../../types/messages").Role} roles */
  #has(...roles) {
    return roles.some((role) => this.connection.me?.roles.includes(role));
  }
}
