// Views are drawn a little after what was done: two things that are done before that are both done.
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { noBreakouts } from "../../web/static/breakouts_state.js";
import { Composer } from "../../web/static/composer.js";
import { coalesced } from "../../web/static/page.js";
import { Actions } from "../../web/static/views/actions.js";
import { boardView } from "../../web/static/views/breakout-board.js";
import { BreakoutsOfPage } from "../../web/static/views/breakouts-page.js";
import { composerView } from "../../web/static/views/composer.js";
import { DeskBreakouts } from "../../web/static/views/desk-breakouts-page.js";
import { DeskHarvest } from "../../web/static/views/desk-harvest.js";
import { settle } from "./fakes.mjs";
import { box, field, key, on } from "./handlers.mjs";

globalThis.document = { activeElement: null, hidden: true };
globalThis.location = { hash: "" };
const seats = (...people) => ({ title: "", topic: "", capacity: 12, people, facilitator: "", locked: false, fixed: [] });
const REPORT = { overall: 1, rules: {}, rooms: [], not_met: [], people: { anna: { name: "Anna", about: "" }, bo: { name: "Bo", about: "" } } };
const fetchReport = async () => ({ ok: true, json: async () => ({ report: REPORT }) });

/** A server that answers when it is told to. */
function slowly(sent) {
  const answers = [];
  const ask = (command) => {
    sent.push(command);
    return new Promise((resolve) => answers.push(resolve));
  };
  return { ask, answer: () => answers.shift()?.({}) };
}

function drawComposer(composer, more = {}) {
  let turn = Promise.resolve();
  const actions = new Actions(() => undefined);
  const run = (work) => void (turn = turn.then(() => actions.run("compose", work)));
  return composerView({ composer, actions, run, next: 1, nameOf: (id) => id, picked: "", asked: [], choices: 0, willing: 0, isLive: true, pick: () => undefined, ...more });
}

test("a page is drawn once for all that is asked at a time, and at once when a key is pressed", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const keys = new EventTarget();
  let drawn = 0;
  const refresh = coalesced(() => (drawn += 1), keys);
  refresh();
  refresh();
  keys.dispatchEvent(new Event("keydown"));
  assert.equal(drawn, 1);
  mock.timers.tick(16);
  keys.dispatchEvent(new Event("keydown"));
  assert.equal(drawn, 1);
  refresh();
  mock.timers.tick(16);
  assert.equal(drawn, 2);
  mock.timers.reset();
});

test("of two wishes that are ticked at once none is lost, nor its weight", () => {
  const composer = new Composer("s1", { save: async () => undefined, changed: () => undefined });
  composer.change({ wishes: [] });
  let view = drawComposer(composer);
  on(view, "change", "<span> New with experienced")(box(true));
  on(view, "change", "Size of the municipality")(field("size_mixed"));
  on(view, "change", "From different counties")(box(true));
  assert.deepEqual(composer.plan.wishes.map(({ rule }) => rule), ["experience", "size_mixed", "county"]);
  view = drawComposer(composer);
  on(view, "change", "<span> New with experienced")(box(false));
  on(view, "change", "How much it matters")(field("important"));
  assert.equal(composer.plan.wishes.length, 2);
});

test("a way and a number that are chosen at once are both what is composed by", () => {
  const composer = new Composer("s1", { save: async () => undefined, changed: () => undefined });
  const view = drawComposer(composer);
  on(view, "change", "Minutes")(field("45"));
  on(view, "change", "value= drawn")(field("drawn"));
  assert.deepEqual([composer.plan.minutes, composer.plan.way], [45, "drawn"]);
});

test("who is moved by two keys at once goes two rooms on", async () => {
  const saved = [];
  const save = async (draft) => {
    saved.push(draft);
    composer.take({ ...noBreakouts(), draft });
  };
  const composer = new Composer("s1", { save, changed: () => undefined, fetch: fetchReport });
  composer.take({ ...noBreakouts(), draft: { plan: composer.plan, rooms: [seats("anna"), seats("bo"), seats()] } });
  composer.reports = [REPORT];
  const view = drawComposer(composer);
  const press = on(view, "keydown", "anna");
  press(key("ArrowRight"));
  press(key("ArrowRight"));
  for (let round = 0; round < 5; round += 1) await settle();
  assert.deepEqual(saved.at(-1).rooms.map(({ people }) => people), [[], ["bo"], ["anna"]]);
});

/** A page with a connection that hands commands to `ask`; what a server would tell is put into `state`. */
function pageOver(ask, state, more = {}) {
  const connection = Object.assign(new EventTarget(), { do: (_, command) => ask(command), signals: () => ({ counts: {}, votes: {} }), state: () => state.now });
  const away = { stream: "breakouts/s1", seat: undefined, get state() { return state.now; } };
  const nothing = () => undefined;
  return {
    ...{ connection, away, actions: new Actions(nothing), refresh: nothing, nameOf: (id) => id, ownId: "anna", data: { session_id: "s1" }, phase: "live" },
    ...{ clock: { now: () => 0 }, do: ask, signals: { votes: {} }, speaker: {}, ...more },
  };
}

