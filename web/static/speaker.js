/**
 * One person's way onto the stage and off it: the commands, the media and the devices in the right order. No DOM access.
 * "Here" is this tab: the same person may watch in another. Neighbours: `media.js`, `capture.js`, `protocol.js`.
 *
 * Events: `change` when anything a page shows of it may have changed; `removed` when somebody else took the person off the stage.
 *
 * @import {RoomState} from "../types/messages"
 * @import {Connection} from "./protocol.js"
 * @import {StageMedia} from "./media.js"
 */

/** @typedef {"camera" | "microphone" | "screen"} Device */

/** What is remembered of this tab: it was on stage, or there only for what it said to all breakout rooms. */
const HERE = "here";
const PASSING = "passing";
const NOTHING = { camera: false, microphone: false, screen: false };

export class Speaker extends EventTarget {
  /** This tab sends sound and picture. */
  isHere = false;
  /** The viewer wants sound alone. */
  isLean = false;
  /** The person is in a breakout room: what their devices send is not for the stage, but for what they say to all rooms. */
  isAway = false;
  /** While they speak to all rooms: "passing" if they were not on stage before. @type {"" | "on stage" | "passing"} */
  #speaksToAll = "";
  /** The microphone was on before that. */
  #wasHeard = false;
  #connection;
  #media;
  #stream;

