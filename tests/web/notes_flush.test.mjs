// web/static/notes.js: what was written last is brought before one leaves the room.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Notes } from "../../web/static/notes.js";

const HOUR = 3_600_000;

test("what waits is brought at once, also behind a question that is under way", async () => {
  const asked = [];
  let answer = () => undefined;
  const exchange = async (body) => {
    asked.push(body.update);
    if (asked.length === 2) await new Promise((resolve) => (answer = resolve));
    return { update: "", vector: "AA==" };
  };
  const notes = new Notes(exchange, { pause: HOUR, retry: HOUR });
  await notes.open();
  notes.write("Skolan.", 7);
  const first = notes.flush();
  await new Promise(setImmediate);
  notes.write("Skolan. Vården.", 15);
  const second = notes.flush();
  answer();
  await Promise.all([first, second]);
  assert.equal(asked.length, 3);
  assert.ok(asked[1] && asked[2] && asked[1] !== asked[2]);
  await notes.flush(); // nothing waits
  assert.equal(asked.length, 3);
  notes.close();
});
