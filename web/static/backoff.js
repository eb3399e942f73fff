/**
 * When to try again: exponentially later and jittered, so that after a restart not everybody comes back at once.
 * Used by `protocol.js` for the socket and by `media.js` for sound and picture.
 */

export class Backoff {
  #first;
  #most;
  #random;
  #attempt = 0;

  /** @param {{first?: number, most?: number, random?: (() => number) | undefined}} [options] milliseconds */
  constructor({ first = 200, most = 5_000, random = Math.random } = {}) {
    this.#first = first;
    this.#most = most;
    this.#random = random;
  }

  /** Milliseconds to wait before the next attempt; `slowly`: the longest wait at once. @param {{slowly?: boolean}} [how] */
  next({ slowly = false } = {}) {
    const reach = slowly ? this.#most : Math.min(this.#most, this.#first * 2 ** this.#attempt);
    this.#attempt += 1;
    return reach * (0.5 + this.#random() / 2);
  }

  /** The attempt has succeeded. */
  reset() {
    this.#attempt = 0;
  }
}
