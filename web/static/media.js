/**
 * Sound and picture of a session: keeps one media connection alive and what is captured in it. No DOM access.
 * When the network dies or changes, the connection is kept and finds a new way (`mending.js`). Whatever that does not mend, and
 * whatever happens to the engine, it offers again by itself, later and later, until it is stopped or refused for a reason
 * that will not pass. A changed wish (a viewer goes on stage, picture is switched off) is a new connection, and
 * the old one goes on until the new one is up. When the room moves to another node, the old one goes on until what it played comes by the
 * new one (`hand-over.js`), and who speaks is heard by both for a moment.
 *
 * Neighbours: `peer.js` (one connection), `capture.js` (what is sent), `watch.js` (how it arrives).
 * Events: `status` when `status` has changed; `slots` when `slots` (tracks by slot) has; `quality` when `quality` has.
 */

import { Backoff } from "./backoff.js";
import { Capture } from "./capture.js";
import { HandOver } from "./hand-over.js";
import { Mending } from "./mending.js";
import { MediaRefusal, Peer } from "./peer.js";
import { Watch } from "./watch.js";

/**
 * @typedef {"off" | "connecting" | "connected" | "reconnecting" | "refused"} MediaStatusName
 * @typedef {{name: MediaStatusName, since: number, code?: string, message?: string}} MediaStatus
 */

/** A connection that stays "disconnected" so long is worth a word. */
const PATIENCE_MS = 3_000;
/** DTLS is done within this time, or something blocks it. */
const CONNECT_MS = 10_000;
const LOOK_MS = 3_000;
/** Somebody may have left a full hall after this time, or twice as much. */
const FULL_MS = 20_000;
/** A window that is being resized is told of once. */
const SHOW_MS = 200;
/** After the contact to the server was lost, it is told again within this time what only a page knows. */
const REMIND_MS = 2_000;
/** So few people in a breakout room are shown so large that the camera's full size is seen. */
const FEW = 4;
/** So long a speaker is sent to where the room was: not all who listen there have followed yet. */
const LINGER_MS = 2_500;
/** What time mends; everything else is for the page to say. */
const PASSING = new Set(["media_unavailable", "bad_offer", "try_again", "too_fast", "read_only", "not_in_room"]); // the last: another node knows later who moved

export class StageMedia extends EventTarget {
  /** What is sent: one's own devices, which a second connection may share. */
  capture;
  /** That second one, while there is one: what happens to the network or to the engine happens to both. @type {StageMedia | null} */
  companion = null;
  /** @type {MediaStatus} */
  status = { name: "off", since: Date.now() };
  /** @type {import("./quality.js").Level} */
  quality = "good";
  /** What is wrong with it, the worst first. @type {readonly import("./quality.js").Reason[]} */
  reasons = [];
  /** Slots whose pictures should arrive and do not. @type {ReadonlySet<string>} */
  paused = new Set();

  #url;
  /** @type {import("./peer.js").Wish | null} */
  #wish = null;
  /** The connection in use. @type {Peer | null} */
  #peer = null;
  /** The one that shall replace it. @type {Peer | null} */
  #next = null;
  /** While the room moves and the connection in use still plays. @type {HandOver | null} */
  #moving = null;
  /** The one before, by which a speaker is still heard. @type {Peer | null} */
  #leaving = null;
  #backoff = new Backoff({ first: 300, most: 8_000 });
  /** How the ids of connections begin that the engine has lost. @type {string[]} */
  #lost = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retry;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #patience;
  /** What finds the connection in use a new way. @type {Mending | null} */
  #mending = null;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #looking;
  /** How large each picture slot is shown. @type {Record<string, number>} */
  #heights = {};
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #showing;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #reminding;
  /** Slots whose pictures should arrive, each with since when. @type {Map<string, number>} */
  #expected = new Map();

  #relays;
  #ownsCapture;
  /** In a breakout room: whether the camera goes out in full size, too. */
  #isLarge = true;

