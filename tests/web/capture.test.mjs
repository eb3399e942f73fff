// web/static/capture.js and devices.js: what is sent, over devices that do as they are told.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

class Track {
  constructor(kind) {
    Object.assign(this, { kind, enabled: true, stopped: false, onended: null, contentHint: "" });
  }

  stop() {
    this.stopped = true;
  }
}

const opened = [];
const asked = [];
const devices = {
  refusal: null,
  gate: Promise.resolve(),
  async getUserMedia(constraints) {
    asked.push(constraints);
    await devices.gate;
    const { deviceId } = constraints.video ?? constraints.audio;
    if (deviceId && deviceId.exact === devices.gone) throw Object.assign(new Error("no"), { name: "OverconstrainedError" });
    if (devices.refusal) throw Object.assign(new Error("no"), { name: devices.refusal });
    const track = new Track(constraints.video ? "video" : "audio");
    opened.push(track);
    track.label = `${track.kind} ${opened.length}`;
    return { getTracks: () => [track] };
  },
  async getDisplayMedia() {
    if (devices.refusal) throw Object.assign(new Error("no"), { name: devices.refusal });
    const track = new Track("video");
    opened.push(track);
    return { getVideoTracks: () => [track], getAudioTracks: () => [] };
  },
};
Object.defineProperty(globalThis, "navigator", { value: { mediaDevices: devices }, configurable: true });
const { Capture } = await import("../../web/static/capture.js");

let capture;
beforeEach(() => {
  const kept = new Map();
  globalThis.localStorage = { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value) };
  opened.length = asked.length = 0;
  devices.refusal = devices.gone = null;
  devices.gate = Promise.resolve();
  capture = new Capture();
});

test("a camera that is switched off is freed, and opened anew when it is switched on", async () => {
  await capture.setCamera(true);
  await capture.setCamera(false);
  assert.equal(opened[0].stopped, true);
  assert.equal(capture.tracks.camera, null);
  await capture.setCamera(true);
  assert.equal(capture.tracks.camera, opened[1]);
});

test("a muted microphone is kept and silent, and back without asking again", async () => {
  await capture.setMicrophone(true);
  await capture.setMicrophone(false);
  assert.equal(capture.switches.microphone, false);
  assert.equal(capture.tracks.microphone, opened[0]);
  assert.equal(opened[0].enabled, false);
  assert.equal(opened[0].stopped, false);
  await capture.setMicrophone(true);
  assert.equal(asked.length, 1);
});

test("stopping frees everything, also what was still being opened", async () => {
  await capture.setMicrophone(true);
  let open;
  devices.gate = new Promise((resolve) => (open = resolve));
  const opening = capture.setCamera(true);
  capture.stop();
  open();
  await opening;
  assert.ok(opened.length === 2 && opened.every((track) => track.stopped));
  assert.deepEqual(capture.switches, { camera: false, microphone: false, screen: false });
});

test("a device that is unplugged is told and is off", async () => {
  const lost = [];
  capture.addEventListener("lost", ({ detail }) => lost.push(detail.kind));
  await capture.setCamera(true);
  await opened[0].onended();
  assert.deepEqual(lost, ["camera"]);
  assert.equal(capture.switches.camera, false);
});

test("who speaks goes on with another microphone when theirs is unplugged, muted if it was", async () => {
  const lost = [];
  capture.addEventListener("lost", ({ detail }) => lost.push(detail));
  await capture.setMicrophone(true);
  await capture.setMicrophone(false);
  await opened[0].onended();
  assert.equal(capture.tracks.microphone, opened[1]);
  assert.equal(opened[1].enabled, false);
  assert.deepEqual(lost, [{ kind: "microphone", instead: "audio 2" }]);
});

test("without another microphone it is off, and so it stays when all has been switched off meanwhile", async () => {
  const lost = [];
  capture.addEventListener("lost", ({ detail }) => lost.push(detail));
  await capture.setMicrophone(true);
  devices.refusal = "NotFoundError";
  await opened[0].onended();
  assert.deepEqual(lost, [{ kind: "microphone", instead: "" }]);
  assert.equal(capture.switches.microphone, false);
  devices.refusal = null;
  await capture.setMicrophone(true);
  const ending = opened[1].onended();
  capture.stop();
  await ending;
  assert.ok(opened[2].stopped);
  assert.equal(capture.tracks.microphone, null);
});

for (const [name, code] of [["NotAllowedError", "denied"], ["NotFoundError", "missing"], ["NotReadableError", "busy"], ["TypeError", "failed"]]) {
  test(`${name} becomes the problem "${code}", and the device stays off`, async () => {
    devices.refusal = name;
    await assert.rejects(capture.setCamera(true), { code });
    assert.equal(capture.switches.camera, false);
  });
}

