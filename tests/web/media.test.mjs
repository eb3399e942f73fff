// web/static/media.js: one connection kept alive, over a browser that does as it is told.
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { FakePeerConnection, fakeServer, settle } from "./fakes.mjs";

Object.assign(globalThis, {
  RTCPeerConnection: FakePeerConnection,
  RTCRtpReceiver: { getCapabilities: () => ({ codecs: [{ mimeType: "video/VP8" }, { mimeType: "video/H264", sdpFmtpLine: "packetization-mode=1;profile-level-id=42e01f" }] }) },
});
const { StageMedia } = await import("../../web/static/media.js");

let server;
let media;
beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"] });
  FakePeerConnection.all = [];
  server = fakeServer();
  globalThis.fetch = server.fetch;
  media = new StageMedia("/media/s1");
});
afterEach(() => {
  media.stop();
  mock.timers.reset();
});

const peers = () => FakePeerConnection.all;
const watch = async (wish = { publish: false, video: true }) => {
  media.start(wish);
  await settle();
  peers().at(-1).become("connected");
};
const pass = async (ms) => {
  for (let passed = 0; passed < ms; passed += 100) {
    mock.timers.tick(100);
    await settle();
  }
};

test("a viewer offers once: three sounds, four pictures, one screen, and nothing sent", async () => {
  await watch();
  const [{ url, body }] = server.offers;
  assert.equal(url, "/media/s1");
  assert.deepEqual(Object.values(body.uses), ["audio", "audio", "audio", "video", "video", "video", "video", "screen_slot"]);
  assert.ok(peers()[0].lines.every(({ init }) => init.direction === "recvonly"));
  assert.equal(media.status.name, "connected");
  assert.deepEqual([...media.slots.keys()], ["audio0", "audio1", "audio2", "video0", "video1", "video2", "video3", "screen0"]);
});

test("H.264 is preferred and the rest stays on offer", async () => {
  await watch();
  const { preferred } = peers()[0].lines.at(-1);
  assert.deepEqual(preferred.map(({ mimeType }) => mimeType), ["video/H264", "video/VP8"]);
});

test("sound alone has no pictures to receive", async () => {
  await watch({ publish: false, video: false });
  assert.deepEqual(Object.values(server.offers[0].body.uses), ["audio", "audio", "audio"]);
});

test("a speaker's camera goes out in three sizes, the screen in one", async () => {
  await watch({ publish: true, video: true });
  const encodings = peers()[0].lines.filter(({ kind, init }) => kind === "video" && init.sendEncodings).map(({ init }) => init.sendEncodings);
  assert.deepEqual(encodings.map((sizes) => sizes.map(({ rid, scaleResolutionDownBy: by }) => [rid, by])), [
    [["l", 4], ["m", 2], ["h", 1]],
    [[undefined, undefined]],
  ]);
});

test("what the page shows is told once it has settled, once, and again to a new connection", async () => {
  await watch();
  media.show({ video0: 360 });
  media.show({ video0: 720, video1: 0 });
  media.show({ video1: 0 });
  await pass(300);
  assert.deepEqual(server.shown, [["/media/s1/peer1", { video0: 720, video1: 0 }]]);
  media.show({ video0: 720 });
  await pass(300);
  assert.equal(server.shown.length, 1);
  peers()[0].end();
  await pass(1_000);
  peers().at(-1).become("connected");
  await settle();
  assert.deepEqual(server.shown.at(-1), ["/media/s1/peer2", { video0: 720, video1: 0 }]);
});

test("when the server ends it, it is offered again at once", async () => {
  await watch();
  peers()[0].end();
  await pass(500);
  assert.equal(server.offers.length, 2);
  peers()[1].become("connected");
  assert.equal(media.status.name, "connected");
});

test("the same wish again changes nothing", async () => {
  await watch();
  await watch();
  assert.equal(server.offers.length, 1);
});

test("a viewer who goes on stage offers once more, and the old connection goes only when the new one is up", async () => {
  await watch();
  media.start({ publish: true, video: true });
  await settle();
  assert.equal(server.offers.length, 2);
  assert.deepEqual(Object.values(server.offers[1].body.uses).slice(0, 3), ["microphone", "camera", "screen"]);
  assert.equal(peers()[0].connectionState, "connected");
  assert.deepEqual(server.deleted, []);
  peers()[1].become("connected");
  await settle();
  assert.equal(peers()[0].connectionState, "closed");
  assert.deepEqual(server.deleted, ["/media/s1/peer1"]);
  assert.equal(media.status.name, "connected");
});