test("of two topics that are ticked at once both are wished, and of more than one may the last is not", async () => {
  const sent = [];
  const server = slowly(sent);
  const state = { now: { ...noBreakouts(), topics: ["A", "B", "C", "D"] } };
  const hall = new BreakoutsOfPage(pageOver(server.ask, state), () => undefined, async () => undefined);
  const view = hall.hall();
  for (const topic of ["<span> B", "<span> A", "<span> C", "<span> D"]) on(view, "change", topic)(box(true));
  for (let round = 0; round < 3; round += 1) {
    server.answer();
    await settle();
  }
  assert.deepEqual(sent.at(-1), { type: "breakouts.wish", topics: ["B", "A", "C"] });
  assert.equal(sent.length, 2);
});

test("who is willing, and at once no longer, is not", async () => {
  const sent = [];
  const server = slowly(sent);
  const hall = new BreakoutsOfPage(pageOver(server.ask, { now: noBreakouts() }), () => undefined, async () => undefined);
  const offer = on(hall.hall(), "change", "willing");
  offer(box(true));
  offer(box(false));
  server.answer();
  await settle();
  assert.deepEqual(sent.map(({ on: isOn }) => isOn), [true, false]);
});

test("a wish that is refused is forgotten, and a later one is brought all the same", async () => {
  const actions = new Actions(() => undefined);
  const sent = [];
  const send = async (wish) => {
    sent.push(wish);
    if (wish === "much") throw new Error("no");
  };
  void actions.bring("box", "much", send);
  void actions.bring("box", "less", send);
  await settle();
  assert.deepEqual([sent, actions.wished("box")], [["much", "less"], undefined]);
  await actions.bring("box", "much", send);
  assert.deepEqual([actions.wished("box"), Boolean(actions.problem("box"))], [undefined, true]);
});

test("titles of two groups that are written at once are both kept", async () => {
  const group = (id, title) => ({ id, title, points: [`p-${id}`], question_id: "" });
  const point = (id) => ({ id, room_id: "b1", text: id });
  const room = { harvest: { shown: false, groups: [group("g1", ""), group("g2", "")], points: { "p-g1": point("p-g1"), "p-g2": point("p-g2") } } };
  const ask = async ({ groups }) => {
    await settle();
    room.harvest = { ...room.harvest, groups: groups.map((one) => ({ ...one, question_id: "" })) };
  };
  const view = new DeskHarvest(pageOver(ask, { now: noBreakouts() }, { room })).view();
  on(view, "change", "group “p-g1”")(field("First"));
  on(view, "change", "group “p-g2”")(field("Second"));
  for (let round = 0; round < 4; round += 1) await settle();
  assert.deepEqual(room.harvest.groups.map(({ title }) => title), ["First", "Second"]);
});

test("what the server tells of the groups is what they are changed from, drawn or not", () => {
  const state = { now: noBreakouts() };
  const page = pageOver(async () => undefined, state);
  const { composer } = new DeskBreakouts(page);
  state.now = { ...noBreakouts(), draft: { plan: composer.plan, rooms: [seats("anna")] } };
  page.connection.dispatchEvent(new CustomEvent("change", { detail: { stream: "breakouts/s1" } }));
  assert.deepEqual(composer.rooms, [seats("anna")]);
});

test("a message to all rooms is what is written when it is sent", async () => {
  const sent = [];
  const state = { now: { ...noBreakouts(), phase: "running", rooms: {} } };
  const page = pageOver(async (command) => void sent.push(command), state, { zone: "UTC", maySpeak: false });
  const desk = new DeskBreakouts(page);
  const view = desk.view();
  on(view, "input", "To all rooms")(field("Five minutes"));
  on(view, "submit", "To all rooms")(field(""));
  await settle();
  assert.deepEqual(sent, [{ type: "breakouts.tell", text: "Five minutes" }]);
  on(view, "submit", "To all rooms")(field(""));
  await settle();
  assert.equal(sent.length, 1);
});

test("an arrow leads nobody out of the only room", () => {
  const steps = [];
  const rooms = [{ ...seats("anna"), id: "b1", number: 1 }];
  const none = () => "";
  const view = boardView({ rooms, without: [], withoutTitle: "", picked: "", nameOf: (id) => id, aboutOf: none, head: none, foot: none, marks: none, tools: none, step: (...step) => steps.push(step) });
  on(view, "keydown", "anna")(key("ArrowLeft"));
  assert.deepEqual(steps, [["anna", -1]]);
});
