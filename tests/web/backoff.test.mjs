// When pages come back: soon, then later and later, never all at once, and never so late that people give up.

import assert from "node:assert/strict";
import test from "node:test";

import { Backoff } from "../../web/static/backoff.js";

/** Numbers from 0 to under 1, the same in each run (mulberry32). @param {number} seed */
function numbers(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

test("whatever fails and succeeds, each wait is between half of its reach and all of it, and the reach doubles up to the most", () => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const random = numbers(seed);
    const first = 50 + Math.floor(random() * 500);
    const most = first * (1 + Math.floor(random() * 40));
    const backoff = new Backoff({ first, most, random });
    let reach = first;
    for (let step = 0; step < 60; step += 1) {
      if (random() < 0.1) {
        backoff.reset();
        reach = first;
      }
      const slowly = random() < 0.1;
      const wait = backoff.next({ slowly });
      const expected = slowly ? most : reach;
      assert.ok(wait >= expected / 2 && wait <= expected, `${wait} for ${expected}`);
      reach = Math.min(most, 2 * reach);
    }
  }
});

test("pages that lost a server together come back spread over half of each wait, however many they are", () => {
  const random = numbers(1);
  const pages = Array.from({ length: 10_000 }, () => new Backoff({ random }));
  for (const reach of [200, 400, 800, 1_600, 3_200, 5_000, 5_000]) {
    const tenths = new Array(10).fill(0);
    for (const page of pages) tenths[Math.min(9, Math.floor(((page.next() - reach / 2) / (reach / 2)) * 10))] += 1;
    assert.ok(Math.max(...tenths) < 1_200 && Math.min(...tenths) > 800, `${tenths}`);
  }
});

test("within a second and a half a page tries three times at least, whatever its luck", () => {
  for (const luck of [0, 0.5, 0.999]) {
    const backoff = new Backoff({ random: () => luck });
    let tries = 0;
    for (let at = backoff.next(); at <= 1_500; at += backoff.next()) tries += 1;
    assert.ok(tries >= 3, `${tries} with luck of ${luck}`);
  }
});
