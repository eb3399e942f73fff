// web/static/protocol.js: what a page may rely on, over a socket that does as it is told.
import assert from "node:assert/strict";
import { test } from "node:test";
import { MOST_WAITING, connect } from "../../web/static/protocol.js";
import { emptyState } from "../../web/static/state.js";
import { FakeTimers, WELCOME, fakeSockets } from "./fakes.mjs";

const ROOM = "session/s1";
const VOTE = { type: "question.vote", question_id: "s1-q1", up: true };

function start({ follow = ["conference", ROOM], welcomed = true, random = () => 1 } = {}) {
  const timers = new FakeTimers();
  const sockets = fakeSockets();
  const connection = connect({ follow, url: "ws://test/socket", WebSocket: sockets.FakeSocket, timers, now: () => timers.now, random });
  const greet = (more = {}) => {
    sockets.last().onopen();
    sockets.last().tell({ ...WELCOME, ...more });
  };
  if (welcomed) greet();
  return { connection, timers, sockets, greet };
}

const entered = (seq, id = "sven") => {
  const event = { type: "stage.entered", person_id: id, at: "2026-03-25T09:00:00Z" };
  return { type: "event", stream: ROOM, seq, at: event.at, event };
};

test("says hello with the streams it follows, none seen yet", () => {
  const { sockets } = start({ welcomed: false });
  sockets.last().onopen();
  const [hello] = sockets.last().sent;
  assert.deepEqual(hello.follow, { conference: 0, [ROOM]: 0 });
  assert.match(hello.client, /^[A-Za-z0-9_-]{1,64}$/);
  assert.equal(hello.visible, true);
});

test("knows the names of those whom frames mention, and of nobody else", () => {
  const { connection, sockets } = start();
  const people = { anna: "Anna Alm", erased: "" };
  sockets.last().tell({ type: "snapshot", stream: ROOM, seq: 4, state: emptyState(ROOM), people }, { ...entered(5), people: { sven: "Sven Ek" } });
  assert.deepEqual(["anna", "sven", "erased", "toString"].map((id) => connection.nameOf(id)), ["Anna Alm", "Sven Ek", "", ""]);
});

test("holds the snapshot and applies events to it, each once", () => {
  const { connection, sockets } = start();
  sockets.last().tell({ type: "snapshot", stream: ROOM, seq: 4, state: emptyState(ROOM) }, entered(5), entered(5), entered(3, "old"));
  assert.deepEqual(Object.keys(connection.state(ROOM).stage), ["sven"]);
});

test("comes back with the last sequence numbers, counting events that were not for it", () => {
  const { sockets, timers } = start();
  sockets.last().tell({ type: "snapshot", stream: ROOM, seq: 4, state: emptyState(ROOM) }, entered(5), { type: "caught_up", stream: ROOM, seq: 9 });
  sockets.last().lose();
  timers.pass(200);
  assert.equal(sockets.opened.length, 2);
  sockets.last().onopen();
  assert.deepEqual(sockets.last().sent[0].follow, { conference: 0, [ROOM]: 9 });
  assert.equal(sockets.last().sent[0].client, sockets.opened[0].sent[0].client);
});

test("a snapshot of a server that knows less replaces what was held", () => {
  const { connection, sockets } = start();
  sockets.last().tell({ type: "snapshot", stream: ROOM, seq: 40, state: emptyState(ROOM) }, entered(41));
  sockets.last().tell({ type: "snapshot", stream: ROOM, seq: 2, state: emptyState(ROOM) }, entered(3, "eva"));
  assert.deepEqual(Object.keys(connection.state(ROOM).stage), ["eva"]);
});

test("waits longer after each failure, never more than five seconds, and soon again after success", () => {
  const { sockets, timers, greet } = start();
  const waits = [];
  for (let attempt = 0; attempt < 7; attempt += 1) {
    const known = sockets.opened.length;
    sockets.last().lose();
    const from = timers.now;
    while (sockets.opened.length === known) timers.pass(50);
    waits.push(timers.now - from);
  }
  assert.deepEqual(waits, [200, 400, 800, 1600, 3200, 5000, 5000]);
  greet();
  sockets.last().lose();
  timers.pass(200);
  assert.equal(sockets.opened.length, 9);
});

test("jitters its return so that not everybody comes back at once", () => {
  const { sockets, timers } = start({ random: () => 0 });
  sockets.last().lose();
  timers.pass(99);
  assert.equal(sockets.opened.length, 1);
  timers.pass(1);
  assert.equal(sockets.opened.length, 2);
});