  /**
   * @param {string} url where to offer: `/media/SESSION` @param {import("./relays.js").Relays} [relays]
   * @param {Capture} [capture] of another connection, which goes on with it
   */
  constructor(url, relays, capture) {
    super();
    this.#url = url;
    this.#relays = relays;
    this.#ownsCapture = !capture;
    this.capture = capture ?? new Capture();
    this.capture.addEventListener("change", this.#resend);
  }

  /** What one sends has changed. */
  #resend = () => {
    for (const peer of [this.#peer, this.#leaving]) void peer?.send(this.capture.tracks);
    if (this.#wish?.isCircle && this.#wish.publish) void this.#peer?.mute(!this.capture.switches.microphone);
  };

  /** How many see one another: where it is few, they are shown large. @param {number} people */
  gather(people) {
    this.#isLarge = people <= FEW;
    void this.#peer?.sendLarge(this.#isLarge);
  }

  /** Received tracks by slot (`audio0`, `video0`, `screen0`, …); empty while there is no connection. @returns {Map<string, MediaStreamTrack>} */
  get slots() {
    return this.#peer?.slots ?? new Map();
  }

  /** The video codecs that this browser can be shown; null while that is not known. */
  get decodes() {
    return this.#peer?.decodes ?? null;
  }

  /** The room is about to be elsewhere, and the connection in use still plays what was there. */
  get isMoving() {
    return this.#moving !== null;
  }

  /** What the browser counts of the connection in use, for support and tests. @returns {Promise<Record<string, any>[]>} */
  async statistics() {
    return [...((await this.#peer?.connection.getStats())?.values() ?? [])];
  }

  /** Starts, or changes what is sent and received. @param {import("./peer.js").Wish} wish */
  start(wish) {
    const same = this.#wish && this.#wish.publish === wish.publish && this.#wish.video === wish.video && this.#wish.isVoice === wish.isVoice;
    if (same && this.status.name !== "refused") return;
    this.#wish = wish;
    this.#backoff.reset();
    void this.#offer();
  }

  /**
   * Says how large the page shows picture slots, in device pixels of height; 0: not at all. Nothing is sent that nobody sees.
   * @param {Record<string, number>} heights slots that are not named stay as they were
   */
  show(heights) {
    if (Object.entries(heights).every(([slot, height]) => this.#heights[slot] === height)) return;
    this.#heights = { ...this.#heights, ...heights };
    clearTimeout(this.#showing);
    this.#showing = setTimeout(() => void this.#peer?.show(this.#heights), SHOW_MS);
  }

  /** Says which slots' pictures the page shows and somebody sends. @param {string[]} slots */
  expect(slots) {
    this.#expected = new Map(slots.map((slot) => [slot, this.#expected.get(slot) ?? Date.now()]));
  }

  /** Ends sending and receiving, and frees the devices, if they are nobody else's. */
  stop() {
    if (!this.#wish) return;
    this.#wish = null;
    this.#clear();
    clearTimeout(this.#showing);
    clearTimeout(this.#reminding);
    this.#replace(null);
    this.#leaving?.close();
    if (this.#ownsCapture) this.capture.stop();
    else this.capture.removeEventListener("change", this.#resend);
    this.#become("off");
  }

  /**
   * The engine is there anew and knows nobody: offer at once.
   * @param {string[]} [lost] how the ids of those begin whom it does not know any more; everybody, where none is named
   */
  reset(lost = []) {
    this.companion?.reset(lost);
    this.#lost.push(...lost);
    const concerned = [this.#peer, this.#next].filter((peer) => peer && (!lost.length || this.#isLost(peer)));
    if (lost.length && !concerned.length) return;
    for (const peer of concerned) peer?.forget();
    if (lost.length && this.#peer && isAlive(this.#peer) && concerned.includes(this.#peer)) this.#moving = new HandOver(this.#peer);
    this.#again();
  }

  /** @param {Peer} peer */
  #isLost(peer) {
    return Boolean(peer.id) && this.#lost.some((prefix) => peer.id.startsWith(prefix));
  }

  /** The network came back: try at once unless all is well. */
  nudge() {
    this.companion?.nudge();
    if (isAlive(this.#peer)) return;
    if (this.#peer && !this.#next) void this.#mend(this.#peer);
    else if (this.status.name === "reconnecting") this.#again();
  }

  /** There is contact with the server again, which may be another one, as it was killed: sound and picture went on by themselves. */
  remind() {
    this.companion?.remind();
    if (!isAlive(this.#peer)) return;
    clearTimeout(this.#reminding);
    this.#reminding = setTimeout(() => void this.#peer?.remind(this.#heights), REMIND_MS * Math.random()); // everybody is back at once
  }

  /** The network is another one: what seems well may be so no longer, and the browser would notice seconds later. */
  moved() {
    this.companion?.moved();
    if (this.#peer && !this.#next) void this.#mend(this.#peer);
    else this.nudge();
  }

  #again() {
    if (!this.#wish || this.status.name === "refused") return;
    this.#backoff.reset();
    void this.#offer();
  }

  #clear() {
    clearTimeout(this.#retry);
    this.#calm();
    this.#next?.close();
    this.#next = null;
  }

  #calm() {
    clearTimeout(this.#patience);
    this.#mending?.end();
    this.#mending = null;
  }

  /** @param {{isQuiet?: boolean}} [how] quiet: what was said before stands until it has come to something */
  async #offer({ isQuiet = false } = {}) {
    this.#clear();
    const wish = this.#wish;
    if (!wish) return;
    if (!isQuiet && this.status.name !== "connected" && this.status.name !== "reconnecting") this.#become("connecting");
    const peer = new Peer(this.#url, wish, this.#relays);
    this.#next = peer;
    peer.connection.onconnectionstatechange = () => this.#changed(peer);
    this.#patience = setTimeout(() => this.#failed(peer), CONNECT_MS);
    try {
      await peer.send(this.capture.tracks);
      await peer.negotiate();
      this.#heedEnd(peer);
      if (this.#isLost(peer)) this.#failed(peer); // told before the answer came
    } catch (error) {
      if (peer === this.#next) this.#offerFailed(peer, error);
    }
  }

  /** @param {Peer} peer @param {unknown} error */
  #offerFailed(peer, error) {
    if (!(error instanceof MediaRefusal) || PASSING.has(error.code)) return this.#failed(peer);
    this.#clear();
    this.#replace(null);
    this.#become("refused", error);
    if (error.code === "hall_full") this.#retry = setTimeout(() => this.#offer({ isQuiet: true }), FULL_MS * (1 + Math.random()));
  }

  /** The server ended it: the connection's own state would tell so only when ICE gives up, ten seconds later. @param {Peer} peer */
  #heedEnd(peer) {
    const transport = peer.connection.getTransceivers()[0]?.receiver.transport; // everything is bundled: the one there is
    if (transport) transport.onstatechange = () => void (transport.state === "closed" && this.#failed(peer));
  }

  /** @param {Peer} peer */
  #changed(peer) {
    const { connectionState: state } = peer.connection;
    const isInUse = peer === this.#peer && !this.#next;
    if (state === "connected") {
      this.#calm();
      if (peer === this.#next && this.#moving && isAlive(this.#peer)) void this.#takeOver(peer, this.#moving);
      else if (peer === this.#next) this.#replace(peer);
      else if (isInUse) this.#begin(peer);
      if (peer === this.#peer && !this.#next) this.#become("connected");
    } else if (state === "closed" || (state === "failed" && !isInUse)) {
      this.#failed(peer);
    } else if (isInUse && (state === "failed" || state === "disconnected")) {
      // Chromium also says "failed" for a moment as it takes the answer to a restart, if by then it has given up its old ways
      if (state === "failed") this.#lose();
      else this.#judge("poor");
      clearTimeout(this.#patience);
      this.#patience = setTimeout(() => this.#lose(), PATIENCE_MS);
      void this.#mend(peer);
    }
  }

  /** @param {Peer} peer @param {HandOver} moving */
  async #takeOver(peer, moving) {
    if (Object.keys(this.#heights).length) void peer.show(this.#heights);
    await moving.until(peer, () => peer !== this.#next || !isAlive(this.#peer));
    if (peer !== this.#next) return; // given up meanwhile
    this.#replace(peer);
    this.#become("connected");
  }

  /** Keeps the connection and finds it a new way, or offers anew if that is no use. @param {Peer} peer */
  async #mend(peer) {
    if (this.#mending) return this.#mending.tryNow();
    const mending = (this.#mending = new Mending(peer));
    const outcome = await mending.run();
    if (mending === this.#mending) this.#mending = null;
    if (outcome === "hopeless" || (outcome === "overdue" && !isAlive(peer))) this.#failed(peer);
  }

  /** Says that sound and picture are gone. */
  #lose() {
    this.#become("reconnecting");
    this.#judge("lost");
  }

  /** @param {Peer} peer */
  #failed(peer) {
    if (peer !== this.#next && (peer !== this.#peer || this.#next)) return; // not the one that counts any more
    this.#clear();
    if (!isAlive(this.#peer)) {
      this.#replace(null);
      this.#lose();
    }
    this.#retry = setTimeout(() => this.#offer(), this.#backoff.next());
  }

  /** @param {Peer | null} peer */
  #replace(peer) {
    const old = this.#peer;
    this.#peer = peer;
    if (peer === this.#next) this.#next = null;
    if (old?.wish.publish && this.#wish?.publish && this.#moving && isAlive(old)) this.#linger(old);
    else old?.close();
    this.#moving = null;
    clearInterval(this.#looking);
    if (peer) {
      this.#backoff.reset();
      void peer.send(this.capture.tracks); // what was switched meanwhile
      this.#begin(peer);
    }
    this.dispatchEvent(new CustomEvent("slots"));
  }

  /** @param {Peer} peer */
  #linger(peer) {
    this.#leaving?.close();
    this.#leaving = peer;
    setTimeout(() => {
      peer.close();
      if (this.#leaving === peer) this.#leaving = null;
    }, LINGER_MS);
  }

  /** It carries sound and picture from here on. @param {Peer} peer */
  #begin(peer) {
    if (Object.keys(this.#heights).length) void peer.show(this.#heights);
    if (peer.wish.isCircle && peer.wish.publish) {
      void peer.mute(!this.capture.switches.microphone);
      void peer.sendLarge(this.#isLarge);
    }
    this.#look(peer);
  }

  /** @param {Peer} peer */
  #look(peer) {
    clearInterval(this.#looking);
    const watch = new Watch(peer);
    this.#judge("good");
    this.#looking = setInterval(async () => {
      if (peer.connection.connectionState !== "connected") return;
      const { reasons, paused } = await watch.look(this.#expected);
      if (peer === this.#peer) this.#judge(reasons.length ? "poor" : "good", reasons, paused);
    }, LOOK_MS);
  }

  /** @param {import("./quality.js").Level} level @param {import("./quality.js").Reason[]} [reasons] @param {Set<string>} [paused] */
  #judge(level, reasons = [], paused = new Set()) {
    const isAsBefore = level === this.quality && `${reasons}` === `${this.reasons}` && `${[...paused]}` === `${[...this.paused]}`;
    Object.assign(this, { quality: level, reasons, paused });
    if (!isAsBefore) this.dispatchEvent(new CustomEvent("quality"));
  }

  /** @param {MediaStatusName} name @param {MediaRefusal} [refusal] */
  #become(name, refusal) {
    if (name === this.status.name && !refusal) return;
    this.status = { name, since: Date.now(), ...(refusal ? { code: refusal.code, message: refusal.message } : {}) };
    this.dispatchEvent(new CustomEvent("status"));
  }
}

/** @param {Peer | null} peer */
function isAlive(peer) {
  return peer?.connection.connectionState === "connected";
}
