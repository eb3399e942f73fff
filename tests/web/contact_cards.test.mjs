// web/static/views/contact-cards.js: cards that could not be fetched are asked for again, and it is said so meanwhile.
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { Cards } from "../../web/static/views/contact-cards.js";

const turn = () => new Promise((resolve) => setImmediate(resolve));

test("cards that could not be fetched are asked for again", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const group = { room_id: "b1", cards: [{ name: "Bo", title: "", municipality: "", email: "" }] };
  const answers = [{ ok: false, status: 503 }, new TypeError("no network"), { ok: true, json: async () => ({ groups: [group] }) }];
  globalThis.fetch = async () => {
    const answer = answers.shift();
    if (answer instanceof Error) throw answer;
    return answer;
  };
  let drawn = 0;
  const cards = new Cards("s1", () => {
    drawn += 1;
    cards.look("b1 anna bo"); // as the page does whenever it is drawn
  });
  cards.look("b1 anna bo");
  await turn();
  assert.deepEqual([cards.hasFailed, cards.of("b1"), answers.length], [true, null, 2]);
  mock.timers.tick(5_000);
  await turn();
  assert.equal(cards.hasFailed, true);
  mock.timers.tick(5_000);
  await turn();
  assert.deepEqual([cards.hasFailed, cards.of("b1"), answers.length], [false, group.cards, 0]);
  cards.look("b1 anna bo");
  await turn();
  assert.ok(drawn >= 3);
});

test("however often the group changes while there is no server, one question at a time is asked again", async () => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  let asked = 0;
  globalThis.fetch = async () => {
    asked += 1;
    throw new TypeError("no network");
  };
  let state = "";
  const cards = new Cards("s1", () => cards.look(state));
  for (state of ["b1 anna", "b1 anna bo", "b1 anna bo siri"]) {
    cards.look(state);
    await turn();
  }
  mock.timers.tick(5_000);
  await turn();
  assert.equal(asked, 4);
});
