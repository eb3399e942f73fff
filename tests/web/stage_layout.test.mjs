// web/static/stage-layout.js: who is shown where.
import assert from "node:assert/strict";
import { test } from "node:test";
import { MOST_TILES, layoutOf as layoutWith, slotsOf, unshownIn } from "../../web/static/stage-layout.js";

const layoutOf = (room, signals, ownId, isHere, more = {}) => layoutWith({ room, signals, ownId, isHere, nameOf: (id) => id.toUpperCase(), ...more });
const on = (person_id, order, more = {}) => ({
  ...{ person_id, entered_at: `2026-03-25T09:00:0${order}Z`, camera: true, microphone: true, screen: false },
  ...more,
});
const room = (...members) => ({ type: "room", stage: Object.fromEntries(members.map((member) => [member.person_id, member])), polls: {}, questions: {}, recordings: {} });
const signals = (slots = {}, speaking = "", codecs = {}) => ({ present: 0, background: 0, answered: {}, votes: {}, slots, codecs, speaking, media: "", delayed: false });
const SHOWN = { unshown: "", isPaused: false };

test("an empty stage", () => {
  assert.deepEqual(layoutOf(room(), signals(), "me", false), { shape: "empty", screen: null, tiles: [], others: [], large: "" });
});

test("one speaker alone, in the slot that brings their picture", () => {
  const { shape, tiles } = layoutOf(room(on("a", 1)), signals({ video0: "", video2: "a" }), "me", false);
  assert.equal(shape, "alone");
  assert.deepEqual(tiles, [{ person_id: "a", name: "A", slot: "video2", isOwn: false, isMuted: false, isSpeaking: false, ...SHOWN }]);
});

test("several in the order in which they came, whatever their ids and slots", () => {
  const { shape, tiles } = layoutOf(room(on("9", 1), on("2", 3), on("5", 2)), signals({ video0: "2", video1: "9" }), "me", false);
  assert.equal(shape, "grid");
  assert.deepEqual(tiles.map(({ person_id, slot }) => [person_id, slot]), [["9", "video1"], ["5", ""], ["2", "video0"]]);
});

test("a camera that is off has no picture, even while the slot still names its person", () => {
  const { tiles } = layoutOf(room(on("a", 1, { camera: false })), signals({ video0: "a" }), "me", false);
  assert.equal(tiles[0].slot, "");
});

test("one's own picture is the local one where this tab sends it, and a slot's in another tab", () => {
  const here = layoutOf(room(on("me", 1)), signals({ video0: "me" }), "me", true).tiles[0];
  const elsewhere = layoutOf(room(on("me", 1)), signals({ video0: "me" }), "me", false).tiles[0];
  assert.deepEqual([here.isOwn, here.slot, elsewhere.isOwn, elsewhere.slot], [true, "", false, "video0"]);
});

test("with more people than tiles, those without picture and sound give way and are named", () => {
  const members = [on("a", 1, { camera: false, microphone: false }), on("b", 2, { camera: false }), on("c", 3), on("d", 4), on("e", 5), on("f", 6)];
  const slots = { video0: "c", video1: "d", video2: "e", video3: "f" };
  const { tiles, others } = layoutOf(room(...members), signals(slots), "me", false);
  assert.equal(tiles.length, MOST_TILES);
  assert.deepEqual(tiles.map(({ person_id }) => person_id), ["c", "d", "e", "f"]);
  assert.deepEqual(others, ["A", "B"]);
});

test("a shared screen is large and everybody else small", () => {
  const { shape, screen, tiles } = layoutOf(room(on("a", 1, { screen: true }), on("b", 2)), signals({ screen0: "a", video0: "a" }), "me", false);
  assert.equal(shape, "screen");
  assert.deepEqual(screen, { person_id: "a", name: "A", isOwn: false, ...SHOWN });
  assert.equal(tiles.length, 2);
});

test("one's own screen is told and not shown: a mirror in a mirror helps nobody", () => {
  const { screen } = layoutOf(room(on("me", 1, { screen: true })), signals(), "me", true);
  assert.deepEqual(screen, { person_id: "me", name: "ME", isOwn: true, ...SHOWN });
});

