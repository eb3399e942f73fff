// web/static/composer.js: the draft between the moderator's hands and the server.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Composer } from "../../web/static/composer.js";
import { noBreakouts } from "../../web/static/breakouts_state.js";

const room = (...people) => ({ title: "", topic: "", capacity: 12, people, facilitator: "", locked: false, fixed: [] });
const REPORT = { overall: 0.9, rules: {}, rooms: [], not_met: [], people: {} };

/** A server that keeps what it is told when `answer` is called. */
function edge(answers = {}) {
  const saved = [];
  const asked = [];
  const fetch = async (url, { body }) => {
    asked.push([url.split("/").at(-1), JSON.parse(body)]);
    const answer = answers[url.split("/").at(-1)] ?? { report: REPORT };
    return { ok: !answer.code, json: async () => answer };
  };
  return { saved, asked, fetch, changed: () => undefined, save: async (draft) => void saved.push(draft) };
}

const planned = (plan, ...rooms) => ({ ...noBreakouts(), draft: { plan, rooms } });

test("what the server holds is taken over, and one's own wishes are not lost to it", () => {
  const composer = new Composer("s1", edge());
  composer.take(planned({ ...composer.plan, minutes: 30 }, room("anna")));
  assert.equal(composer.plan.minutes, 30);
  composer.change({ minutes: 10 });
  composer.take(planned({ ...composer.plan, minutes: 45 }, room("bo")));
  assert.equal(composer.plan.minutes, 10);
  assert.deepEqual(composer.rooms, [room("bo")]);
});

test("another moderator's plan is taken over, and after one's own was saved again", () => {
  const composer = new Composer("s1", edge());
  composer.take(planned({ ...composer.plan, minutes: 30 }));
  composer.take(planned({ ...composer.plan, minutes: 45 }));
  assert.equal(composer.plan.minutes, 45);
  composer.change({ minutes: 10 });
  composer.take(planned({ ...composer.plan }));
  composer.take(planned({ ...composer.plan, minutes: 50 }));
  assert.equal(composer.plan.minutes, 50);
});

test("groups that were composed are saved as the draft, with what they are worth", async () => {
  const server = edge({ compose: { rooms: [room("anna", "bo")], report: { ...REPORT, overall: 0.7 } } });
  const composer = new Composer("s1", server);
  await composer.compose();
  assert.deepEqual(server.saved, [{ plan: composer.plan, rooms: [room("anna", "bo")], later: [], after: 0 }]);
  assert.equal(composer.report.overall, 0.7);
});

test("another try has another seed, and the rest is composed around what is there", async () => {
  const server = edge({ compose: { rooms: [], report: REPORT } });
  const composer = new Composer("s1", server);
  composer.take(planned(composer.plan, { ...room("anna"), locked: true }));
  const { seed } = composer.plan;
  await composer.compose({ another: true });
  const [[what, body]] = server.asked;
  assert.equal(what, "compose");
  assert.equal(body.plan.seed, seed + 1);
  assert.equal(body.rooms[0].locked, true);
});

test("what hands change is shown before the server has it, judged after, and taken back step by step", async () => {
  const server = edge();
  const composer = new Composer("s1", server);
  composer.take(planned(composer.plan, room("anna", "bo"), room("eva")));
  const moving = composer.move("bo", "b2");
  assert.deepEqual(composer.rooms, [room("anna"), room("eva", "bo")]);
  await moving;
  assert.equal(server.asked.at(-1)[0], "judge");
  composer.take(planned(composer.plan, ...server.saved.at(-1).rooms));
  assert.equal(composer.canUndo, true);
  await composer.undo();
  assert.deepEqual(server.saved.at(-1).rooms, [room("anna", "bo"), room("eva")]);
  assert.equal(composer.canUndo, false);
});

test("a refusal is the caller's to show, and the draft is the server's again", async () => {
  const composer = new Composer("s1", { ...edge(), save: async () => Promise.reject(new Error("no")) });
  composer.take(planned(composer.plan, room("anna"), room()));
  await assert.rejects(composer.move("anna", "b2"));
  assert.deepEqual(composer.rooms, [room("anna"), room()]);
});

