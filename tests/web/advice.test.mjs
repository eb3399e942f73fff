// web/static/advice.js: what is advised, and when.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Adviser } from "../../web/static/advice.js";

const FINE = { level: "good", reasons: [], unshown: [], isLean: false, hasCamera: false };
const POOR = { ...FINE, level: "poor", reasons: ["narrow"] };
/** Heeds the facts once a second for so many seconds, and gives the last advice. */
const clock = (adviser) => {
  let now = 1_000_000;
  const pass = (facts, seconds) => {
    for (let second = 0; second < seconds; second += 1) adviser.heed(facts, (now += 1_000));
    return adviser.advice;
  };
  return { pass, now: () => now };
};

test("a hiccup is not worth a word; what lasts is, with what can be given up", () => {
  const { pass } = clock(new Adviser());
  assert.equal(pass(POOR, 4), null);
  assert.equal(pass(FINE, 20), null);
  assert.equal(pass(POOR, 6), null);
  assert.deepEqual(pass(POOR, 1), { kind: "poor", reasons: ["narrow"], offer: "sound" });
  assert.equal(pass({ ...POOR, isLean: true }, 1).offer, "");
  assert.equal(pass({ ...POOR, hasCamera: true }, 1).offer, "camera");
});

test("a network that comes and goes is advised about until it has been well for a while", () => {
  const { pass } = clock(new Adviser());
  pass(POOR, 3);
  pass(FINE, 3);
  assert.equal(pass(POOR, 3)?.kind, "poor");
  assert.equal(pass(FINE, 10)?.kind, "poor");
  assert.equal(pass(FINE, 10), null);
});

test("what was put away is not said again, and something else is", () => {
  const adviser = new Adviser();
  const { pass, now } = clock(adviser);
  pass(POOR, 8);
  adviser.putAway(now());
  assert.equal(pass(POOR, 30), null);
  assert.equal(pass({ ...POOR, unshown: [{ name: "A", codec: "H264" }] }, 5).kind, "codec");
  assert.equal(pass(FINE, 600), null);
  assert.equal(pass(POOR, 8).kind, "poor");
});

test("a picture that cannot be shown is told when publishers have had time to change their codec", () => {
  const { pass } = clock(new Adviser());
  const unshown = [{ name: "A", codec: "H264" }];
  assert.equal(pass({ ...FINE, unshown }, 2), null);
  assert.equal(pass(FINE, 1), null);
  assert.equal(pass({ ...FINE, unshown }, 2), null);
  assert.deepEqual(pass({ ...FINE, unshown }, 2), { kind: "codec", unshown });
  assert.equal(pass(FINE, 1), null);
});

test("who took the offer of sound alone is offered the pictures again when all has been well for a minute; who likes it so is not", () => {
  const adviser = new Adviser();
  const { pass } = clock(adviser);
  const lean = { ...FINE, isLean: true };
  assert.equal(pass(lean, 90), null);
  pass(POOR, 8);
  adviser.takeSound();
  assert.equal(pass(lean, 59), null);
  assert.deepEqual(pass(lean, 3), { kind: "better" });
  assert.equal(pass(FINE, 3), null);
  assert.equal(pass(lean, 90), null);
});

test("while there is no connection nothing is advised: the stage says what happens", () => {
  const { pass } = clock(new Adviser());
  pass(POOR, 8);
  assert.equal(pass({ ...POOR, level: "lost" }, 1), null);
});