test("a command resolves on its ack and rejects with code and message on refusal", async () => {
  const { connection, sockets } = start();
  const done = connection.do(ROOM, VOTE);
  const refused = connection.do(ROOM, { type: "stage.leave" });
  const [first, second] = sockets.last().sentOf("do");
  sockets.last().tell({ type: "refused", id: second.id, code: "forbidden", message: "Du får inte göra detta." });
  sockets.last().tell({ type: "ack", id: first.id });
  await done;
  await assert.rejects(refused, { code: "forbidden", message: "Du får inte göra detta." });
});

test("an unacknowledged command is sent again after a reconnect with the same id, an acknowledged one is not", async () => {
  const { connection, sockets, timers, greet } = start();
  const done = connection.do(ROOM, VOTE);
  const lost = connection.do(ROOM, { type: "question.ask", text: "Varför?" });
  const [first, second] = sockets.last().sentOf("do");
  sockets.last().tell({ type: "ack", id: first.id });
  await done;
  sockets.last().lose();
  timers.pass(200);
  greet();
  assert.deepEqual(sockets.last().sentOf("do"), [second]);
  sockets.last().tell({ type: "ack", id: second.id });
  await lost;
});

test("a command given without contact waits for it, and after the hello", async () => {
  const { connection, sockets, timers, greet } = start();
  sockets.last().lose();
  const done = connection.do(ROOM, VOTE);
  timers.pass(200);
  greet();
  assert.deepEqual(sockets.last().sent.map((frame) => frame.type), ["hello", "do"]);
  sockets.last().tell({ type: "ack", id: sockets.last().sentOf("do")[0].id });
  await done;
});

test("when too many commands wait, further ones are refused at once", async () => {
  const { connection, sockets } = start();
  for (let count = 0; count < MOST_WAITING; count += 1) void connection.do(ROOM, VOTE);
  await assert.rejects(connection.do(ROOM, VOTE), { code: "queue_full" });
  assert.equal(sockets.last().sentOf("do").length, MOST_WAITING);
});

test("what is too large for the server is refused at once, and what fits is sent", async () => {
  const { connection, sockets } = start();
  await assert.rejects(connection.do(ROOM, { type: "question.ask", text: "å".repeat(8_192) }), { code: "too_large" });
  void connection.do(ROOM, { type: "question.ask", text: "å".repeat(8_000) });
  assert.equal(sockets.last().sentOf("do").length, 1);
});

test("what one answered and voted for is known from the ack on, not before", async () => {
  const { connection, sockets } = start();
  sockets.last().tell({ type: "mine", stream: ROOM, answers: { "s1-p1": 0 }, votes: ["s1-q9"] });
  const answer = connection.do(ROOM, { type: "poll.answer", poll_id: "s1-p1", option: 1 });
  const vote = connection.do(ROOM, VOTE);
  const back = connection.do(ROOM, { ...VOTE, question_id: "s1-q9", up: false });
  assert.equal(connection.mine(ROOM).answers["s1-p1"], 0);
  for (const { id } of sockets.last().sentOf("do")) sockets.last().tell({ type: "ack", id });
  await Promise.all([answer, vote, back]);
  assert.deepEqual(connection.mine(ROOM), { answers: { "s1-p1": 1 }, votes: ["s1-q1"] });
});

test("tallies are changes, slots and presence the whole", () => {
  const { connection, sockets } = start();
  sockets.last().tell(
    { type: "tally", stream: ROOM, answered: { p: 3 }, votes: { q: 1 } },
    { type: "tally", stream: ROOM, answered: {}, votes: { q: 2, r: 1 } },
    { type: "slots", stream: ROOM, slots: { video0: "a", video1: "b" } },
    { type: "slots", stream: ROOM, slots: { video0: "b" } },
    { type: "presence", stream: ROOM, present: 12, background: 3 },
  );
  const signals = connection.signals(ROOM);
  assert.deepEqual(signals.answered, { p: 3 });
  assert.deepEqual(signals.votes, { q: 2, r: 1 });
  assert.deepEqual(signals.slots, { video0: "b" });
  assert.equal(signals.present, 12);
});

test("that news come late is known until they do not, or contact is lost", () => {
  const { connection, sockets } = start();
  const told = () => connection.signals("conference").delayed;
  for (const delayed of [true, false, true]) {
    sockets.last().tell({ type: "updates", stream: "conference", delayed });
    assert.equal(told(), delayed);
  }
  sockets.last().tell({ type: "welcome", person_id: "anna", name: "Anna", roles: [], server_time: "2026-03-25T09:00:00Z", epoch: "e" });
  assert.equal(told(), false); // told again if it is still so
});

test("signed out: no further attempts, and everything that waits is told", async () => {
  const { connection, sockets, timers } = start();
  const lost = connection.do(ROOM, VOTE);
  sockets.last().lose(4401);
  await assert.rejects(lost, { code: "not_signed_in" });
  await assert.rejects(connection.do(ROOM, VOTE), { code: "not_signed_in" });
  timers.pass(60_000);
  assert.equal(sockets.opened.length, 1);
  assert.equal(connection.status.name, "signed_out");
});

