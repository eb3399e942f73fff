/**
 * A room's shared notes: the same document as the server's, kept in step with it. What one writes is in the page at once and
 * on the server a moment later; without a network it waits. No DOM access. Neighbours: `views/notes.js`, which shows them;
 * `note-text.js`; on the server `server/notes`.
 *
 * Events: `change` when the text or the status has changed, with `detail.delta` if others have written.
 */

import { editOf } from "./note-text.js";
import { Refusal } from "./protocol.js";

/** As the document names its one text. */
const TEXT = "notes";
/** The server takes a little more, as several write at once. */
export const MOST_CHARACTERS = 10_000;
/** Between two deliveries of what one writes. */
const PAUSE_MS = 300;
/** How often it is asked for what may not have been heard. */
const LOOK_MS = 15_000;
const RETRY_MS = 2_000;
/** An answer that has not come by then is asked for again: the network may be another one. */
const ANSWER_MS = 15_000;

/** Nobody is kept in a room for longer, by a network that does not answer. */
const FLUSH_MS = 1_500;

/**
 * @typedef {"loading" | "saved" | "saving" | "offline" | "refused"} NotesStatus
 * @typedef {(body: {update: string, vector: string}) => Promise<{update: string, vector: string}>} Exchange asks the server; throws a `Refusal`
 * @typedef {typeof import("yjs")} Yjs
 */

export class Notes extends EventTarget {
  /** @type {NotesStatus} */
  status = "loading";
  /** Why it was refused, in words. */
  problem = "";

  #exchange;
  #pause;
  #retry;
  /** @type {Yjs | undefined} */
  #yjs;
  /** @type {import("yjs").Doc | undefined} */
  #document;
  /** @type {import("yjs").UndoManager | undefined} */
  #undo;
  /** How much the server has. @type {Uint8Array | undefined} */
  #vector;
  /** Whether there is something that the server does not have. */
  #isDirty = false;
  #isAsking = false;
  /** There is nothing to be had here any more. */
  #isGone = false;
  #isClosed = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {Exchange} exchange @param {{pause?: number, retry?: number}} [times] in milliseconds */
  constructor(exchange, { pause = PAUSE_MS, retry = RETRY_MS } = {}) {
    super();
    this.#exchange = exchange;
    this.#pause = pause;
    this.#retry = retry;
  }

  get text() {
    return this.#document?.getText(TEXT).toString() ?? "";
  }

  /** True as soon as one can write: what others have written is there. */
  get isReady() {
    return this.#vector !== undefined;
  }

