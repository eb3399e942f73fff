/**
 * Carries a person between the plenary and breakout rooms: the second connection, and what their devices do meanwhile. The plenary's
 * connection stays, so that whoever speaks to all rooms is heard at once, and the way back is the end of the other. No DOM access.
 *
 * Devices go on as they are from room to room. Who was on stage has there again what was on before; who was not is seen and heard by nobody
 * in the plenary, so theirs are freed, and come on again in the next room as they were left in the last. Nothing is switched on that the
 * person has not switched on once (`hasJoined`). Neighbours: `media.js`, one connection; `speaker.js`, the stage.
 *
 * Events: `change` when anything a page shows of it may have changed; `problem` {device, error} when a device did not open.
 */

import { StageMedia } from "./media.js";

/** @typedef {{camera: boolean, microphone: boolean}} Left what somebody left switched on */
/** @typedef {{roomId: string, isVisiting: boolean}} Place `roomId` is "" in the plenary; who visits sends nothing */
/** @typedef {Pick<Storage, "getItem" | "setItem">} Memory */

/** @type {Place} */
const PLENARY = { roomId: "", isVisiting: false };
/** @type {Left} */
const OFF = { camera: false, microphone: false };
const KINDS = /** @type {const} */ (["camera", "microphone"]);

export class Carrier extends EventTarget {
  /** The room's sound and picture; null in the plenary. @type {StageMedia | null} */
  media = null;
  /** The microphone is on only while it is held: it does not come on by itself. */
  isPushing = () => false;
  #url;
  #stage;
  #speaker;
  #relays;
  #memory;
  /** Where the person is. */
  #place = PLENARY;
  /** False until it is first said where the person is: before that, what was left on stage may be from before a reload. */
  #isPlaced = false;
  /** What shall be on there, once the devices have followed. @type {Left} */
  #wanted = OFF;
  #isSettling = false;
  /** Sound alone, as in the plenary. */
  #isLean = false;

