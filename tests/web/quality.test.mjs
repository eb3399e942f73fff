// web/static/quality.js: when a connection is called poor.
import assert from "node:assert/strict";
import { test } from "node:test";
import { judge } from "../../web/static/quality.js";

const look = (more = {}) => ({ received: 0, lost: 0, frozen: 0, roundTrip: 0.03, outgoingLoss: 0, ...more });

test("packets that arrive are good, and so is silence", () => {
  assert.equal(judge(look(), look({ received: 900 })), "good");
  assert.equal(judge(look({ received: 900 }), look({ received: 900 })), "good");
});

test("only what was lost since the last look counts", () => {
  assert.equal(judge(look({ received: 100, lost: 50 }), look({ received: 1000, lost: 50 })), "good");
  assert.equal(judge(look({ received: 1000, lost: 0 }), look({ received: 1900, lost: 60 })), "poor");
});

test("a new connection's counters start again", () => {
  assert.equal(judge(look({ received: 5000, lost: 80 }), look({ received: 100, lost: 0 })), "good");
});

test("a picture that stood still, a long way and losses on the way out are poor", () => {
  assert.equal(judge(look(), look({ received: 900, frozen: 1 })), "poor");
  assert.equal(judge(look(), look({ received: 900, roundTrip: 0.6 })), "poor");
  assert.equal(judge(look(), look({ received: 900, outgoingLoss: 0.1 })), "poor");
});
