// web/static/speaker.js: onto the stage and off it, in the right order.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Speaker } from "../../web/static/speaker.js";

const ROOM = "session/s1";

class Connection extends EventTarget {
  me = { person_id: "karin", name: "Karin", roles: ["speaker"] };
  stage = {};
  done = [];
  refusal = null;

  state() {
    return { type: "room", stage: this.stage };
  }

  async do(stream, command) {
    this.done.push(command);
    if (this.refusal) throw this.refusal;
    if (command.type === "stage.enter") this.stage = { karin: { person_id: "karin", camera: false, microphone: false, screen: false } };
    if (command.type === "stage.leave") this.stage = {};
    this.dispatchEvent(new CustomEvent("change"));
  }

  take(stage) {
    this.stage = stage;
    this.dispatchEvent(new CustomEvent("change"));
  }
}

class Media extends EventTarget {
  status = { name: "connected" };
  wishes = [];
  capture = Object.assign(new EventTarget(), {
    switches: { camera: false, microphone: false, screen: false },
    stopped: 0,
    async setCamera(on) {
      this.switches = { ...this.switches, camera: on };
      this.dispatchEvent(new CustomEvent("change"));
    },
    async setMicrophone(on) {
      this.switches = { ...this.switches, microphone: on };
      this.dispatchEvent(new CustomEvent("change"));
    },
    stop() {
      this.stopped += 1;
      this.switches = { camera: false, microphone: false, screen: false };
      this.dispatchEvent(new CustomEvent("change"));
    },
  });

  start(wish) {
    this.wishes.push(wish);
  }
}

let connection;
let media;
let speaker;
const types = () => connection.done.map(({ type }) => type);

beforeEach(() => {
  const kept = new Map();
  globalThis.sessionStorage = { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value), removeItem: (key) => kept.delete(key) };
  connection = new Connection();
  media = new Media();
  speaker = new Speaker(connection, media, ROOM);
});

test("enters first, sends afterwards, and says what is on", async () => {
  await speaker.set("camera", true);
  assert.deepEqual(types(), []);
  await speaker.enter();
  assert.deepEqual(media.wishes, [{ publish: true, video: true }]);
  assert.deepEqual(connection.done, [{ type: "stage.enter" }, { type: "stage.set_media", camera: true, microphone: false, screen: false }]);
});

test("refused at the stage's edge: nothing is sent", async () => {
  connection.refusal = Object.assign(new Error("no"), { code: "session_not_open" });
  await assert.rejects(speaker.enter(), { code: "session_not_open" });
  assert.equal(speaker.isHere, false);
  assert.deepEqual(media.wishes, []);
});

test("every switch is told while on stage, none before", async () => {
  await speaker.set("microphone", true);
  await speaker.enter();
  connection.done = [];
  await speaker.set("microphone", false);
  assert.deepEqual(connection.done, [{ type: "stage.set_media", camera: false, microphone: false, screen: false }]);
});

test("leaving frees the devices, goes on watching and is no removal", async () => {
  let removed = 0;
  speaker.addEventListener("removed", () => (removed += 1));
  await speaker.enter();
  await speaker.leave();
  assert.equal(media.capture.stopped, 1);
  assert.deepEqual(media.wishes.at(-1), { publish: false, video: true });
  assert.equal(types().at(-1), "stage.leave");
  assert.equal(removed, 0);
});

test("taken off by somebody else: stops sending, says so once, keeps watching", async () => {
  let removed = 0;
  speaker.addEventListener("removed", () => (removed += 1));
  await speaker.enter();
  connection.take({});
  connection.take({});
  assert.equal(removed, 1);
  assert.equal(speaker.isHere, false);
  assert.equal(media.capture.stopped, 1);
  assert.deepEqual(media.wishes.at(-1), { publish: false, video: true });
});

test("another tab of the same person never sends by itself", async () => {
  connection.take({ karin: { person_id: "karin", camera: true, microphone: true, screen: false } });
  assert.equal(speaker.isOnStage, true);
  assert.equal(await speaker.resume(), false);
  assert.deepEqual(media.wishes, []);
});

test("a reload goes on where this tab was, with what was on", async () => {
  await speaker.enter();
  const again = new Speaker(connection, media, ROOM);
  connection.stage.karin = { ...connection.stage.karin, microphone: true };
  media.capture.stop();
  assert.equal(await again.resume(), true);
  assert.deepEqual(media.capture.switches, { camera: false, microphone: true, screen: false });
  assert.deepEqual(media.wishes.at(-1), { publish: true, video: true });
});

test("a reload after the stage was left, or after a removal, does not go on", async () => {
  await speaker.enter();
  await speaker.leave();
  connection.take({ karin: { person_id: "karin" } });
  assert.equal(await new Speaker(connection, media, ROOM).resume(), false);
});

test("a voice to all that is refused leaves no microphone open", async () => {
  connection.refusal = Object.assign(new Error("no"), { code: "stage_full" });
  await assert.rejects(speaker.speakToAll(true), { code: "stage_full" });
  assert.deepEqual([speaker.speaksToAll, speaker.isHere, media.capture.switches.microphone], [false, false, false]);
  assert.equal(media.capture.stopped, 1);
  assert.deepEqual(types(), ["stage.enter"]);
});

test("who speaks to all and loads the page again speaks on, and is off the stage when it is over", async () => {
  await speaker.speakToAll(true);
  const again = new Speaker(connection, media, ROOM);
  connection.stage.karin = { ...connection.stage.karin, microphone: true };
  media.capture.stop();
  assert.equal(await again.resume(), true);
  assert.deepEqual([again.speaksToAll, media.wishes.at(-1)], [true, { publish: true, video: true, isVoice: true }]);
  await again.speakToAll(false);
  assert.deepEqual([types().at(-1), again.isHere, media.capture.switches.microphone], ["stage.leave", false, false]);
});

test("sound alone is kept over going on stage", async () => {
  speaker.setLean(true);
  await speaker.enter();
  assert.deepEqual(media.wishes, [{ publish: false, video: false }, { publish: true, video: false }]);
});
