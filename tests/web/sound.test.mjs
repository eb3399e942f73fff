// web/static/views/sound.js: what is heard of the stage and of a breakout room.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

const made = [];
globalThis.MediaStream = class {
  constructor(tracks) {
    this.tracks = tracks;
  }

  getAudioTracks() {
    return this.tracks;
  }
};
globalThis.Audio = class {
  srcObject = null;
  muted = false;
  volume = 1;

  constructor() {
    made.push(this);
  }

  async play() {}
};
const { Sound } = await import("../../web/static/views/sound.js");

const slots = (name) => new Map([["audio0", { name: `${name}0` }], ["audio1", { name: `${name}1` }], ["video0", {}]]);
const heard = () => made.filter(({ srcObject, muted }) => srcObject && !muted).map(({ srcObject, volume }) => [srcObject.tracks[0].name, volume]);

let sound;
beforeEach(() => {
  made.length = 0;
  sound = new Sound();
});

test("in a room one hears the room, and of the stage only who speaks to all, over it", () => {
  const [stage, room] = [slots("stage"), slots("room")];
  sound.play(stage, () => true);
  sound.play(room, () => false, { of: "room" });
  assert.deepEqual(heard(), [["room0", 1], ["room1", 1]]);
  sound.play(stage, (slot) => slot !== "audio1");
  sound.play(room, () => false, { of: "room", isUnder: true });
  assert.deepEqual(heard(), [["stage1", 1], ["room0", 0.25], ["room1", 0.25]]);
});

test("sound that is switched off and on again brings back nothing that was not to be heard", async () => {
  sound.play(slots("stage"), (slot) => slot === "audio0");
  await sound.turn(false);
  assert.deepEqual(heard(), []);
  await sound.turn(true);
  assert.deepEqual(heard(), [["stage1", 1]]);
});

test("a room that was left is silent, and the stage plays on", () => {
  const stage = slots("stage");
  sound.play(stage, () => false);
  sound.play(slots("room"), () => false, { of: "room" });
  sound.play(new Map(), () => false, { of: "room" });
  sound.play(stage, () => false);
  assert.deepEqual(heard(), [["stage0", 1], ["stage1", 1]]);
});