test("a slot that still names somebody who has left or stopped sharing shows nothing", () => {
  assert.equal(layoutOf(room(on("a", 1)), signals({ screen0: "a" }), "me", false).screen, null);
  assert.equal(layoutOf(room(), signals({ screen0: "gone", video0: "gone" }), "me", false).shape, "empty");
});

test("who speaks is marked, unless muted", () => {
  assert.equal(layoutOf(room(on("a", 1)), signals({}, "a"), "me", false).tiles[0].isSpeaking, true);
  assert.equal(layoutOf(room(on("a", 1, { microphone: false })), signals({}, "a"), "me", false).tiles[0].isSpeaking, false);
});

test("a picture that this browser cannot show says in which codec it is, at once when that changes", () => {
  const stage = room(on("a", 1, { screen: true }), on("b", 2));
  const slots = { video0: "a", video1: "b", screen0: "a" };
  const found = layoutOf(stage, signals(slots, "", { video0: "H264", video1: "VP8", screen0: "H264" }), "me", false, { decodes: ["VP8"] });
  assert.deepEqual([found.screen.unshown, ...found.tiles.map(({ unshown }) => unshown)], ["H264", "H264", ""]);
  assert.deepEqual(unshownIn(found), [{ name: "A", codec: "H264" }, { name: "A", codec: "H264" }]);
  assert.deepEqual(slotsOf(found), ["video1"]);
  const later = layoutOf(stage, signals(slots, "", { video0: "VP8", video1: "VP8", screen0: "VP8" }), "me", false, { decodes: ["VP8"] });
  assert.deepEqual(unshownIn(later), []);
  assert.deepEqual(slotsOf(later), ["screen0", "video0", "video1"]);
});

test("while it is not known what a browser can show, nothing is said; one's own picture and a camera that is off are no matter", () => {
  const codecs = { video0: "H264", video1: "H264" };
  const slots = { video0: "a", video1: "me" };
  assert.deepEqual(unshownIn(layoutOf(room(on("a", 1)), signals(slots, "", codecs), "me", false)), []);
  const own = layoutOf(room(on("me", 1), on("a", 2, { camera: false })), signals(slots, "", codecs), "me", true, { decodes: [] });
  assert.deepEqual(unshownIn(own), []);
});

test("who wants the speaker large gets whoever speaks, and keeps them while nobody does", () => {
  const stage = room(on("a", 1), on("b", 2), on("me", 3));
  const large = (speaking, before = "") => layoutOf(stage, signals({ video0: "a", video1: "b" }, speaking), "me", true, { want: "speaker", large: before });
  assert.equal(large("b").shape, "speaker");
  assert.equal(large("b").large, "b");
  assert.equal(large("", "b").large, "b");
  assert.equal(large("me", "b").large, "b", "nobody wants to look at themselves");
  assert.equal(large("", "gone").large, "a");
  assert.deepEqual(large("b").tiles.map(({ person_id }) => person_id), ["a", "b", "me"], "nobody changes place in the document");
});

test("what is wanted counts where there is something to choose, with a screen too", () => {
  const shape = (members, slots, want) => layoutOf(room(...members), signals(slots), "x", false, { want }).shape;
  const both = [on("a", 1, { screen: true }), on("b", 2)];
  assert.deepEqual(["auto", "speaker", "grid"].map((want) => shape(both, { screen0: "a" }, want)), ["screen", "speaker", "grid"]);
  assert.deepEqual(["auto", "speaker", "grid"].map((want) => shape([on("a", 1)], {}, want)), ["alone", "alone", "alone"]);
  assert.deepEqual(["auto", "speaker", "grid"].map((want) => shape([on("a", 1), on("b", 2)], {}, want)), ["grid", "speaker", "grid"]);
  assert.equal(shape([], {}, "speaker"), "empty");
});

test("a picture that does not arrive is marked, whoever sends it", () => {
  const { tiles, screen } = layoutOf(room(on("a", 1, { screen: true })), signals({ video0: "a", screen0: "a" }), "me", false, { paused: new Set(["screen0"]) });
  assert.deepEqual([tiles[0].isPaused, screen.isPaused], [false, true]);
});