test("a refusal of the composer's has its code and words", async () => {
  const composer = new Composer("s1", edge({ compose: { code: "nobody_here", message: "Nobody is here." } }));
  await assert.rejects(composer.compose(), { code: "nobody_here", message: "Nobody is here." });
});

test("who is taken out of all rooms is left out, and no longer once they are in one or let in", async () => {
  const server = edge();
  const composer = new Composer("s1", server);
  composer.take(planned(composer.plan, room("anna", "bo"), room("siri")));
  await composer.move("anna", "");
  assert.deepEqual(server.saved.at(-1).plan.left_out, ["anna"]);
  composer.take(planned(composer.plan, room("bo"), room("siri")));
  await composer.move("anna", "b2");
  assert.deepEqual(server.saved.at(-1).plan.left_out, []);
  composer.take(planned(composer.plan, room("bo"), room("siri", "anna")));
  await composer.move("bo", "");
  composer.take(planned(composer.plan, room(), room("siri", "anna")));
  await composer.letIn(["bo"]);
  assert.deepEqual(server.saved.at(-1).plan.left_out, []);
});

test("before anything is planned, whoever was left out of the last round is let in without asking the server", async () => {
  const server = edge();
  const composer = new Composer("s1", server);
  composer.change({ left_out: ["anna", "bo"] });
  await composer.letIn(["anna", "bo"]);
  assert.deepEqual([composer.plan.left_out, server.saved.length], [[], 0]);
});

test("a step taken back leaves out again whom it let in, and lets in whom it left out", async () => {
  const server = edge();
  const composer = new Composer("s1", server);
  const start = planned({ ...composer.plan, left_out: ["anna"] }, room("bo"));
  composer.take(start);
  for (const work of [() => composer.move("anna", "b1"), () => composer.letIn(["anna"]), () => composer.move("bo", "")]) {
    composer.take(start);
    await work();
    const changed = server.saved.at(-1).plan.left_out;
    composer.take(planned(server.saved.at(-1).plan, ...server.saved.at(-1).rooms));
    await composer.undo();
    assert.deepEqual([changed.join() === "anna", server.saved.at(-1).plan.left_out, server.saved.at(-1).rooms], [false, ["anna"], [room("bo")]]);
  }
});

test("whom another moderator leaves out stays so, whatever wishes are being written here", async () => {
  const server = edge();
  const composer = new Composer("s1", server);
  composer.take(planned(composer.plan, room("anna", "bo"), room("siri")));
  composer.change({ minutes: 10 });
  composer.take(planned({ ...composer.plan, minutes: 20, left_out: ["anna"] }, room("bo"), room("siri")));
  await composer.move("bo", "b2");
  assert.deepEqual([server.saved.at(-1).plan.left_out, server.saved.at(-1).plan.minutes], [["anna"], 10]);
});

/** What the server holds: the next round and later ones. */
const inRounds = (plan, rooms, later, number = 0) => ({ ...noBreakouts(), number, draft: { plan: { ...plan, rounds: later.length + 1 }, rooms, later } });
const later = (rooms, changes = {}) => ({ rooms, left_out: [], by_hand: false, ...changes });

test("rounds are composed together, each with what it is worth", async () => {
  const answer = { rooms: [room("anna", "bo")], report: REPORT, later: [later([room("anna", "siri")])], reports: [{ ...REPORT, overall: 0.5 }] };
  const server = edge({ compose: answer });
  const composer = new Composer("s1", server);
  composer.change({ rounds: 2 });
  await composer.compose();
  assert.deepEqual(server.saved, [{ plan: composer.plan, rooms: answer.rooms, later: answer.later, after: 0 }]);
  composer.take(inRounds(composer.plan, answer.rooms, answer.later));
  composer.look(1);
  assert.deepEqual([composer.rooms, composer.report.overall], [[room("anna", "siri")], 0.5]);
});