  /**
   * @param {string} url what comes before the room's id @param {StageMedia} stage the plenary's @param {import("./speaker.js").Speaker} speaker
   * @param {import("./relays.js").Relays} [relays] @param {Memory} [memory]
   */
  constructor(url, stage, speaker, relays, memory = tabMemory()) {
    super();
    this.#url = url;
    this.#stage = stage;
    this.#speaker = speaker;
    this.#relays = relays;
    this.#memory = memory;
    speaker.addEventListener("change", () => this.#isLean === speaker.isLean || this.#watch());
    stage.capture.addEventListener("change", () => this.#remember());
  }

  /** The room one is in, "" in the plenary. */
  get roomId() {
    return this.#place.roomId;
  }

  /** One hears and sees, and sends nothing. */
  get isVisiting() {
    return this.#place.isVisiting;
  }

  /** True from the first time that somebody has used camera or microphone in a room: from then on these come on by themselves. */
  get hasJoined() {
    return this.#left("room") !== null;
  }

  /** Received tracks by slot. @returns {Map<string, MediaStreamTrack>} */
  get slots() {
    return this.media?.slots ?? new Map();
  }

  /** Goes where the person shall be; asked for again, nothing happens. @param {string} roomId "": the plenary @param {boolean} [isVisiting] */
  go(roomId, isVisiting = false) {
    const from = this.#place;
    const to = roomId ? { roomId, isVisiting } : PLENARY;
    const isLoadedThere = !this.#isPlaced && this.#speaker.isHere && this.#left("stage") !== null;
    this.#isPlaced = true;
    if (isSame(from, to)) return;
    if (!from.roomId && !isLoadedThere) this.#store("stage", this.#speaker.isHere ? this.#now : null);
    this.#wanted = this.#wantedIn(from, to) ?? OFF;
    this.#place = to;
    this.media?.stop();
    this.media = this.#stage.companion = to.roomId ? this.#open(to) : null;
    this.#watch(); // before any device, which may have to be asked for: one hears the others at once
    if (to.roomId) void this.#speaker.stepAside(true);
    else if (!this.#speaker.isHere) this.#stage.capture.stop();
    void this.#settle();
    this.#changed();
  }

  /** The first time: camera and microphone on, as far as there are any. */
  async joinIn() {
    await this.#switch({ camera: true, microphone: true });
    if (!this.hasJoined) this.#store("room", { camera: false, microphone: false });
    this.#changed();
  }

  /** The page goes away. */
  stop() {
    this.media?.stop();
  }

  /** The devices follow, one movement after the other: opening one can take as long as somebody ponders. */
  async #settle() {
    if (this.#isSettling) return;
    this.#isSettling = true;
    try {
      for (let place = null; place !== this.#place; ) {
        place = this.#place;
        await this.#stage.capture.setScreen(false);
        await this.#switch(this.#wanted, () => place === this.#place);
        if (this.#place.roomId) continue;
        this.#store("stage", null); // it is on again
        await this.#speaker.stepAside(false);
      }
    } finally {
      this.#isSettling = false;
      this.#changed();
    }
  }

  /** What shall be on. @param {Place} from @param {Place} to @returns {Left | null} */
  #wantedIn(from, to) {
    if (to.isVisiting) return null;
    if (!to.roomId) return this.#speaker.isHere ? this.#left("stage") : null;
    const now = this.#now;
    const isSent = this.#speaker.isHere && (now.camera || now.microphone); // what is looked at backstage is not meant for a room
    return (from.roomId && !from.isVisiting) || isSent ? { camera: now.camera, microphone: now.microphone } : this.#left("room");
  }

  /** What is on, or shall be as soon as the devices have followed. @returns {Left} */
  get #now() {
    return this.#isSettling ? this.#wanted : this.#stage.capture.switches;
  }

  /** @param {Place} place */
  #open({ roomId }) {
    const media = new StageMedia(`${this.#url}${roomId}`, this.#relays, this.#stage.capture);
    for (const type of ["status", "slots", "quality"]) media.addEventListener(type, () => this.#changed());
    return media;
  }

  #watch() {
    this.#isLean = this.#speaker.isLean;
    this.media?.start({ publish: !this.#place.isVisiting, video: !this.#isLean, isCircle: true });
  }

  /** @param {Left} left @param {() => boolean} [isStill] false: that is not wished any more */
  async #switch(left, isStill = () => true) {
    const { capture } = this.#stage;
    const wanted = { camera: left.camera, microphone: left.microphone && !this.isPushing() };
    for (const kind of KINDS) {
      if (!isStill() || capture.switches[kind] === wanted[kind]) continue;
      try {
        await (kind === "camera" ? capture.setCamera(wanted.camera) : capture.setMicrophone(wanted.microphone));
      } catch (error) {
        this.dispatchEvent(new CustomEvent("problem", { detail: { device: kind, error } }));
      }
    }
  }

  /** What is switched by hand in a room is how it is left. */
  #remember() {
    const { roomId, isVisiting } = this.#place;
    const { camera, microphone } = this.#stage.capture.switches;
    if (!this.#isSettling && roomId && !isVisiting && !this.#speaker.speaksToAll && (camera || microphone || this.hasJoined)) this.#store("room", { camera, microphone });
    this.#changed();
  }

  /** @param {"room" | "stage"} where @returns {Left | null} */
  #left(where) {
    try {
      return JSON.parse(this.#memory.getItem(`${KEY}.${where}`) ?? "null");
    } catch {
      return null;
    }
  }

  /** @param {"room" | "stage"} where @param {Left | null} left */
  #store(where, left) {
    try {
      this.#memory.setItem(`${KEY}.${where}`, JSON.stringify(left && { camera: left.camera, microphone: left.microphone }));
    } catch {
      // without storage a reload ends with everything off
    }
  }

  #changed() {
    this.dispatchEvent(new CustomEvent("change"));
  }
}

const KEY = "plenum.left";

/** The tab's own: it outlives a reload, and no other tab sees it. @returns {Memory} */
function tabMemory() {
  try {
    return sessionStorage;
  } catch {
    const kept = new Map();
    return { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => void kept.set(key, value) };
  }
}

/** @param {Place} one @param {Place} other */
function isSame(one, other) {
  return one.roomId === other.roomId && one.isVisiting === other.isVisiting;
}