  /** @param {Connection} connection @param {StageMedia} media @param {string} stream `session/ID` */
  constructor(connection, media, stream) {
    super();
    this.#connection = connection;
    this.#media = media;
    this.#stream = stream;
    media.capture.addEventListener("change", () => this.#captureChanged());
    connection.addEventListener("change", () => this.#lookAtStage());
  }

  /** @returns {RoomState | undefined} */
  get #room() {
    return /** @type {RoomState | undefined} */ (this.#connection.state(this.#stream));
  }

  /** True if the person is on stage, from this tab or another. */
  get isOnStage() {
    const id = this.#connection.me?.person_id ?? "";
    return Object.hasOwn(this.#room?.stage ?? {}, id);
  }

  get capture() {
    return this.#media.capture;
  }

  /** Starts watching, or goes on with what is wished now. */
  watch() {
    const isVoice = this.#isVoice;
    this.#media.start({ publish: this.isHere && (isVoice || !this.isAway), video: !this.isLean, ...(isVoice ? { isVoice } : {}) });
  }

  /** Goes into a breakout room, or comes back from there: the place on the stage is kept meanwhile, and nothing is sent to it. @param {boolean} isAway */
  async stepAside(isAway) {
    if (isAway === this.isAway) return;
    this.isAway = isAway;
    if (this.#media.status.name !== "off") this.watch();
    if (this.isHere) await this.#tell().catch(() => undefined); // no longer on stage: `removed` follows
    this.#changed();
  }

  /** The stage gets the microphone alone. */
  get #isVoice() {
    return this.#speaksToAll === "passing" || (this.speaksToAll && this.isAway);
  }

  get speaksToAll() {
    return Boolean(this.#speaksToAll);
  }

  /** Says something to all breakout rooms: over the stage, which everybody hears, with the microphone alone. Rejects with a `DeviceProblem` or `Refusal`. @param {boolean} on */
  async speakToAll(on) {
    if (on === this.speaksToAll) return;
    if (!on) {
      await this.#fallSilent();
      return this.#changed();
    }
    this.#wasHeard = this.#media.capture.switches.microphone;
    await this.#media.capture.setMicrophone(true);
    this.#speaksToAll = this.isHere ? "on stage" : "passing";
    try {
      if (!this.isHere) await this.enter();
      else this.watch();
      await this.#tell();
    } catch (error) {
      await this.#fallSilent().catch(() => undefined); // nobody is left with an open microphone; what failed first is told
      throw error;
    } finally {
      this.#changed();
    }
  }

  /** The end of what is said to all: the microphone first, which needs no network. */
  async #fallSilent() {
    const isPassing = this.#speaksToAll === "passing";
    this.#speaksToAll = "";
    if (!this.#wasHeard) await this.#media.capture.setMicrophone(false);
    if (isPassing) return this.#leaveQuietly();
    this.watch();
    if (this.isHere) await this.#tell();
  }

  /** Off the stage, and the devices go on: they are used in a breakout room, or not at all. */
  async #leaveQuietly() {
    const { isHere } = this;
    this.isHere = false;
    this.#remember();
    this.watch();
    if (!this.isAway) this.#media.capture.stop();
    if (isHere) await this.#connection.do(this.#stream, { type: "stage.leave" });
  }

  /** @param {boolean} lean */
  setLean(lean) {
    this.isLean = lean;
    if (this.#media.status.name !== "off") this.watch();
    this.#changed();
  }

  /** Goes on stage with what is switched on already. Rejects with a `Refusal`. */
  async enter() {
    await this.#connection.do(this.#stream, { type: "stage.enter" });
    this.isHere = true;
    this.#remember();
    this.watch();
    await this.#tell();
    this.#changed();
  }

  /** Leaves the stage and goes on watching; every device is freed. Rejects with a `Refusal`. */
  async leave() {
    this.#stepDown();
    await this.#connection.do(this.#stream, { type: "stage.leave" });
  }

  /** Switches a device on or off. Rejects with a `DeviceProblem` or `Refusal`. @param {Device} device @param {boolean} on */
  async set(device, on) {
    const { capture } = this.#media;
    if (device === "camera") await capture.setCamera(on);
    else if (device === "microphone") await capture.setMicrophone(on);
    else await capture.setScreen(on);
  }

  /** After a reload: goes on where this tab was, if the person is still on stage. @returns {Promise<boolean>} true if so */
  async resume() {
    if (this.isHere || !this.isOnStage || !this.mayResume) return false;
    const member = this.#room?.stage[this.#connection.me?.person_id ?? ""];
    const wanted = /** @type {Device[]} */ (["camera", "microphone"]).filter((device) => member?.[device]);
    this.isHere = true;
    if (this.#remembered === PASSING) this.#speaksToAll = "passing";
    this.watch();
    if (!this.isAway || this.speaksToAll) await Promise.allSettled(wanted.map((device) => this.set(device, true)));
    await this.#tell();
    this.#changed();
    return true;
  }

  #stepDown() {
    this.isHere = false;
    this.#speaksToAll = "";
    this.#remember();
    if (!this.isAway) this.#media.capture.stop();
    if (this.#media.status.name !== "off") this.watch();
    this.#changed();
  }

  #lookAtStage() {
    if (!this.isHere || this.isOnStage) return;
    this.#stepDown();
    this.dispatchEvent(new CustomEvent("removed"));
  }

  #captureChanged() {
    if (this.isHere) void this.#tell().catch(() => undefined); // refused only if one is no longer on stage: `removed` follows
    this.#changed();
  }

  #tell() {
    const { switches } = this.#media.capture;
    const sent = this.#isVoice ? { ...NOTHING, microphone: switches.microphone } : this.isAway ? NOTHING : switches;
    return this.#connection.do(this.#stream, { type: "stage.set_media", ...sent });
  }

  get #key() {
    return `plenum.stage.${this.#stream}`;
  }

  /** In the tab's own storage: it outlives a reload, and no other tab sees it. */
  #remember() {
    try {
      if (this.isHere) sessionStorage.setItem(this.#key, this.#speaksToAll === "passing" ? PASSING : HERE);
      else sessionStorage.removeItem(this.#key);
    } catch {
      // without storage a reload ends at the backstage, no harm done
    }
  }

  /** This tab was on stage before it was loaded again. */
  get mayResume() {
    return this.#remembered !== null;
  }

  get #remembered() {
    try {
      return sessionStorage.getItem(this.#key);
    } catch {
      return null;
    }
  }

  #changed() {
    this.dispatchEvent(new CustomEvent("change"));
  }
}
