// web/static/tiles.js: how large each picture slot is shown.
import assert from "node:assert/strict";
import { test } from "node:test";
import { heightsOf, stepOf } from "../../web/static/tiles.js";

globalThis.devicePixelRatio = 2;
const page = (heights) => ({
  querySelector: (selector) => {
    const slot = /data-slot="(.+)"/.exec(selector)[1];
    return slot in heights ? { clientHeight: heights[slot] } : null;
  },
});
const SOURCES = { video0: "siri", video1: "mona", video2: "", screen0: "mona", audio0: "siri", programme: "siri" };

test("device pixels, in steps, of the slots that somebody feeds", () => {
  assert.deepEqual(heightsOf(page({ video0: 170, screen0: 500, video2: 100 }), SOURCES, false), { video0: 360, video1: 0, screen0: 1080 });
});

test("a hidden page shows nothing", () => {
  assert.deepEqual(heightsOf(page({ video0: 170 }), SOURCES, true), { video0: 0, video1: 0, screen0: 0 });
});

test("steps are never smaller than the tile, and end", () => {
  assert.deepEqual([0, 1, 90, 91, 1080, 1081, 9000].map(stepOf), [0, 90, 90, 180, 1080, 1440, 2160]);
});
