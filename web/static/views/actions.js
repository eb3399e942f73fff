/**
 * What a page has asked for and not heard back of, and what was refused: one entry per control, so that the answer is
 * shown beside what was pressed. Neighbour: `words.js`, which says refusals.
 */

import { Refusal } from "../protocol.js";
import { explain } from "./words.js";

export class Actions {
  /** @type {Set<string>} */
  #busy = new Set();
  /** @type {Map<string, string>} */
  #problems = new Map();
  /** @type {Map<string, unknown>} */
  #wishes = new Map();
  #changed;

  /** @param {() => void} changed asks for a new picture */
  constructor(changed) {
    this.#changed = changed;
  }

  /** @param {string} key */
  isBusy(key) {
    return this.#busy.has(key);
  }

  /** The last refusal of a control, in words, or "". @param {string} key */
  problem(key) {
    return this.#problems.get(key) ?? "";
  }

  /** @param {string} key @param {string} text "" takes it away */
  setProblem(key, text) {
    if (text) this.#problems.set(key, text);
    else this.#problems.delete(key);
    this.#changed();
  }

  /**
   * What was wished last of a control that `bring` serves, as long as the server does not have it.
   * @param {string} key
   */
  wished(key) {
    return this.#wishes.get(key);
  }

  /**
   * Brings a wish to the server. However fast wishes come, one is under way at a time, and the last one is brought last.
   * @template W
   * @param {string} key the control @param {W} wish @param {(wish: W) => Promise<unknown>} send
   */
  async bring(key, wish, send) {
    this.#wishes.set(key, wish);
    this.#changed();
    while (this.#wishes.has(key) && !this.isBusy(key)) {
      const sent = /** @type {W} */ (this.#wishes.get(key));
      await this.run(key, () => send(sent));
      if (this.#wishes.get(key) === sent) this.#wishes.delete(key);
    }
    this.#changed();
  }

  /**
   * Does something once at a time.
   * @param {string} key the control
   * @param {() => Promise<unknown>} work
   * @param {Record<string, string>} [words] what to say for certain codes, where the control knows better than the server
   * @returns {Promise<boolean>} true if it succeeded
   */
  async run(key, work, words = {}) {
    if (this.#busy.has(key)) return false;
    this.#busy.add(key);
    this.setProblem(key, "");
    try {
      await work();
      return true;
    } catch (error) {
      this.setProblem(key, (error instanceof Refusal && words[error.code]) || explain(error));
      return false;
    } finally {
      this.#busy.delete(key);
      this.#changed();
    }
  }
}