test("a connection that the server cannot restart is offered anew, later and later", async () => {
  await watch();
  server.restart = () => ({ status: 404, body: { code: "not_found", message: "Finns inte." } });
  peers()[0].become("failed");
  assert.equal(media.status.name, "reconnecting");
  assert.equal(media.quality, "lost");
  const attempts = [];
  server.answer = () => ({ status: 503, body: { code: "media_unavailable", message: "Inte nu." } });
  for (let second = 0; second < 60; second += 1) {
    await pass(1_000);
    attempts.push(server.offers.length);
  }
  assert.ok(attempts[9] >= 4, `four attempts in ten seconds: ${attempts[9]}`);
  assert.ok(attempts[59] <= 20, `not hammering: ${attempts[59]}`);
  server.answer = undefined;
  await pass(8_000);
  peers().at(-1).become("connected");
  assert.equal(media.status.name, "connected");
  assert.equal(media.quality, "good");
});

test("a connection that lost its way gets a new one: other credentials, and all else as it was", async () => {
  await watch();
  media.show({ video0: 360 });
  await pass(300);
  const slots = [...media.slots.values()];
  peers()[0].become("disconnected");
  await settle();
  assert.deepEqual(server.restarts, [["/media/s1/peer1", "a=ice-ufrag:page2\r\na=ice-pwd:secret2\r\n"]]);
  const lines = peers()[0].remoteDescription.sdp.split("\r\n");
  assert.deepEqual(lines, ["v=0", "o=- 1 2 IN IP4 127.0.0.1", ...["a", "b"].flatMap(() => ["m=x", "a=ice-ufrag:new1", "a=ice-pwd:new-secret"]), ""]);
  peers()[0].become("connected");
  await pass(20_000);
  assert.deepEqual([...media.slots.values()], slots);
  assert.deepEqual([server.offers.length, server.deleted, media.status.name, media.quality], [1, [], "connected", "good"]);
  assert.deepEqual(server.shown.at(-1), ["/media/s1/peer1", { video0: 360 }]);
  peers()[0].become("failed"); // and once more
  await settle();
  peers()[0].become("connected");
  assert.equal(server.restarts[1][1], "a=ice-ufrag:page3\r\na=ice-pwd:secret3\r\n");
  assert.match(peers()[0].remoteDescription.sdp, /^o=- 1 3 .*\r\n(.*\r\n)*a=ice-ufrag:new2\r\n/m);
});

test("while the network is away it asks again, the same, and says so; when the network is back, at once", async () => {
  await watch();
  server.restart = () => {
    throw new TypeError("Failed to fetch");
  };
  peers()[0].become("disconnected");
  await pass(2_900);
  assert.deepEqual([media.status.name, media.quality], ["connected", "poor"]);
  await pass(200);
  assert.deepEqual([media.status.name, media.quality], ["reconnecting", "lost"]);
  peers()[0].become("failed");
  await pass(20_000);
  assert.ok(server.restarts.length > 8 && server.restarts.length < 30, `${server.restarts.length} restarts`);
  assert.equal(new Set(server.restarts.map(([, body]) => body)).size, 1);
  assert.equal(server.offers.length, 1);
  server.restart = undefined;
  const asked = server.restarts.length;
  media.nudge();
  await settle();
  assert.equal(server.restarts.length, asked + 1);
  peers()[0].become("connected");
  await pass(20_000);
  assert.deepEqual([media.status.name, media.quality, server.offers.length, server.restarts.length], ["connected", "good", 1, asked + 1]);
});

test("an answered restart that leads nowhere is offered anew after six seconds", async () => {
  await watch();
  for (const [attempt, state] of ["disconnected", "failed"].entries()) {
    peers()[attempt].become(state);
    await pass(5_900);
    assert.equal(server.offers.length, attempt + 1);
    await pass(600);
    assert.equal(server.offers.length, attempt + 2);
    peers()[attempt + 1].become("connected");
  }
});

