// web/static/relays.js: TURN servers and their credentials, asked for when they are needed.
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { relays } from "../../web/static/relays.js";

const SERVER = { urls: ["turn:turn.example.org?transport=tcp"], username: "1:x", credential: "y" };
let asked;
let answer;
beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  asked = 0;
  answer = async () => Response.json({ servers: [SERVER], seconds: 1000 });
  globalThis.fetch = (url) => {
    assert.equal(url, "/api/ice");
    asked += 1;
    return answer();
  };
});
afterEach(() => mock.timers.reset());

test("where there are none, nothing is asked", async () => {
  assert.deepEqual(await relays(false)(), []);
  assert.equal(asked, 0);
});

test("they are asked for once, at once, and again when half of their time is over", async () => {
  const get = relays(true);
  assert.equal(asked, 1);
  assert.deepEqual(await Promise.all([get(), get()]), [[SERVER], [SERVER]]);
  mock.timers.tick(499_000);
  await get();
  assert.equal(asked, 1);
  mock.timers.tick(2_000);
  await get();
  assert.equal(asked, 2);
});

test("without an answer it goes without, or with those it has, and asks the next time", async () => {
  const fails = [async () => Promise.reject(new TypeError("away")), async () => new Response("", { status: 503 }), async () => new Response("<html>")];
  for (const fail of fails) {
    answer = fail;
    const get = relays(true);
    assert.deepEqual(await get(), []);
    answer = async () => Response.json({ servers: [SERVER], seconds: 1000 });
    assert.deepEqual(await get(), [SERVER]);
    answer = fail;
    mock.timers.tick(600_000);
    assert.deepEqual(await get(), [SERVER]);
  }
});
