/**
 * How well sound and picture arrive, from two looks at a connection's statistics. Pure, but for `lookAt`.
 *
 * @typedef {{received: number, lost: number, frozen: number, roundTrip: number, outgoingLoss: number}} Look counters since the start;
 *   `roundTrip` in seconds, `outgoingLoss` a share
 * @typedef {"good" | "poor" | "lost"} Level
 */

const POOR_LOSS = 0.03;
const POOR_ROUND_TRIP = 0.4;

/** @param {RTCPeerConnection} connection @returns {Promise<Look>} */
export async function lookAt(connection) {
  const look = { received: 0, lost: 0, frozen: 0, roundTrip: 0, outgoingLoss: 0 };
  (await connection.getStats()).forEach((report) => {
    if (report.type === "inbound-rtp") {
      look.received += report.packetsReceived ?? 0;
      look.lost += Math.max(0, report.packetsLost ?? 0);
      look.frozen += report.freezeCount ?? 0;
    } else if (report.type === "candidate-pair" && report.nominated) {
      look.roundTrip = report.currentRoundTripTime ?? 0;
    } else if (report.type === "remote-inbound-rtp") {
      look.outgoingLoss = Math.max(look.outgoingLoss, report.fractionLost ?? 0);
    }
  });
  return look;
}

/** @param {Look} before @param {Look} after @returns {Level} */
export function judge(before, after) {
  const lost = Math.max(0, after.lost - before.lost);
  const received = Math.max(0, after.received - before.received);
  const share = lost / Math.max(1, lost + received);
  const poor = share > POOR_LOSS || after.outgoingLoss > POOR_LOSS || after.roundTrip > POOR_ROUND_TRIP;
  return poor || after.frozen > before.frozen ? "poor" : "good";
}
