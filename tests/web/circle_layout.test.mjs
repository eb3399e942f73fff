// web/static/circle-layout.js: who is shown where in a breakout room.
import assert from "node:assert/strict";
import { test } from "node:test";
import { NO_MEDIA, circleOf, isHeardFromStage } from "../../web/static/circle-layout.js";

const OFF = { camera: false, microphone: false, screen: false };
const people = Array.from({ length: 12 }, (_, index) => `p${index}`);
const circle = (more = {}, media = {}) =>
  circleOf({ people, ownId: "p0", isVisiting: false, switches: OFF, nameOf: (id) => id.toUpperCase(), ...more, media: { ...NO_MEDIA, ...media } });

test("twelve are all shown, alike, each in the slot that brings their picture, oneself without", () => {
  const slots = Object.fromEntries(people.map((id, index) => [`video${index}`, id]));
  const { shape, tiles, others } = circle({}, { slots });
  assert.deepEqual([shape, tiles.length, others], ["grid", 12, []]);
  assert.deepEqual(tiles.map(({ slot }) => slot), ["", ...people.slice(1).map((_, index) => `video${index + 1}`)]);
  assert.deepEqual(tiles.filter(({ isOwn }) => isOwn).map(({ person_id }) => person_id), ["p0"]);
});

test("who is muted is marked, and who speaks; oneself by one's own switch", () => {
  const { tiles } = circle({}, { muted: ["p1"], speaking: "p2" });
  assert.deepEqual(tiles.filter(({ isMuted }) => isMuted).map(({ person_id }) => person_id), ["p0", "p1"]);
  assert.deepEqual(tiles.filter(({ isSpeaking }) => isSpeaking).map(({ person_id }) => person_id), ["p2"]);
  const heard = circle({ switches: { ...OFF, microphone: true } }, { muted: ["p0"], speaking: "p0" }).tiles[0];
  assert.deepEqual([heard.isMuted, heard.isSpeaking], [false, true]);
});

test("a shared screen is large, whosever it is", () => {
  const { shape, screen } = circle({}, { slots: { screen0: "p3" } });
  assert.deepEqual([shape, screen.person_id, screen.isOwn], ["screen", "p3", false]);
  assert.equal(circle({ switches: { ...OFF, screen: true } }).screen.isOwn, true);
  assert.equal(circle({ want: "grid" }, { slots: { screen0: "p3" } }).shape, "grid");
});

test("who visits sees everybody, and is not among them", () => {
  const { tiles } = circle({ people: ["p1", "p2"], ownId: "mod", isVisiting: true }, { slots: { video0: "p1" } });
  assert.deepEqual(tiles.map(({ isOwn }) => isOwn), [false, false]);
});

test("who speaks to all from one's own room is heard once, and not silenced before they are heard from the stage", () => {
  assert.equal(isHeardFromStage("p2", "p2", { audio0: "p2", video0: "p3" }, true), true);
  assert.equal(isHeardFromStage("p2", "p2", { audio0: "p2", video0: "p3" }, false), false); // the room is all there is
  assert.equal(isHeardFromStage("p2", "p2", { audio0: "p3", video0: "p2" }, true), false);
  assert.equal(isHeardFromStage("p3", "p2", { audio0: "p2" }, true), false);
  assert.equal(isHeardFromStage("", "", { audio0: "" }, true), false);
});

test("who spoke stays large while nobody does", () => {
  assert.equal(circle({ want: "speaker", large: "p4" }).large, "p4");
  assert.equal(circle({ want: "speaker", large: "p4" }, { speaking: "p5" }).large, "p5");
});