test("who changes their mind about sharing a screen is not told of a problem", async () => {
  devices.refusal = "NotAllowedError";
  await capture.setScreen(true);
  assert.equal(capture.switches.screen, false);
});

test("another camera is used at once where one is running, and remembered", async () => {
  await capture.setCamera(true);
  await capture.choose("camera", "second");
  assert.equal(opened[0].stopped, true);
  assert.deepEqual(asked[1].video.deviceId, { exact: "second" }); // Chromium passes over a mere wish
  assert.equal(capture.tracks.camera, opened[1]);
});

test("a chosen device that is gone gives way to any other; one that is busy is told", async () => {
  devices.gone = "second";
  await capture.choose("microphone", "second");
  await capture.setMicrophone(true);
  assert.deepEqual(asked.map(({ audio }) => audio.deviceId), [{ exact: "second" }, undefined]);
  assert.equal(capture.switches.microphone, true);
  devices.refusal = "NotReadableError";
  await assert.rejects(capture.setCamera(true), { code: "busy" });
});

test("another microphone stays muted if the first one was", async () => {
  await capture.setMicrophone(true);
  await capture.setMicrophone(false);
  await capture.choose("microphone", "second");
  assert.equal(capture.switches.microphone, false);
  assert.equal(opened[1].enabled, false);
});

test("noise is taken out unless it shall stay, from now on, and a muted microphone stays muted", async () => {
  await capture.setMicrophone(true);
  assert.equal(asked.at(-1).audio.noiseSuppression, true);
  await capture.setMicrophone(false);
  await capture.setNoiseSuppression(false);
  assert.equal(asked.at(-1).audio.noiseSuppression, false);
  assert.deepEqual([opened[0].stopped, opened[1].enabled], [true, false]);
  await capture.setNoiseSuppression(true);
  assert.equal(asked.at(-1).audio.noiseSuppression, true);
});

test("what is switched off while it is being opened does not come on", async () => {
  let open;
  devices.gate = new Promise((resolve) => (open = resolve));
  const opening = Promise.all([capture.setCamera(true), capture.setMicrophone(true)]);
  await capture.setCamera(false);
  await capture.setMicrophone(false);
  open();
  await opening;
  assert.deepEqual(capture.switches, { camera: false, microphone: false, screen: false });
  assert.ok(opened.find(({ kind }) => kind === "video").stopped);
  await capture.setMicrophone(true);
  assert.equal(capture.switches.microphone, true);
});

test("a screen that is chosen after sharing was taken back is not shared", async () => {
  const sharing = capture.setScreen(true);
  await capture.setScreen(false);
  await sharing;
  assert.equal(capture.switches.screen, false);
  assert.ok(opened[0].stopped);
  const another = capture.setScreen(true);
  capture.stop();
  await another;
  assert.equal(capture.switches.screen, false);
});

test("what is switched off, or muted, while another device is being opened stays so", async () => {
  await capture.setCamera(true);
  await capture.setMicrophone(true);
  for (const work of [() => capture.choose("microphone", "second"), () => capture.setNoiseSuppression(false), () => opened.at(-1).onended()]) {
    await capture.setMicrophone(true);
    let open;
    devices.gate = new Promise((resolve) => (open = resolve));
    const choosing = work();
    await capture.setMicrophone(false);
    open();
    await choosing;
    assert.equal(capture.switches.microphone, false);
    assert.equal(opened.at(-1).enabled, false);
  }
  const choosing = capture.choose("camera", "second");
  await capture.setCamera(false);
  await choosing;
  assert.equal(capture.switches.camera, false);
  assert.ok(opened.filter(({ kind }) => kind === "video").every(({ stopped }) => stopped));
});

test("nothing comes on that was being changed when everything was switched off", async () => {
  await capture.setCamera(true);
  await capture.setMicrophone(true);
  const choosing = [capture.choose("camera", "second"), capture.choose("microphone", "second")];
  capture.stop();
  await Promise.all(choosing);
  assert.deepEqual(capture.switches, { camera: false, microphone: false, screen: false });
  assert.ok(opened.every(({ stopped }) => stopped));
});

test("a camera that gave way to one that does not open is off", async () => {
  await capture.setCamera(true);
  devices.refusal = "NotReadableError";
  await assert.rejects(capture.choose("camera", "second"), { code: "busy" });
  assert.deepEqual([capture.switches.camera, capture.tracks.camera], [false, null]);
});
