/**
 * How well sound and picture arrive, and what is wrong if they do not, from looks at a connection's statistics. Pure, but for
 * `lookAt`. Neighbours: `media.js` looks; `advice.js` says what one can do.
 *
 * @typedef {{received: number, lost: number, frozen: number, roundTrip: number, outgoingLoss: number, sent: number, room: number,
 *   isBusy: boolean, transport: string, arrived: Map<string, number>}} Look counters since the start; `roundTrip` in seconds,
 *   `outgoingLoss` a share, `room`: bit/s that the way out is thought to carry (0: not known), `isBusy`: the browser encodes less
 *   than it should for want of processor, `arrived`: packets by the id of the track
 * @typedef {"good" | "poor" | "lost"} Level
 * @typedef {"loss_down" | "loss_up" | "narrow" | "narrow_up" | "slow" | "busy" | "frozen" | "tcp"} Reason
 */

const POOR_LOSS = 0.03;
const POOR_ROUND_TRIP = 0.4;
/** bit/s: carries sound, and a picture of stamp size. */
const NARROW_BPS = 250_000;

/** @param {RTCPeerConnection} connection @returns {Promise<Look>} */
export async function lookAt(connection) {
  const stats = await connection.getStats();
  /** @type {Look} */
  const look = { received: 0, lost: 0, frozen: 0, roundTrip: 0, outgoingLoss: 0, sent: 0, room: 0, isBusy: false, transport: "", arrived: new Map() };
  stats.forEach((report) => {
    if (report.type === "inbound-rtp") {
      look.received += report.packetsReceived ?? 0;
      look.lost += Math.max(0, report.packetsLost ?? 0);
      look.frozen += report.freezeCount ?? 0;
      look.arrived.set(report.trackIdentifier ?? "", report.packetsReceived ?? 0);
    } else if (report.type === "candidate-pair" && report.nominated) {
      const local = stats.get(report.localCandidateId);
      look.roundTrip = report.currentRoundTripTime ?? 0;
      look.room = report.availableOutgoingBitrate ?? 0;
      look.transport = local?.relayProtocol ?? local?.protocol ?? "";
    } else if (report.type === "remote-inbound-rtp") {
      look.outgoingLoss = Math.max(look.outgoingLoss, report.fractionLost ?? 0);
    } else if (report.type === "outbound-rtp" && report.kind === "video") {
      look.sent += report.packetsSent ?? 0;
      look.isBusy ||= report.qualityLimitationReason === "cpu";
    }
  });
  return look;
}

/**
 * What is wrong, the worst first; nothing is fine.
 * @param {Look} before @param {Look} after
 * @param {{isPaused?: boolean}} [more] a picture that should arrive does not
 * @returns {Reason[]}
 */
export function judge(before, after, { isPaused = false } = {}) {
  const lost = Math.max(0, after.lost - before.lost);
  const received = Math.max(0, after.received - before.received);
  /** @type {Reason[]} */
  const reasons = [];
  if (after.outgoingLoss > POOR_LOSS) reasons.push("loss_up");
  if (lost / Math.max(1, lost + received) > POOR_LOSS) reasons.push("loss_down");
  if (isPaused) reasons.push("narrow");
  if (after.sent > before.sent && after.room > 0 && after.room < NARROW_BPS) reasons.push("narrow_up");
  if (after.roundTrip > POOR_ROUND_TRIP) reasons.push("slow");
  if (after.isBusy && after.sent > before.sent) reasons.push("busy");
  if (!reasons.length && after.frozen > before.frozen) reasons.push("frozen");
  if (reasons.length && after.transport === "tcp") reasons.push("tcp");
  return reasons;
}

/** Which of these slots brought nothing between two looks. @param {Map<string, MediaStreamTrack>} slots @param {Iterable<string>} expected @param {Look} before @param {Look} after */
export function pausedOf(slots, expected, before, after) {
  const packets = (/** @type {Look} */ look, /** @type {string} */ slot) => look.arrived.get(slots.get(slot)?.id ?? "") ?? 0;
  return new Set([...expected].filter((slot) => slots.has(slot) && packets(after, slot) === packets(before, slot)));
}