test("a browser that says for a moment, as it takes the answer to a restart, that all has failed keeps its connection", async () => {
  await watch();
  for (const state of ["disconnected", "failed", "disconnected", "connected"]) {
    peers()[0].become(state);
    await pass(1_000);
  }
  await pass(20_000);
  assert.deepEqual([server.offers.length, server.restarts.length, media.status.name, media.quality], [1, 1, "connected", "good"]);
});

test("relays are used from the first offer on, and with new credentials by a restart", async () => {
  const given = [[{ urls: ["turn:a"] }], [{ urls: ["turn:b"] }]];
  media = new StageMedia("/media/s1", async () => given.shift() ?? []);
  await watch();
  assert.deepEqual(peers()[0].configuration.iceServers, [{ urls: ["turn:a"] }]);
  assert.equal(peers()[0].configuration.bundlePolicy, "max-bundle");
  media.moved();
  await settle();
  assert.deepEqual(peers()[0].configuration.iceServers, [{ urls: ["turn:b"] }]);
  assert.equal(server.restarts.length, 1);
});

test("another network: a new way is looked for though nothing is wrong yet, and the connection stays", async () => {
  await watch();
  media.moved();
  await pass(20_000);
  assert.deepEqual([server.restarts.length, server.offers.length, media.status.name], [1, 1, "connected"]);
  media.nudge(); // contact with the server, and all is well
  await pass(1_000);
  assert.equal(server.restarts.length, 1);
});

test("a server that may be another one is told again what only the page knows, once, and nothing is offered", async () => {
  media = new StageMedia("/media/s1/breakouts/b1");
  await watch({ publish: true, video: true, isCircle: true });
  media.show({ video0: 360 });
  await pass(1_000);
  server.told.length = 0;
  media.remind();
  media.remind();
  await pass(5_000);
  assert.deepEqual(server.told, [{ heights: { video0: 360 }, muted: true }]);
  assert.equal(server.offers.length, 1);
});

test("nothing is told again where nothing was told, or nothing is there", async () => {
  media.remind();
  await watch();
  media.remind();
  await pass(5_000);
  peers()[0].become("disconnected");
  media.show({ video0: 360 });
  await pass(1_000);
  const told = server.told.length;
  media.remind();
  await pass(200);
  assert.equal(server.told.length, told);
});

test("a wish that changes meanwhile ends the restart", async () => {
  await watch();
  server.restart = () => {
    throw new TypeError("Failed to fetch");
  };
  peers()[0].become("disconnected");
  await settle();
  media.start({ publish: true, video: true });
  await settle();
  const asked = server.restarts.length;
  await pass(5_000);
  assert.equal(server.restarts.length, asked);
  peers()[1].become("connected");
  assert.equal(media.status.name, "connected");
});

test("a connection that comes back by itself is kept", async () => {
  await watch();
  peers()[0].become("disconnected");
  await pass(2_000);
  peers()[0].become("connected");
  await pass(20_000);
  assert.equal(server.offers.length, 1);
  assert.equal(media.status.name, "connected");
});

test("an answer without a connection is given up after ten seconds", async () => {
  media.start({ publish: false, video: true });
  await settle();
  await pass(10_000);
  await pass(1_000);
  assert.equal(server.offers.length, 2);
});

test("a refusal that time does not mend ends it, in the server's words; another wish tries again", async () => {
  server.answer = () => ({ status: 403, body: { code: "not_on_stage", message: "Du är inte på scenen." } });
  media.start({ publish: true, video: true });
  await settle();
  assert.deepEqual([media.status.name, media.status.code, media.status.message], ["refused", "not_on_stage", "Du är inte på scenen."]);
  await pass(60_000);
  assert.equal(server.offers.length, 1);
  server.answer = undefined;
  await watch({ publish: false, video: true });
  assert.equal(media.status.name, "connected");
});

test("a full hall is said, and asked again now and then without another word", async () => {
  server.answer = () => ({ status: 503, body: { code: "hall_full", message: "Alla platser är upptagna." } });
  media.start({ publish: false, video: true });
  await settle();
  const told = [];
  media.addEventListener("status", () => told.push(media.status.name));
  assert.deepEqual([media.status.name, media.status.code], ["refused", "hall_full"]);
  await pass(19_900);
  assert.equal(server.offers.length, 1);
  await pass(20_200);
  assert.equal(server.offers.length, 2);
  server.answer = undefined;
  while (server.offers.length === 2) await pass(100);
  peers().at(-1).become("connected");
  assert.equal(media.status.name, "connected");
  assert.ok(!told.includes("connecting"));
});

