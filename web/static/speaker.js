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

export class Speaker extends EventTarget {
  /** This tab sends sound and picture. */
  isHere = false;
  /** The viewer wants sound alone. */
  isLean = false;
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
    this.#media.start({ publish: this.isHere, video: !this.isLean });
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
    this.watch();
    await Promise.allSettled(wanted.map((device) => this.set(device, true)));
    await this.#tell();
    this.#changed();
    return true;
  }

  #stepDown() {
    this.isHere = false;
    this.#remember();
    this.#media.capture.stop();
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
    return this.#connection.do(this.#stream, { type: "stage.set_media", ...this.#media.capture.switches });
  }

  get #key() {
    return `plenum.stage.${this.#stream}`;
  }

  /** In the tab's own storage: it outlives a reload, and no other tab sees it. */
  #remember() {
    try {
      if (this.isHere) sessionStorage.setItem(this.#key, "here");
      else sessionStorage.removeItem(this.#key);
    } catch {
      // without storage a reload ends at the backstage, no harm done
    }
  }

  /** This tab was on stage before it was loaded again. */
  get mayResume() {
    try {
      return sessionStorage.getItem(this.#key) === "here";
    } catch {
      return false;
    }
  }

  #changed() {
    this.dispatchEvent(new CustomEvent("change"));
  }
}
