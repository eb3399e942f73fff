/**
 * Which ways sound and picture can take from here to the server: UDP, or TCP through firewalls that let nothing else pass, or a relay.
 * The server answers an offer with a candidate for each; for every try all others are struck out. No DOM access.
 */

/** @typedef {"udp" | "tcp" | "relay"} Path "relay": over a TURN server, whatever way leads to it */
/** @typedef {"works" | "blocked" | "unavailable"} Finding */

const CONNECT_MS = 7_000;
const ANSWER_MS = 8_000;

/**
 * @param {Path} path
 * @param {{url?: string, patience?: number, relays?: import("./relays.js").Relays}} [options]
 * @returns {Promise<Finding>} "unavailable": the server's media could not be asked, so nothing is known
 */
export async function tryPath(path, { url = "/api/check", patience = CONNECT_MS, relays = async () => [] } = {}) {
  const iceServers = path === "relay" ? await relays() : [];
  const iceTransportPolicy = path === "relay" ? "relay" : "all";
  const connection = new RTCPeerConnection({ bundlePolicy: "max-bundle", rtcpMuxPolicy: "require", iceServers, iceTransportPolicy });
  try {
    const line = connection.addTransceiver("audio", { direction: "recvonly" });
    await connection.setLocalDescription();
    const answer = await ask(url, connection.localDescription?.sdp ?? "", String(line.mid));
    if (answer === undefined) return "unavailable";
    const sdp = path === "relay" ? answer : onlyPath(answer, path);
    if (!sdp.includes("a=candidate:")) return "blocked"; // the server does not offer this way at all
    await connection.setRemoteDescription({ type: "answer", sdp });
    return (await connected(connection, patience)) ? "works" : "blocked";
  } finally {
    connection.close();
  }
}

/** An SDP answer without the candidates (RFC 8839, 5.1) of other transports. @param {string} sdp @param {"udp" | "tcp"} path */
export function onlyPath(sdp, path) {
  return sdp.replace(/^a=candidate:\S+ \S+ (\S+) .*(?:\r?\n|$)/gm, (line, transport) => (transport.toLowerCase() === path ? line : ""));
}

/** @param {string} url @param {string} sdp @param {string} mid @returns {Promise<string | undefined>} */
async function ask(url, sdp, mid) {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ sdp, uses: { [mid]: "audio" } }),
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    return response.ok ? (await response.json()).sdp : undefined;
  } catch {
    return undefined;
  }
}

/** @param {RTCPeerConnection} connection @param {number} patience milliseconds @returns {Promise<boolean>} */
function connected(connection, patience) {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), patience);
    const look = () => {
      const state = connection.connectionState;
      if (state !== "connected" && state !== "failed" && state !== "closed") return;
      clearTimeout(timer);
      resolve(state === "connected");
    };
    connection.addEventListener("connectionstatechange", look);
    look();
  });
}
