/**
 * The connection: one WebSocket that follows streams, sends commands and comes back by itself. No DOM access.
 * Neighbours: `streams.js` and `state.js`, which hold what is heard; `commands.js`, what waits to be acknowledged; `backoff.js`, which says
 * when to try again; `page.js`, which tells it about tabs and networks.
 *
 * Events (all `CustomEvent`s): `change` {stream} when a state, `mine` or who one is has changed; `event` {stream, seq, at, event};
 * `signal` {type, stream, …} as it came; `status` when the status has changed; `refused` {code, message} for a frame, not a command.
 *
 * @import {Command, Mine, Role, ServerFrame, SignalFrame, Signals, State} from "../types/messages"
 */

import { Backoff } from "./backoff.js";
import { Commands, Refusal } from "./commands.js";
import { apply, emptyState } from "./state.js";
import { heedSignal, newStream, remember } from "./streams.js";

export { MOST_WAITING, Refusal } from "./commands.js";

/** Silence after which the server is asked for a sign of life, and how long it has to give one. */
const SILENCE_MS = 30_000;
const ANSWER_MS = 5_000;
/** The same when there is reason to doubt. */
const DOUBT_MS = 2_000;

/**
 * @typedef {import("./streams.js").Stream} Stream
 * @typedef {"connecting" | "connected" | "reconnecting" | "signed_out" | "closed"} StatusName
 * @typedef {{name: StatusName, since: number}} Status `since` in milliseconds since 1970
 * @typedef {{set: (work: () => void, ms: number) => unknown, clear: (timer: any) => void}} Timers
 * @typedef {{follow: string[], url?: string, visible?: boolean, WebSocket?: any, now?: () => number, random?: () => number,
 *   timers?: Timers}} Options
 */

/** @param {Options} options @returns {Connection} */
export function connect(options) {
  const connection = new Connection(options);
  connection.open();
  return connection;
}

export class Connection extends EventTarget {
  /** @type {{person_id: string, name: string, roles: Role[]} | null} */
  me = null;
  /** @type {Status} */
  status;

  /** @type {Map<string, string>} */
  #names = new Map();
  #client = randomId();
  /** @type {Map<string, Stream>} */
  #streams = new Map();
  #commands;
  /** @type {WebSocket | null} */
  #socket = null;
  #visible;
  #offset = 0;
  #helloAt = 0;
  #heardAt = 0;
  /** When the answer to the question for life must be there; 0: none was asked. */
  #answerBy = 0;
  /** @type {unknown} */
  #timer = null;
  #options;
  #timers;
  #now;
  #backoff;

