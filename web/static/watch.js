/** Looks at a connection's statistics now and then, and says what is wrong. Neighbours: `quality.js` judges, `media.js` asks. */

import { judge, lookAt, pausedOf } from "./quality.js";

/** A picture that has not come for so long is paused; a shared screen that does not change sends little. */
const PAUSED_MS = 6_000;

export class Watch {
  /** The last ones, oldest first, as far back as a pause takes. @type {{at: number, look: import("./quality.js").Look}[]} */
  #looks = [];
  #peer;

  /** @param {import("./peer.js").Peer} peer */
  constructor(peer) {
    this.#peer = peer;
    void this.look(new Map());
  }

  /** @param {ReadonlyMap<string, number>} expected slots whose pictures should arrive, each with since when */
  async look(expected) {
    const { connection, slots } = this.#peer;
    const look = await lookAt(connection);
    const now = Date.now();
    const before = this.#looks[this.#looks.length - 1]?.look ?? look;
    const isOld = (/** @type {number} */ at) => now - at >= PAUSED_MS;
    while (this.#looks[1] && isOld(this.#looks[1].at)) this.#looks.shift();
    const first = this.#looks[0];
    this.#looks.push({ at: now, look });
    const due = [...expected].filter(([, since]) => isOld(since)).map(([slot]) => slot);
    const paused = first && isOld(first.at) ? pausedOf(slots, due, first.look, look) : new Set();
    return { reasons: judge(before, look, { isPaused: paused.size > 0 }), paused };
  }
}