test("hands change the round that they were at, whichever is looked at by then, and it is known for that", async () => {
  const server = edge();
  const composer = new Composer("s1", server);
  composer.take(inRounds(composer.plan, [room("anna", "bo"), room()], [later([room("anna", "bo"), room()])]));
  composer.look(1);
  const at = composer.at;
  composer.look(0);
  await composer.move("bo", "b2", at);
  assert.deepEqual(server.saved.at(-1).rooms, [room("anna", "bo"), room()]);
  assert.deepEqual(server.saved.at(-1).later, [later([room("anna"), room("bo")], { by_hand: true })]);
  await composer.undo();
  assert.deepEqual(server.saved.at(-1).later, [later([room("anna", "bo"), room()])]);
});

test("two changes before the server has either, of two rounds, are both kept", async () => {
  const server = edge();
  const composer = new Composer("s1", server);
  composer.take(inRounds(composer.plan, [room("anna"), room()], [later([room("anna"), room()])]));
  await Promise.all([composer.move("anna", "b2", 0), composer.move("anna", "b2", 1)]);
  const { rooms, later: after } = server.saved.at(-1);
  assert.deepEqual([rooms, after[0].rooms], [[room(), room("anna")], [room(), room("anna")]]);
});

test("who is left out of one round is not left out of the others", async () => {
  const server = edge();
  const composer = new Composer("s1", server);
  composer.take(inRounds(composer.plan, [room("anna", "bo")], [later([room("anna", "bo")])]));
  await composer.move("bo", "", 1);
  const { plan, later: after } = server.saved.at(-1);
  assert.deepEqual([plan.left_out, after[0].left_out, after[0].rooms], [[], ["bo"], [room("anna")]]);
});

test("when a round was opened the next takes its place, with nothing to take back and its own people left out", async () => {
  const server = edge();
  const composer = new Composer("s1", server);
  composer.take(inRounds(composer.plan, [room("anna", "bo"), room()], [later([room("anna", "siri")], { left_out: ["bo"] }), later([room("siri")])]));
  await composer.move("bo", "b2", 0);
  composer.change({ minutes: 7 }); // not saved yet
  composer.look(2);
  const next = { ...composer.plan, minutes: 20, left_out: ["bo"] };
  composer.take(inRounds(next, [room("anna", "siri")], [later([room("siri")])], 1));
  assert.deepEqual([composer.at, composer.canUndo, composer.report, composer.rounds.length], [0, false, null, 2]);
  assert.deepEqual([composer.plan.rounds, composer.leftOut, composer.plan.minutes], [2, ["bo"], 7]);
});

test("groups that come when the round has been opened meanwhile are not taken over", async () => {
  const server = edge({ compose: { rooms: [room("bo")], report: REPORT } });
  const composer = new Composer("s1", server);
  composer.take(inRounds(composer.plan, [room("anna")], [later([room("siri")])]));
  const composing = composer.compose();
  composer.take(inRounds(composer.plan, [room("siri")], [], 1));
  await composing;
  assert.deepEqual([server.saved, composer.rooms], [[], [room("siri")]]);
});

test("what was saved counts until the server's word of it has come", async () => {
  const server = edge();
  const composer = new Composer("s1", server);
  const before = planned(composer.plan, room("anna", "bo"), room());
  composer.take(before);
  await composer.move("bo", "b2");
  composer.take(before); // the page is drawn, and the event has not come
  await composer.move("anna", "b2");
  assert.deepEqual(server.saved.at(-1).rooms, [room(), room("bo", "anna")]);
  composer.take(planned(composer.plan, room("siri")));
  assert.deepEqual(composer.rooms, [room("siri")]);
});

test("what is saved says after which round it is planned, however large it is", async () => {
  const server = edge();
  const composer = new Composer("s1", server);
  composer.take(inRounds(composer.plan, [room("anna")], [], 2));
  await composer.move("anna", "");
  assert.equal(server.saved.at(-1).after, 2);
  composer.take(inRounds(composer.plan, Array.from({ length: 200 }, () => room("anna")), [], 2));
  await composer.hold("anna");
  assert.equal(server.asked.find(([what]) => what === "plan")[1].after, 2);
});
