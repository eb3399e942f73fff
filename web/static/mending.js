/**
 * Finds a new way to the server for a connection whose network died or changed (ICE restart), again and again until the network
 * lets the question through: after an outage this is all it takes. No DOM access. Neighbours: `media.js` decides when, and
 * offers anew if it does not help; `peer.js` asks.
 */

import { Backoff } from "./backoff.js";

/**
 * @typedef {"overdue" | "hopeless" | "ended"} Outcome "overdue": a connection has had time enough to come up; "hopeless": the server
 *   does not know it any more, or the browser does not take its answer; "ended": nobody wants to know
 */

/** A restart that the server has answered leads to a connection within this time, TCP included. */
const COME_UP_MS = 6_000;

export class Mending {
  #peer;
  #backoff = new Backoff({ first: 300, most: 3_000 });
  #wake = () => {};
  #hasEnded = false;
  /** The server has answered: the rest is for the browser to do. */
  #isAnswered = false;

  /** @param {{restart: () => Promise<void>}} peer */
  constructor(peer) {
    this.#peer = peer;
  }

  /** @returns {Promise<Outcome>} */
  async run() {
    while (!this.#isAnswered && !this.#hasEnded) {
      try {
        await this.#peer.restart();
        this.#isAnswered = true;
      } catch (error) {
        if (!isOfTheNetwork(error)) return "hopeless";
      }
      if (!this.#hasEnded) await this.#pause(this.#isAnswered ? COME_UP_MS : this.#backoff.next());
    }
    return this.#hasEnded ? "ended" : "overdue";
  }

  /** There is reason to believe that the network is back. */
  tryNow() {
    if (this.#isAnswered) return;
    this.#backoff.reset();
    this.#wake();
  }

  /** No longer wanted. */
  end() {
    this.#hasEnded = true;
    this.#wake();
  }

  /** @param {number} milliseconds @returns {Promise<void>} */
  #pause(milliseconds) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** What `fetch` raises when nobody answers. @param {unknown} error */
function isOfTheNetwork(error) {
  return error instanceof TypeError || (error instanceof DOMException && ["TimeoutError", "AbortError"].includes(error.name));
}
