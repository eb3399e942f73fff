// web/static/harvest.js: points to gather, and what moving one makes of the groups.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ALONE, OUT, byVotes, groupWords, inTouch, leftOut, moved, named, toGather } from "../../web/static/harvest.js";

const point = (id, text) => ({ id, room_id: id.slice(0, 2), text });
const HARVEST = {
  points: { "b1-0": point("b1-0", "Ett"), "b1-1": point("b1-1", "Två"), "b2-0": point("b2-0", "Tre") },
  groups: [
    { id: "g1", title: "", points: ["b1-0"], question_id: "" },
    { id: "g2", title: "Två och tre", points: ["b1-1", "b2-0"], question_id: "q1" },
  ],
  shown: false,
};

test("what is new or has other words is gathered, in messages of a bounded size", () => {
  const rooms = { rooms: { b1: { id: "b1", points: ["Ett", "Två!"] }, b2: { id: "b2", points: ["Tre"] }, b3: { id: "b3", points: [] } } };
  assert.deepEqual(toGather(rooms, HARVEST), [[point("b1-1", "Två!")]]);
  assert.deepEqual(toGather(undefined, null), []);
  const many = { rooms: Object.fromEntries(Array.from({ length: 30 }, (_, at) => [`b${at}`, { id: `b${at}`, points: ["a", "b", "c"] }])) };
  assert.deepEqual(toGather(many, null).map(({ length }) => length), [40, 40, 10]);
});

test("a point goes to a group, to one of its own, or nowhere; an empty group goes unless it is voted on", () => {
  assert.deepEqual(moved(HARVEST, "b1-0", "g2").map(({ id, points }) => [id, points]), [["g2", ["b1-1", "b2-0", "b1-0"]]]);
  assert.deepEqual(moved(HARVEST, "b2-0", ALONE).map(({ id, points }) => [id, points]), [["g1", ["b1-0"]], ["g2", ["b1-1"]], ["", ["b2-0"]]]);
  assert.deepEqual(moved(HARVEST, "b1-0", OUT).map(({ id }) => id), ["g2"]);
  const one = { ...HARVEST, groups: [{ id: "g2", title: "", points: ["b1-1"], question_id: "q1" }] };
  assert.deepEqual(moved(one, "b1-1", OUT).map(({ id, points }) => [id, points]), [["g2", []]]);
});

test("titles, words, what is left out, the order by votes", () => {
  assert.deepEqual(named(HARVEST, "g1", "Först").map(({ title }) => title), ["Först", "Två och tre"]);
  assert.deepEqual(HARVEST.groups.map((group) => groupWords(HARVEST, group)), ["Ett", "Två och tre"]);
  assert.deepEqual(leftOut({ ...HARVEST, groups: HARVEST.groups.slice(1) }).map(({ id }) => id), ["b1-0"]);
  assert.deepEqual(byVotes(HARVEST, { q1: 4 }).map(({ id }) => id), ["g2", "g1"]);
});

test("groups stay in touch as soon as two agree, in the order of the rounds", () => {
  const room = (id, round, number, in_touch) => ({ id, round, number, in_touch });
  const rooms = { b3: room("b3", 2, 1, ["c", "d"]), b2: room("b2", 1, 2, ["a", "b"]), b1: room("b1", 1, 1, ["e"]) };
  assert.deepEqual(inTouch({ rooms }).map(({ id }) => id), ["b2", "b3"]);
});
