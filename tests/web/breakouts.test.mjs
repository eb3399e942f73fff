// web/static/breakouts.js and breakout-draft.js: what follows from the state of rooms, and what hands change about groups.
import assert from "node:assert/strict";
import { test } from "node:test";
import { changed, exchanged, held, moved, unplaced, withAnother } from "../../web/static/breakout-draft.js";
import { endOf, helpQueue, leftIn, openRooms, warningBetween, wayBack } from "../../web/static/breakouts.js";
import { noBreakouts, seatOf } from "../../web/static/breakouts_state.js";

const NOTHING = { title: "", topic: "", capacity: 12, is_open: false, is_pair: false, round: 1, facilitator: "", visitors: [], points: [], in_touch: [] };
const room = (id, number, people, more = {}) => ({ ...NOTHING, id, number, people, ends_at: null, help_since: null, closed_at: null, ...more });
const running = (...rooms) => ({ ...noBreakouts(), phase: "running", ends_at: "2026-03-25T10:20:00Z", rooms: Object.fromEntries(rooms.map((one) => [one.id, one])) });
const at = (time) => Date.parse(`2026-03-25T${time}Z`);
const MINUTE = 60_000;

test("one sits in the room that is open and has one among its people, not in that of the round before", () => {
  const state = running(room("b1", 1, ["anna"], { closed_at: "2026-03-25T09:00:00Z" }), room("b3", 2, ["anna", "bo"], { round: 2 }), room("b2", 1, ["eva"], { round: 2 }));
  assert.equal(seatOf(state, "anna")?.id, "b3");
  assert.equal(seatOf(state, "siri"), undefined);
  assert.deepEqual(openRooms(state).map(({ id }) => id), ["b2", "b3"]);
});

test("who went back to the plenary has a way back until the room is closed, and who was sent has none", () => {
  const state = { ...running(room("b1", 1, []), room("b2", 2, [], { closed_at: "2026-03-25T10:00:00Z" })), outside: { anna: "b1", bo: "b2", eva: "" } };
  assert.deepEqual(["anna", "bo", "eva", "siri"].map((id) => wayBack(state, id)?.id), ["b1", undefined, undefined, undefined]);
});

test("a room with an end of its own ends then, the others with the round, and no time is negative", () => {
  const [first, second] = [room("b1", 1, []), room("b2", 2, [], { ends_at: "2026-03-25T10:30:00Z" })];
  const state = running(first, second);
  assert.equal(endOf(state, first), at("10:20:00"));
  assert.equal(leftIn(state, second, at("10:25:00")), 5 * MINUTE);
  assert.equal(leftIn(state, first, at("10:25:00")), 0);
  assert.equal(leftIn({ ...state, ends_at: null }, first, at("10:25:00")), null);
});

test("a warning falls due once as its mark is passed, and again after time was added", () => {
  assert.equal(warningBetween(5 * MINUTE + 400, 5 * MINUTE - 600), 5 * MINUTE);
  assert.equal(warningBetween(5 * MINUTE - 600, 5 * MINUTE - 1_600), 0);
  assert.equal(warningBetween(MINUTE + 1, MINUTE), MINUTE);
  assert.equal(warningBetween(9 * MINUTE, 30_000), MINUTE, "of two at once the nearer");
  assert.equal(warningBetween(null, 4 * MINUTE), 0, "who has only just come reads the clock");
  assert.equal(warningBetween(MINUTE + 1, null), 0);
  assert.equal(warningBetween(2 * MINUTE, 0), 0, "it is over");
});

test("who has asked for help first is helped first", () => {
  const state = running(room("b1", 1, ["a"], { help_since: "2026-03-25T10:02:00Z" }), room("b2", 2, ["b"]), room("b3", 3, ["c"], { help_since: "2026-03-25T10:01:00Z" }));
  assert.deepEqual(helpQueue(state).map(({ id }) => id), ["b3", "b1"]);
});

const draft = (...groups) => groups.map((people) => ({ title: "", topic: "", capacity: 12, people, facilitator: people[0] ?? "", locked: false, fixed: [] }));
const groups = (rooms) => rooms.map(({ people }) => people);

test("somebody is moved, and facilitates the old room no more; nobody is ever in two", () => {
  const rooms = moved(draft(["anna", "bo"], ["eva"]), "anna", "b2");
  assert.deepEqual(groups(rooms), [["bo"], ["eva", "anna"]]);
  assert.deepEqual(rooms.map(({ facilitator }) => facilitator), ["", "eva"]);
  assert.deepEqual(groups(moved(rooms, "anna", "b2")), [["bo"], ["eva", "anna"]], "to where they are");
  assert.deepEqual(groups(moved(rooms, "anna", "")), [["bo"], ["eva"]], "out of all");
});

test("two exchange places, each keeping the other's place in the list", () => {
  const rooms = exchanged(draft(["anna", "bo"], ["eva", "siri"]), "bo", "eva");
  assert.deepEqual(groups(rooms), [["anna", "eva"], ["bo", "siri"]]);
  assert.deepEqual(rooms.map(({ facilitator }) => facilitator), ["anna", ""]);
  assert.deepEqual(groups(exchanged(rooms, "anna", "eva")), groups(rooms), "in one room it changes nothing");
});

test("who is held stays so until let go or moved", () => {
  const rooms = held(draft(["anna"], ["bo"]), "anna");
  assert.deepEqual(rooms.map(({ fixed }) => fixed), [["anna"], []]);
  assert.deepEqual(held(rooms, "anna").map(({ fixed }) => fixed), [[], []]);
  assert.deepEqual(moved(rooms, "anna", "b2").map(({ fixed }) => fixed), [[], []]);
});

test("a room more, a room changed, and who has none", () => {
  const rooms = changed(withAnother(draft(["anna"]), 6), "b2", { title: "Torget" });
  assert.deepEqual(rooms.map(({ title, capacity }) => [title, capacity]), [["", 12], ["Torget", 6]]);
  assert.deepEqual(unplaced(rooms, ["anna", "bo"]), ["bo"]);
});