  async open() {
    try {
      this.#yjs = await import("yjs");
    } catch {
      if (this.#isClosed) return;
      this.#become("offline");
      this.#again(this.#retry, () => void this.open());
      return;
    }
    if (this.#isClosed) return;
    this.#document = new this.#yjs.Doc();
    const text = this.#document.getText(TEXT);
    this.#undo = new this.#yjs.UndoManager(text, { trackedOrigins: new Set([this]), captureTimeout: 500 });
    text.observe((event, transaction) => {
      const isOwn = transaction.origin === this || transaction.origin === this.#undo;
      this.#tell(transaction.origin === this ? undefined : event.delta);
      if (isOwn) this.#touch();
    });
    await this.#ask();
  }

  /** What the page's text is now. @param {string} after @param {number} caret */
  write(after, caret) {
    if (!this.#document || after === this.text) return;
    const text = this.#document.getText(TEXT);
    const { start, removed, added } = editOf(this.text, after, caret);
    this.#document.transact(() => {
      if (removed) text.delete(start, removed);
      if (added) text.insert(start, added);
    }, this);
  }

  /** Takes back what oneself wrote, and nothing of others'. */
  undo() {
    this.#undo?.undo();
  }

  redo() {
    this.#undo?.redo();
  }

  /** What the server tells that somebody wrote. @param {string} update */
  heed(update) {
    if (!this.#document) return;
    this.#apply(update);
    if (this.#document.store.pendingStructs) this.look(); // something before it was not heard
  }

  /** Asks for what may have been missed, and brings what waits: after a connection was lost. */
  look() {
    if (this.#document && !this.#isClosed && !this.#isGone) this.#again(0);
  }

  /** Brings what waits at once, before one leaves the room and may write no more. */
  flush() {
    return Promise.race([this.#flush(), new Promise((resolve) => setTimeout(resolve, FLUSH_MS))]);
  }

  async #flush() {
    while (this.#isAsking) await new Promise((resolve) => this.addEventListener("change", resolve, { once: true }));
    if (this.#isDirty && !this.#isClosed && !this.#isGone) await this.#ask();
  }

  close() {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    if (this.#isDirty && !this.#isGone) void this.#exchange(this.#body()).catch(() => {}); // the last words
    this.#undo?.destroy();
  }

  #touch() {
    this.#isDirty = true;
    if (this.#isGone) return;
    if (this.status === "saved") this.#become("saving");
    if (!this.#isAsking && this.status !== "offline") this.#again(this.#pause);
  }

  /** @param {number} ms @param {() => void} [work] */
  #again(ms, work = () => void this.#ask()) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(work, ms);
  }

  async #ask() {
    if (this.#isAsking || this.#isClosed) return;
    this.#isAsking = true;
    const body = this.#body();
    const wasDirty = this.#isDirty;
    this.#isDirty = false;
    try {
      const { update, vector } = await this.#exchange(body);
      this.#vector = bytes(vector);
      this.#apply(update);
      this.problem = "";
      this.#become(this.#isDirty ? "saving" : "saved");
      this.#again(this.#isDirty ? this.#pause : LOOK_MS);
    } catch (error) {
      this.#isDirty ||= wasDirty;
      this.#fail(error);
    } finally {
      this.#isAsking = false;
    }
  }

  /** @param {unknown} error */
  #fail(error) {
    const isFinal = error instanceof Refusal && !PASSING.has(error.code);
    this.#isGone = isFinal && GONE.has(error.code);
    this.problem = isFinal ? error.message : "";
    this.#become(isFinal ? "refused" : "offline");
    if (!this.#isClosed && !this.#isGone) this.#again(isFinal ? LOOK_MS : this.#retry);
  }

  #body() {
    const { encodeStateAsUpdate, encodeStateVector } = /** @type {Yjs} */ (this.#yjs);
    const document = /** @type {import("yjs").Doc} */ (this.#document);
    return { update: this.#isDirty ? text64(encodeStateAsUpdate(document, this.#vector)) : "", vector: text64(encodeStateVector(document)) };
  }

  /** @param {string} update */
  #apply(update) {
    if (!update || !this.#yjs || !this.#document) return;
    this.#yjs.applyUpdate(this.#document, bytes(update), "server");
  }

  /** @param {NotesStatus} status */
  #become(status) {
    this.status = status;
    this.#tell();
  }

  /** @param {import("./note-text.js").Delta} [delta] */
  #tell(delta) {
    this.dispatchEvent(new CustomEvent("change", { detail: { delta } }));
  }
}

/** Refusals that end by themselves, and those after which there is nothing to be had any more. */
const PASSING = new Set(["try_again", "read_only", "too_fast", "crowded", "full_house"]);
const GONE = new Set(["not_found", "forbidden", "not_signed_in"]);

/** Asks the server at an address. @param {string} address @returns {Exchange} */
export function exchangeAt(address) {
  return async (body) => {
    const request = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), keepalive: true };
    const response = await fetch(address, { ...request, signal: AbortSignal.timeout(ANSWER_MS) });
    const answer = await response.json();
    if (!response.ok) throw new Refusal(answer.code, answer.message);
    return answer;
  };
}

/** @param {Uint8Array} data */
function text64(data) {
  let found = "";
  for (const byte of data) found += String.fromCharCode(byte);
  return btoa(found);
}

/** @param {string} text */
function bytes(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