test("a frame the server could not read is not sent for ever", async () => {
  const { connection, sockets, timers, greet } = start();
  const lost = connection.do(ROOM, VOTE);
  sockets.last().lose(4400);
  await assert.rejects(lost, { code: "bad_request" });
  timers.pass(5_000);
  greet();
  assert.equal(sockets.last().sentOf("do").length, 0);
});

test("a dead network is noticed though nobody closes: it asks after silence and returns when no answer comes", () => {
  const { connection, sockets, timers } = start();
  timers.pass(31_000);
  assert.deepEqual(sockets.last().sentOf("follow"), [{ type: "follow", stream: "conference", since: 0 }]);
  assert.equal(connection.status.name, "connected");
  timers.pass(6_000);
  assert.equal(sockets.opened[0].closed, true);
  assert.equal(connection.status.name, "reconnecting");
  timers.pass(200);
  assert.equal(sockets.opened.length, 2);
});

test("an answer to the question for life keeps the connection", () => {
  const { connection, sockets, timers } = start();
  for (let minute = 0; minute < 5; minute += 1) {
    timers.pass(32_000);
    sockets.last().tell({ type: "caught_up", stream: "conference", seq: 0 });
  }
  assert.equal(sockets.opened.length, 1);
  assert.equal(connection.status.name, "connected");
  assert.equal(sockets.last().sentOf("follow").length, 5);
});

test("a command without an answer makes it ask after five seconds", () => {
  const { connection, sockets, timers } = start();
  timers.pass(20_000);
  void connection.do(ROOM, VOTE);
  timers.pass(4_000);
  assert.equal(sockets.last().sentOf("follow").length, 0);
  timers.pass(2_000);
  assert.equal(sockets.last().sentOf("follow").length, 1);
});

test("the network's return is used at once", () => {
  const { connection, sockets, timers } = start();
  for (let attempt = 0; attempt < 5; attempt += 1) {
    sockets.last().lose();
    timers.pass(5_000);
  }
  sockets.last().lose();
  const known = sockets.opened.length;
  connection.nudge();
  assert.equal(sockets.opened.length, known + 1);
});

test("the server's clock is used where the visitor's is wrong", () => {
  const { connection, sockets, timers } = start({ welcomed: false });
  sockets.last().onopen();
  timers.pass(100);
  sockets.last().tell({ ...WELCOME, server_time: new Date(timers.now + 3_600_000).toISOString() });
  assert.equal(connection.serverNow(), timers.now + 3_600_050);
});

test("hidden tabs are told apart, also in the hello after a reconnect", () => {
  const { connection, sockets, timers } = start();
  connection.setVisible(false);
  connection.setVisible(false);
  assert.deepEqual(sockets.last().sentOf("visibility"), [{ type: "visibility", visible: false }]);
  sockets.last().lose();
  timers.pass(200);
  sockets.last().onopen();
  assert.equal(sockets.last().sent[0].visible, false);
});

test("following and leaving a stream while connected", () => {
  const { connection, sockets } = start({ follow: ["conference"] });
  connection.follow(ROOM);
  connection.follow(ROOM);
  assert.deepEqual(sockets.last().sentOf("follow"), [{ type: "follow", stream: ROOM, since: 0 }]);
  connection.unfollow(ROOM);
  sockets.last().tell(entered(1));
  assert.equal(connection.state(ROOM), undefined);
});

test("closing for good rejects what waits and opens nothing more", async () => {
  const { connection, sockets, timers } = start();
  const lost = connection.do(ROOM, VOTE);
  connection.close();
  await assert.rejects(lost, { code: "closed" });
  timers.pass(60_000);
  assert.equal(sockets.opened.length, 1);
});

test("sends nothing of one person's as another's, who has signed in meanwhile", async () => {
  const { connection, timers, sockets, greet } = start();
  const waiting = connection.do(ROOM, { type: "question.ask", text: "Hur?" });
  sockets.last().onclose({ code: 1006 });
  timers.pass(10_000);
  greet({ person_id: "bo", name: "Bo Lind" });
  await assert.rejects(waiting, { code: "not_signed_in" });
  assert.equal(connection.status.name, "signed_out");
});

test("asks for everything anew when its roles have changed", () => {
  const { timers, sockets, greet } = start();
  sockets.last().tell({ type: "snapshot", stream: ROOM, seq: 4, state: emptyState(ROOM) });
  sockets.last().onclose({ code: 1012 });
  timers.pass(10_000);
  greet({ roles: ["attendee", "moderator"] });
  const anew = sockets.last().sent.filter(({ type }) => type === "follow");
  assert.deepEqual(anew.map(({ stream, since }) => [stream, since]), [["conference", 0], [ROOM, 0]]);
});
