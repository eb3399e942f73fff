/**
 * The TURN servers that the conference has for networks which let nothing else through, with credentials that end after some hours.
 * Neighbours: `peer.js` and `network-check.js` use them; `server/turn.py` makes them. No DOM access.
 *
 * @typedef {() => Promise<RTCIceServer[]>} Relays
 */

/** Without an answer so soon it goes without: most networks need no relay. */
const ANSWER_MS = 3_000;

/**
 * @param {boolean} areThere whether the conference has any; without, nothing is asked
 * @param {string} [url]
 * @returns {Relays} asks now, and again when half of their time is over; what there is while there is no answer
 */
export function relays(areThere, url = "/api/ice") {
  /** @type {RTCIceServer[]} */
  let servers = [];
  let renewAt = 0;
  /** @type {Promise<void> | null} */
  let asking = null;

  async function ask() {
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS) });
      if (!response.ok) return;
      const answer = await response.json();
      servers = answer.servers;
      renewAt = Date.now() + answer.seconds * 500;
    } catch {
      // the network is away: the next offer asks again
    } finally {
      asking = null;
    }
  }

  const get = async () => {
    if (areThere && Date.now() >= renewAt) await (asking ??= ask());
    return servers;
  };
  void get();
  return get;
}