  /** @param {Options} options */
  constructor(options) {
    super();
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#timers = options.timers ?? { set: (work, ms) => setTimeout(work, ms), clear: (timer) => clearTimeout(timer) };
    this.#commands = new Commands((frame) => this.#send(frame), this.#now);
    this.#backoff = new Backoff({ random: options.random });
    this.#visible = options.visible ?? true;
    this.status = { name: "connecting", since: this.#now() };
    for (const stream of options.follow) this.#streams.set(stream, newStream());
  }

  /** The name of somebody whom a state or event mentioned; "" for who is not known (any more). @param {string} id */
  nameOf(id) {
    return this.#names.get(id) ?? "";
  }

  /** The state of a stream, or undefined until its first snapshot. @param {string} stream @returns {State | undefined} */
  state(stream) {
    return this.#streams.get(stream)?.state;
  }

  /** @param {string} stream @returns {Signals} */
  signals(stream) {
    return (this.#streams.get(stream) ?? newStream()).signals;
  }

  /** @param {string} stream @returns {Mine} */
  mine(stream) {
    return (this.#streams.get(stream) ?? newStream()).mine;
  }

  /** The server's clock, in milliseconds since 1970. @returns {number} */
  serverNow() {
    return this.#now() + this.#offset;
  }

  /**
   * Gives a command. Resolves when the server has acknowledged it, which is after it is durable; rejects with a `Refusal`.
   * While there is no contact it waits, and is sent again after a reconnect: the server does it once.
   * @param {string} stream
   * @param {Command} command
   * @returns {Promise<Record<string, unknown>>}
   */
  do(stream, command) {
    if (this.status.name === "signed_out" || this.status.name === "closed") {
      return Promise.reject(new Refusal(this.status.name === "closed" ? "closed" : "not_signed_in", ""));
    }
    return this.#commands.put(stream, command, this.status.name === "connected");
  }

  /** @param {string} stream */
  follow(stream) {
    if (this.#streams.has(stream)) return;
    this.#streams.set(stream, newStream());
    if (this.status.name === "connected") this.#send({ type: "follow", stream, since: 0 });
  }

  /** @param {string} stream */
  unfollow(stream) {
    if (this.#streams.delete(stream) && this.status.name === "connected") this.#send({ type: "unfollow", stream });
  }

  /** Tells the server whether the tab is in front. @param {boolean} visible */
  setVisible(visible) {
    if (visible === this.#visible) return;
    this.#visible = visible;
    if (this.status.name === "connected") this.#send({ type: "visibility", visible });
  }

  /** Something happened to the network: try at once, or make sure that the connection still lives. */
  nudge() {
    if (this.status.name === "connected") this.#askForLife(DOUBT_MS);
    else if (this.status.name === "reconnecting" && !this.#socket) this.open();
  }

  open() {
    this.#timers.clear(this.#timer);
    const Socket = this.#options.WebSocket ?? WebSocket;
    const socket = new Socket(this.#options.url ?? "/socket");
    this.#socket = socket;
    socket.onopen = () => this.#hello();
    socket.onmessage = (/** @type {{data: string}} */ message) => this.#receive(JSON.parse(message.data));
    socket.onclose = (/** @type {{code: number}} */ close) => this.#lost(close.code);
    this.#timer = this.#timers.set(() => this.#lost(0), 2 * ANSWER_MS);
  }

  /** Ends the connection for good; whatever waits is rejected with `closed`. */
  close() {
    this.#drop();
    this.#become("closed");
    this.#commands.rejectAll("closed");
  }

  #hello() {
    this.#helloAt = this.#now();
    const follow = Object.fromEntries([...this.#streams].map(([name, stream]) => [name, stream.seq]));
    this.#send({ type: "hello", client: this.#client, follow, visible: this.#visible });
  }

  /** @param {ServerFrame} frame */
  #receive(frame) {
    this.#heardAt = this.#now();
    this.#answerBy = 0;
    switch (frame.type) {
      case "welcome":
        return this.#welcome(frame);
      case "snapshot":
        this.#meet(frame.people);
        return this.#update(frame.stream, (stream) => Object.assign(stream, { seq: frame.seq, state: frame.state }));
      case "event":
        return this.#event(frame);
      case "caught_up":
        return this.#update(frame.stream, (stream) => (stream.seq = Math.max(stream.seq, frame.seq)));
      case "mine":
        return this.#update(frame.stream, (stream) => (stream.mine = { answers: frame.answers, votes: frame.votes }));
      case "ack":
        return this.#acknowledged(frame);
      case "refused":
        if (frame.id === null) return this.#tell("refused", { code: frame.code, message: frame.message });
        return this.#commands.take(frame.id)?.reject(new Refusal(frame.code, frame.message));
      case "resync":
        return; // the close that follows says it too
      default:
        return this.#signal(frame);
    }
  }

  /** @param {Extract<ServerFrame, {type: "welcome"}>} frame */
  #welcome({ person_id, name, roles, server_time }) {
    if (this.me && this.me.person_id !== person_id) return this.#becomeStranger();
    const now = this.#now();
    this.#offset = Date.parse(server_time) - (this.#helloAt + now) / 2;
    this.#backoff.reset();
    const hasOtherRoles = this.me !== null && [...this.me.roles].sort().join() !== [...roles].sort().join();
    this.me = { person_id, name, roles };
    if (hasOtherRoles) for (const stream of this.#streams.keys()) this.#send({ type: "follow", stream, since: 0 }); // other roles see other things
    // may be over; told again if not
    for (const { signals } of this.#streams.values()) Object.assign(signals, { media: "", delayed: false });
    this.#become("connected");
    this.#watch();
    this.#commands.sendAll();
    this.#tell("change", { stream: "" });
  }

  /** @param {Extract<ServerFrame, {type: "ack"}>} frame */
  #acknowledged({ id, result }) {
    const waiting = this.#commands.take(id);
    if (!waiting) return;
    this.#update(waiting.stream, (stream) => (stream.mine = remember(stream.mine, waiting.command)));
    waiting.resolve(result ?? {});
  }

  /** Somebody else has signed in in this browser: nothing that waits may be sent, or shown, as theirs. */
  #becomeStranger() {
    this.#drop();
    this.#become("signed_out");
    this.#commands.rejectAll("not_signed_in");
  }

  /** @param {Extract<ServerFrame, {type: "event"}>} frame */
  #event({ stream: name, seq, at, event, people }) {
    this.#meet(people);
    const stream = this.#streams.get(name);
    if (!stream || seq <= stream.seq) return; // heard already: what is told twice happens once
    stream.seq = seq;
    stream.state = apply(stream.state ?? emptyState(name), event);
    this.#tell("event", { stream: name, seq, at, event });
    this.#tell("change", { stream: name });
  }

  /** @param {Record<string, string>} people */
  #meet(people) {
    for (const [id, name] of Object.entries(people ?? {})) this.#names.set(id, name);
  }

  /** @param {SignalFrame} frame */
  #signal(frame) {
    const stream = this.#streams.get(frame.stream);
    if (stream && heedSignal(stream.signals, frame)) this.#tell("signal", frame);
  }

  /** @param {string} name @param {(stream: Stream) => void} work */
  #update(name, work) {
    const stream = this.#streams.get(name);
    if (!stream) return; // unfollowed while it was under way
    work(stream);
    this.#tell("change", { stream: name });
  }

  /** @param {number} code how the socket was closed; 0: given up */
  #lost(code) {
    this.#drop();
    if (code === 4401) {
      this.#become("signed_out");
      return this.#commands.rejectAll("not_signed_in");
    }
    if (code === 4400) this.#commands.rejectAll("bad_request"); // one of them is what the server could not read: never again
    if (this.status.name !== "reconnecting") this.#become("reconnecting", this.#heardAt || this.#now());
    this.#timer = this.#timers.set(() => this.open(), this.#backoff.next({ slowly: code === 4400 || code === 4429 }));
  }

  #drop() {
    this.#timers.clear(this.#timer);
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  /** A network can die without a word: ask after long silence, and come back if no answer follows. */
  #watch() {
    this.#timers.clear(this.#timer);
    this.#timer = this.#timers.set(() => {
      const now = this.#now();
      if (this.#answerBy && now >= this.#answerBy) return this.#lost(0);
      const unansweredSince = Math.max(this.#commands.oldestSentAt, this.#heardAt);
      if (now - this.#heardAt >= SILENCE_MS || now - unansweredSince >= ANSWER_MS) this.#askForLife(ANSWER_MS);
      this.#watch();
    }, 1_000);
  }

  /** Following again what is followed already costs the server one short answer. @param {number} patience milliseconds */
  #askForLife(patience) {
    const [name, stream] = [...this.#streams][0] ?? [];
    if (this.#answerBy || !name || !stream) return;
    this.#answerBy = this.#now() + patience;
    this.#send({ type: "follow", stream: name, since: stream.seq });
  }

  /** @param {object} frame */
  #send(frame) {
    this.#socket?.send(JSON.stringify(frame));
  }

  /** @param {StatusName} name @param {number} [since] */
  #become(name, since = this.#now()) {
    this.status = { name, since };
    this.#tell("status", this.status);
  }

  /** @param {string} type @param {object} detail */
  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** Not `randomUUID`, which browsers only have in secure contexts. @returns {string} */
function randomId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
