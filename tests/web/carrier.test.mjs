// web/static/carrier.js and speaker.js: between the plenary and breakout rooms, with the devices as they were left.
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { FakePeerConnection, fakeServer, settle } from "./fakes.mjs";

Object.assign(globalThis, { RTCPeerConnection: FakePeerConnection, RTCRtpReceiver: { getCapabilities: () => ({ codecs: [] }) } });
const { Carrier } = await import("../../web/static/carrier.js");
const { Speaker } = await import("../../web/static/speaker.js");
const { StageMedia } = await import("../../web/static/media.js");

class Devices extends EventTarget {
  switches = { camera: false, microphone: false, screen: false };
  tracks = { camera: null, microphone: null, screen: null };
  opened = [];
  refusals = {}; // by kind
  stopped = 0;

  async #set(kind, on) {
    await Promise.resolve();
    if (on && this.refusals[kind]) throw this.refusals[kind];
    if (on) this.opened.push(kind);
    this.switches = { ...this.switches, [kind]: on };
    this.tracks = { ...this.tracks, [kind]: on ? { kind } : null };
    this.dispatchEvent(new CustomEvent("change"));
  }

  setCamera = (on) => this.#set("camera", on);
  setMicrophone = (on) => this.#set("microphone", on);
  setScreen = async (on) => void (this.switches.screen === on || (await this.#set("screen", on)));

  stop() {
    this.stopped += 1;
    this.switches = { camera: false, microphone: false, screen: false };
    this.tracks = { camera: null, microphone: null, screen: null };
    this.dispatchEvent(new CustomEvent("change"));
  }
}

class Connection extends EventTarget {
  me = { person_id: "karin" };
  stage = {};
  done = [];

  state() {
    return { type: "room", stage: this.stage };
  }

  async do(stream, { type, ...rest }) {
    this.done.push([type, rest]);
    if (type === "stage.enter") this.stage = { karin: {} };
    if (type === "stage.leave") this.stage = {};
  }
}

let server, devices, connection, stage, speaker, carrier, memory;
beforeEach(() => {
  FakePeerConnection.all = [];
  server = fakeServer();
  globalThis.fetch = server.fetch;
  const kept = new Map();
  memory = { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => void kept.set(key, value) };
  globalThis.sessionStorage = memory;
  arrive();
});

afterEach(leave);

function leave() {
  carrier.stop();
  stage.stop();
}

/** The page is loaded: again, after the first time. */
function arrive() {
  devices = new Devices();
  connection = new Connection();
  stage = new StageMedia("/media/s1", undefined, devices);
  speaker = new Speaker(connection, stage, "session/s1");
  carrier = new Carrier("/media/s1/breakouts/", stage, speaker, undefined, memory);
}

const on = ({ camera, microphone }) => [camera, microphone];
const arriveIn = async (room, isVisiting = false) => {
  carrier.go(room, isVisiting);
  await settle();
  FakePeerConnection.all.at(-1).become("connected");
  await settle();
};
const goOnStage = async () => {
  await devices.setCamera(true);
  await speaker.enter();
  await settle();
  FakePeerConnection.all.at(-1).become("connected");
};
const sentBy = (peer) => peer.lines.filter(({ sender }) => sender.track).map(({ sender }) => sender.track.kind);

test("a viewer is carried into a room with everything off, sees up to twelve and may send, and nothing is opened unasked", async () => {
  await arriveIn("b1");
  const { url, body } = server.offers.at(-1);
  assert.equal(url, "/media/s1/breakouts/b1");
  assert.equal(Object.values(body.uses).filter((use) => use === "video").length, 12);
  assert.deepEqual(Object.values(body.uses).slice(0, 3), ["microphone", "camera", "screen"]);
  assert.deepEqual([devices.opened, carrier.hasJoined, carrier.roomId], [[], false, "b1"]);
});

test("who joins in is seen and heard, in the next room too, and after a reload", async () => {
  await arriveIn("b1");
  await carrier.joinIn();
  assert.deepEqual(on(devices.switches), [true, true]);
  assert.deepEqual(sentBy(FakePeerConnection.all.at(-1)), ["microphone", "camera"]);
  await devices.setCamera(false);
  await arriveIn("b2");
  assert.deepEqual(on(devices.switches), [false, true]);
  assert.deepEqual(devices.opened, ["camera", "microphone"]); // none was opened anew
  leave();
  arrive();
  await arriveIn("b2");
  assert.deepEqual(on(devices.switches), [false, true]);
});

test("back in the plenary a viewer's devices are free, and the plenary's connection was never touched", async () => {
  speaker.watch();
  await settle();
  const [plenary] = FakePeerConnection.all;
  plenary.become("connected");
  await arriveIn("b1");
  await carrier.joinIn();
  carrier.go("");
  await settle();
  assert.deepEqual([carrier.media, devices.stopped, plenary.connectionState], [null, 1, "connected"]);
  assert.deepEqual(server.deleted, ["/media/s1/breakouts/b1/peer2"]);
  await arriveIn("b3");
  assert.deepEqual(on(devices.switches), [true, true]);
});

test("who was on stage is on it again as before, and the stage hears nothing of the room", async () => {
  await goOnStage();
  await arriveIn("b1");
  assert.deepEqual(connection.done.at(-1), ["stage.set_media", { camera: false, microphone: false, screen: false }]);
  assert.deepEqual(on(devices.switches), [true, false]); // as they were left
  await devices.setMicrophone(true);
  await devices.setCamera(false);
  assert.deepEqual(connection.done.at(-1)[1], { camera: false, microphone: false, screen: false });
  carrier.go("");
  await settle();
  assert.deepEqual(on(devices.switches), [true, false]);
  assert.deepEqual(connection.done.at(-1), ["stage.set_media", { camera: true, microphone: false, screen: false }]);
  assert.equal(devices.stopped, 0);
});

test("who loads the page again in a room is on stage afterwards as before the room", async () => {
  await goOnStage();
  await arriveIn("b1");
  await devices.setCamera(false);
  leave();
  arrive();
  connection.stage = { karin: {} };
  assert.equal(await speaker.resume(), true);
  await arriveIn("b1");
  assert.deepEqual(on(devices.switches), [false, false]);
  carrier.go("");
  await settle();
  assert.deepEqual(on(devices.switches), [true, false]);
});

test("what was left on stage in an earlier round is not what comes on after the next", async () => {
  await goOnStage();
  await arriveIn("b1");
  carrier.go("");
  await settle();
  await devices.setCamera(false);
  leave();
  arrive();
  connection.stage = { karin: {} };
  await speaker.resume();
  carrier.go("");
  await arriveIn("b2");
  carrier.go("");
  await settle();
  assert.deepEqual(devices.opened, []);
});

test("called away while the stage's devices come on, one finds them on the next time", async () => {
  await goOnStage();
  await arriveIn("b1");
  await devices.setCamera(false);
  carrier.go("");
  carrier.go("b2");
  await settle();
  carrier.go("");
  await settle();
  assert.deepEqual(on(devices.switches), [true, false]);
});

test("who looks at themselves backstage is not shown to the group", async () => {
  await devices.setCamera(true);
  await arriveIn("b1");
  assert.deepEqual([on(devices.switches), carrier.hasJoined], [[false, false], false]);
});

test("a visit is silent: the connection only receives, and no device is on", async () => {
  await arriveIn("b1", true);
  assert.ok(!Object.values(server.offers.at(-1).body.uses).includes("microphone"));
  assert.equal(carrier.isVisiting, true);
  carrier.go("");
  await settle();
  assert.deepEqual(devices.opened, []);
});

test("the camera goes out in full size only where few are shown large", async () => {
  await arriveIn("b1");
  const largest = () => FakePeerConnection.all.at(-1).lines[1].sender.parameters.encodings.at(-1).active ?? true;
  assert.equal(largest(), true);
  carrier.media.gather(5);
  await settle();
  assert.equal(largest(), false);
  carrier.media.gather(4);
  await settle();
  assert.equal(largest(), true);
});

test("moved twice at once, one ends where one shall be, and nowhere else", async () => {
  carrier.go("b1");
  carrier.go("b2");
  carrier.go("b3");
  await settle();
  assert.equal(carrier.roomId, "b3");
  assert.equal(server.offers.at(-1).url, "/media/s1/breakouts/b3");
  assert.equal(server.deleted.length, server.offers.length - 1);
});

test("while the browser asks for the camera one is moved all the same, and back in the plenary nothing is opened any more", async () => {
  await arriveIn("b1");
  await carrier.joinIn();
  leave();
  arrive();
  let answer;
  devices.setCamera = () => new Promise((resolve) => (answer = resolve));
  await arriveIn("b1");
  await arriveIn("b2");
  assert.deepEqual([carrier.roomId, server.offers.at(-1).url], ["b2", "/media/s1/breakouts/b2"]);
  carrier.go("");
  answer();
  await settle();
  assert.deepEqual([carrier.media, devices.opened], [null, []]);
});

test("a camera that does not open is told, and the microphone comes on all the same", async () => {
  const told = [];
  carrier.addEventListener("problem", ({ detail }) => told.push(detail.device));
  await arriveIn("b1");
  devices.refusals = { camera: new Error("busy") };
  await carrier.joinIn();
  assert.deepEqual([told, on(devices.switches), carrier.hasJoined], [["camera"], [false, true], true]);
});

test("who pushes to talk is not heard by arriving", async () => {
  await arriveIn("b1");
  await carrier.joinIn();
  carrier.isPushing = () => true;
  await arriveIn("b2");
  assert.deepEqual(on(devices.switches), [true, false]);
});

test("a voice to all goes over the stage, with the microphone alone, and is over as it began", async () => {
  await arriveIn("b1", true);
  await speaker.speakToAll(true);
  await settle();
  assert.deepEqual(connection.done, [["stage.enter", {}], ["stage.set_media", { camera: false, microphone: true, screen: false }], ["stage.set_media", { camera: false, microphone: true, screen: false }]]);
  assert.equal(server.offers.at(-1).url, "/media/s1");
  FakePeerConnection.all.at(-1).become("connected");
  await settle();
  assert.deepEqual(sentBy(FakePeerConnection.all.at(-1)), ["microphone"]);
  await speaker.speakToAll(false);
  await settle();
  assert.deepEqual([connection.done.at(-1)[0], devices.switches.microphone, speaker.isHere], ["stage.leave", false, false]);
  assert.equal(carrier.roomId, "b1");
});

test("who is on stage and in a room speaks to all without their camera, and sends the room on", async () => {
  await goOnStage();
  await arriveIn("b1");
  await speaker.speakToAll(true);
  await settle();
  FakePeerConnection.all.at(-1).become("connected");
  await settle();
  assert.deepEqual(sentBy(FakePeerConnection.all.at(-1)), ["microphone"]);
  await speaker.speakToAll(false);
  assert.deepEqual(connection.done.at(-1), ["stage.set_media", { camera: false, microphone: false, screen: false }]);
  assert.equal(speaker.isHere, true);
});

test("an engine that lost both connections is offered both again, and one that lost the room's alone that one", async () => {
  speaker.watch();
  await settle();
  FakePeerConnection.all.at(-1).become("connected");
  await arriveIn("b1");
  const offered = () => server.offers.slice(2).map(({ url }) => url).sort();
  stage.reset(["peer2"]);
  await settle();
  assert.deepEqual(offered(), ["/media/s1/breakouts/b1"]);
  stage.reset();
  await settle();
  assert.deepEqual(offered(), ["/media/s1", "/media/s1/breakouts/b1", "/media/s1/breakouts/b1"]);
});

test("the others are told whether one can be heard, once", async () => {
  const told = [];
  const { fetch } = server;
  globalThis.fetch = (url, options) => {
    const { muted } = options.method === "PATCH" ? JSON.parse(options.body) : {};
    if (muted !== undefined) told.push(muted);
    return fetch(url, options);
  };
  await arriveIn("b1");
  await carrier.joinIn();
  await devices.setCamera(false);
  await settle();
  assert.deepEqual(told, [true, false]);
});
