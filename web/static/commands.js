/**
 * The commands that wait for their acknowledgement: numbered, sent, sent again after a reconnect, settled once. No DOM access.
 * Neighbour: `protocol.js`, which has the connection.
 *
 * @import {Command} from "../types/messages"
 */

/** Commands that wait for their acknowledgement. When so many wait, further ones are refused with `queue_full`. */
export const MOST_WAITING = 64;
/** Of `server/socket.py`: the server closes a connection that sends more in one frame, and would again after every reconnect. */
const MOST_BYTES = 16_384;

/**
 * @typedef {{stream: string, command: Command, sentAt: number, resolve: (result: Record<string, unknown>) => void,
 *   reject: (error: Refusal) => void}} Waiting
 */

/** What a command was refused with. Match `code`; show `message`. */
export class Refusal extends Error {
  /** @param {string} code @param {string} message translated by the server; empty for codes of the browser's own */
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

export class Commands {
  /** @type {Map<number, Waiting>} */
  #waiting = new Map();
  #lastId = 0;
  #send;
  #now;

  /** @param {(frame: object) => void} send @param {() => number} now milliseconds */
  constructor(send, now) {
    this.#send = send;
    this.#now = now;
  }

  /**
   * Puts a command in line, and sends it if there is contact. The promise is what `Connection.do` tells.
   * @param {string} stream @param {Command} command @param {boolean} isConnected @returns {Promise<Record<string, unknown>>}
   */
  put(stream, command, isConnected) {
    if (this.#waiting.size >= MOST_WAITING) return Promise.reject(new Refusal("queue_full", ""));
    return new Promise((resolve, reject) => {
      const id = ++this.#lastId;
      const { length } = new TextEncoder().encode(JSON.stringify({ type: "do", id, stream, command }));
      if (length > MOST_BYTES) return reject(new Refusal("too_large", ""));
      this.#waiting.set(id, { stream, command, sentAt: 0, resolve, reject });
      if (isConnected) this.#sendOne(id);
    });
  }

  /** Sends all that wait, under the ids they had: the server does each once. */
  sendAll() {
    for (const id of this.#waiting.keys()) this.#sendOne(id);
  }

  /** Whose answer has come; it waits no longer. @param {number} id @returns {Waiting | undefined} */
  take(id) {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    return waiting;
  }

  /** When the one that waits longest was sent; `Infinity` if none waits. */
  get oldestSentAt() {
    return Math.min(...[...this.#waiting.values()].map(({ sentAt }) => sentAt));
  }

  /** @param {string} code */
  rejectAll(code) {
    const all = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of all) reject(new Refusal(code, ""));
  }

  /** @param {number} id */
  #sendOne(id) {
    const waiting = /** @type {Waiting} */ (this.#waiting.get(id));
    waiting.sentAt = this.#now();
    this.#send({ type: "do", id, stream: waiting.stream, command: waiting.command });
  }
}
