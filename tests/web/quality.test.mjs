// web/static/quality.js and watch.js: when a connection is called poor, and why.
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { judge, lookAt, pausedOf } from "../../web/static/quality.js";
import { Watch } from "../../web/static/watch.js";

const look = (more = {}) => ({
  ...{ received: 0, lost: 0, frozen: 0, roundTrip: 0.03, outgoingLoss: 0, sent: 0, room: 0, isBusy: false, transport: "udp", arrived: new Map() },
  ...more,
});
beforeEach(() => mock.timers.enable({ apis: ["Date"] }));
afterEach(() => mock.timers.reset());

test("packets that arrive are good, and so is silence", () => {
  assert.deepEqual(judge(look(), look({ received: 900 })), []);
  assert.deepEqual(judge(look({ received: 900 }), look({ received: 900 })), []);
  assert.deepEqual(judge(look(), look({ received: 900, transport: "tcp" })), [], "TCP alone is no trouble");
});

test("only what was lost since the last look counts", () => {
  assert.deepEqual(judge(look({ received: 100, lost: 50 }), look({ received: 1000, lost: 50 })), []);
  assert.deepEqual(judge(look({ received: 1000, lost: 0 }), look({ received: 1900, lost: 60 })), ["loss_down"]);
});

test("a new connection's counters start again", () => {
  assert.deepEqual(judge(look({ received: 5000, lost: 80 }), look({ received: 100, lost: 0 })), []);
});

for (const [reason, after, more] of [
  ["frozen", { frozen: 1 }],
  ["slow", { roundTrip: 0.6 }],
  ["loss_up", { outgoingLoss: 0.1 }],
  ["narrow_up", { sent: 90, room: 90_000 }],
  ["busy", { sent: 90, isBusy: true }],
  ["narrow", {}, { isPaused: true }],
]) {
  test(`the reason is told: ${reason}`, () => assert.deepEqual(judge(look(), look({ received: 900, ...after }), more), [reason]));
}

test("a camera that is off needs no room and no processor", () => {
  assert.deepEqual(judge(look({ sent: 90 }), look({ sent: 90, room: 90_000, isBusy: true })), []);
});

test("the worst comes first, a picture that stands still only where nothing else explains it, and TCP as what makes it worse", () => {
  const after = look({ received: 900, lost: 90, roundTrip: 0.6, frozen: 2, transport: "tcp" });
  assert.deepEqual(judge(look(), after), ["loss_down", "slow", "tcp"]);
});

const stats = (packets, more = []) => new Map([
  ["in", { id: "in", type: "inbound-rtp", kind: "video", trackIdentifier: "t0", packetsReceived: packets, packetsLost: -1 }],
  ["pair", { type: "candidate-pair", nominated: true, localCandidateId: "local", currentRoundTripTime: 0.05, availableOutgoingBitrate: 800_000 }],
  ["local", { type: "local-candidate", protocol: "udp", relayProtocol: "tcp" }],
  ["out", { type: "outbound-rtp", kind: "video", packetsSent: 70, qualityLimitationReason: "cpu" }],
  ...more,
]);

test("what a browser counts is read", async () => {
  const found = await lookAt({ getStats: async () => stats(40) });
  assert.deepEqual(found, look({ received: 40, roundTrip: 0.05, sent: 70, room: 800_000, isBusy: true, transport: "tcp", arrived: new Map([["t0", 40]]) }));
});

test("only slots that should bring something can be paused", () => {
  const slots = new Map([["video0", { id: "t0" }], ["video1", { id: "t1" }]]);
  const [before, after] = [look({ arrived: new Map([["t0", 5], ["t1", 5]]) }), look({ arrived: new Map([["t0", 9], ["t1", 5]]) })];
  assert.deepEqual([...pausedOf(slots, ["video0", "video1", "video2"], before, after)], ["video1"]);
  assert.deepEqual([...pausedOf(slots, [], before, after)], []);
});

test("a picture is paused when nothing of it has come for six seconds, and not before", async () => {
  let packets = 10;
  const watch = new Watch({ connection: { getStats: async () => stats(packets) }, slots: new Map([["video0", { id: "t0" }]]) });
  const expected = new Map([["video0", Date.now()]]);
  const lookLater = async () => {
    mock.timers.tick(3_000);
    return [...(await watch.look(expected)).paused];
  };
  await watch.look(expected);
  assert.deepEqual(await lookLater(), []);
  assert.deepEqual(await lookLater(), ["video0"]);
  packets += 1;
  assert.deepEqual(await lookLater(), []);
  assert.deepEqual(await lookLater(), [], "six seconds from the last packet on");
  assert.deepEqual(await lookLater(), ["video0"]);
});
