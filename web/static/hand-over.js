/**
 * When a new connection may take the place of one that still plays: as soon as as much flows in it. A room that moves to another node has
 * its speakers there a moment before its listeners, or after. Neighbour: `media.js`.
 */

/** Nobody waits longer: what has not come by then is not about to. */
const MOST_MS = 3_000;
const LOOK_MS = 50;

/** @typedef {{video: number, audio: number}} Flows how many pictures, and how many sounds */

export class HandOver {
  #old;
  #before;

  /** @param {import("./peer.js").Peer} old that still plays */
  constructor(old) {
    this.#old = old;
    this.#before = progress(old);
  }

  /** Waits until what flowed in the old one flows in the other. @param {import("./peer.js").Peer} next @param {() => boolean} isOver nothing is to be waited for any more */
  async until(next, isOver) {
    const wanted = grown(await this.#before, await progress(this.#old));
    const end = Date.now() + MOST_MS;
    while (!isOver() && Date.now() < end) {
      const come = grown(new Map(), await progress(next));
      if (come.video >= wanted.video && come.audio >= Math.min(wanted.audio, 1)) return; // others may be silent just now
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }
}

/** Pictures decoded, and samples that were received and not made up, by stream. @param {import("./peer.js").Peer} peer */
async function progress({ connection }) {
  const received = [...(await connection.getStats()).values()].filter(({ type }) => type === "inbound-rtp");
  return new Map(
    received.map(({ id, kind, framesDecoded = 0, totalSamplesReceived = 0, concealedSamples = 0 }) => [
      id,
      { kind, amount: kind === "video" ? framesDecoded : totalSamplesReceived - concealedSamples },
    ]),
  );
}

/** @param {Awaited<ReturnType<typeof progress>>} before @param {Awaited<ReturnType<typeof progress>>} after @returns {Flows} */
function grown(before, after) {
  const flows = { video: 0, audio: 0 };
  for (const [id, { kind, amount }] of after) {
    if (amount > (before.get(id)?.amount ?? 0)) flows[/** @type {"video" | "audio"} */ (kind)] += 1;
  }
  return flows;
}