test("when the engine is up anew it offers at once and keeps what there is until then", async () => {
  await watch();
  media.reset();
  await settle();
  assert.equal(server.offers.length, 2);
  peers()[0].become("failed");
  assert.equal(server.offers.length, 2);
  peers()[1].become("connected");
  await settle();
  assert.equal(media.status.name, "connected");
  assert.deepEqual(server.deleted, [], "the new engine does not know the old seat");
});

test("stopping deletes the seat and asks for nothing more, also when the answer comes late", async () => {
  await watch();
  media.stop();
  await settle();
  assert.deepEqual(server.deleted, ["/media/s1/peer1"]);
  media.start({ publish: false, video: true });
  media.stop();
  await settle();
  assert.deepEqual(server.deleted, ["/media/s1/peer1", "/media/s1/peer2"]);
  await pass(60_000);
  assert.equal(server.offers.length, 2);
  assert.equal(media.status.name, "off");
});

test("when a part of the engine is lost only those who were there offer again", async () => {
  await watch();
  media.reset(["peer7", "other"]);
  await settle();
  assert.equal(server.offers.length, 1);
  media.reset(["peer1"]);
  await settle();
  assert.equal(server.offers.length, 2);
  peers()[1].become("connected");
  await settle();
  assert.deepEqual(server.deleted, [], "nobody is there who knew the old seat");
  assert.equal(media.status.name, "connected");
});

test("when the room moves, the old connection plays on until as much comes by the new one", async () => {
  await watch();
  const [old] = peers();
  old.came = { audio0: 10, audio1: 10, video0: 10, video1: 10 };
  media.reset(["peer1"]);
  await settle();
  old.came = { audio0: 20, audio1: 10, video0: 20, video1: 20 };
  const [, next] = peers();
  next.become("connected");
  await pass(500);
  assert.equal(old.connectionState, "connected", "nothing has come yet");
  next.came = { audio2: 1, video0: 1 };
  await pass(500);
  assert.equal(old.connectionState, "connected", "one picture of two");
  next.came = { video0: 9, video2: 1 };
  await pass(500);
  assert.equal(old.connectionState, "connected", "no sound");
  next.came = { audio2: 1, video0: 9, video2: 1 };
  await pass(100);
  assert.equal(old.connectionState, "closed");
  assert.equal(media.status.name, "connected");
});

test("what does not come by the new connection is not waited for longer than three seconds, nor for an old one that has ended", async () => {
  await watch();
  for (const [index, ends] of [false, true].entries()) {
    peers()[index].came = { video0: 10 };
    media.reset([`peer${index + 1}`]);
    await settle();
    peers()[index].came = { video0: 20 };
    peers()[index + 1].become("connected");
    await pass(ends ? 0 : 2_900);
    assert.equal(peers()[index].connectionState, "connected");
    if (ends) peers()[index].connectionState = "closed";
    await pass(200);
    assert.equal(peers()[index].connectionState, "closed");
    assert.equal(media.status.name, "connected");
  }
});

test("a speaker whose room moves is sent to both for a while, with the same microphone, unless they leave", async () => {
  for (const leaves of [false, true]) {
    const first = peers().length;
    await watch({ publish: true, video: true });
    const [old] = peers().slice(first);
    media.reset([`peer${first + 1}`]);
    await settle();
    const [, next] = peers().slice(first);
    next.become("connected");
    await pass(100);
    if (leaves) {
      media.stop();
      await settle();
    } else {
      assert.equal(old.connectionState, "connected");
      for (const { lines } of [old, next]) lines[0].sender.track = "before";
      media.capture.dispatchEvent(new Event("change"));
      await settle();
      assert.notEqual(next.lines[0].sender.track, "before");
      assert.equal(old.lines[0].sender.track, next.lines[0].sender.track);
      await pass(2_600);
      assert.equal(next.connectionState, "connected");
    }
    assert.equal(old.connectionState, "closed");
    media.stop();
    await settle();
  }
});

test("an answer from a part of the engine that is said to be lost is not waited for", async () => {
  media.reset(["peer1"]);
  media.start({ publish: false, video: true });
  await settle();
  await pass(1000);
  assert.equal(server.offers.length, 2);
});
