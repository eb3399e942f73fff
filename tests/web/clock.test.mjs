// web/static/clock.js, i18n.js and network-check.js: what needs no browser.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Clock, byDay, countdown, everyStep, rangeOf, untilInWords, zonesDiffer } from "../../web/static/clock.js";
import { fill, n, t } from "../../web/static/i18n.js";
import { onlyPath } from "../../web/static/network-check.js";

test("a wrong clock of the visitor's is corrected by the server's", () => {
  const clock = new Clock(() => Date.parse("2026-03-25T09:10:00Z"));
  clock.correct("2026-03-25T09:00:00Z");
  assert.equal(clock.now(), Date.parse("2026-03-25T09:00:00Z"));
  clock.correct("rubbish");
  clock.correct(undefined);
  assert.equal(clock.now(), Date.parse("2026-03-25T09:00:00Z"), "what cannot be read changes nothing");
});

test("countdowns end at zero and round up, so that 0:00 means now", () => {
  assert.deepEqual([-5000, 0, 1, 59_001, 245_000, 3_845_000].map(countdown), ["0:00", "0:00", "0:01", "1:00", "4:05", "1:04:05"]);
});

test("further off, words are enough", () => {
  const minute = 60_000;
  const words = [10_000, 1 * minute, 25 * minute, 120 * minute, 50 * 60 * minute].map(untilInWords);
  assert.deepEqual(words, ["in a moment", "in 1 minute", "in 25 minutes", "in 2 hours", "in 2 days"]);
});

test("days are the conference's, and what begins on one stands together", () => {
  const at = ["2026-03-25T08:00:00Z", "2026-03-25T22:30:00Z", "2026-03-25T23:30:00Z", "2026-03-26T08:00:00Z"];
  const items = at.map((starts_at) => ({ starts_at }));
  const days = byDay(items, "Europe/Stockholm").map(([day, of]) => [day, of.length]);
  assert.deepEqual(days, [["Wednesday 25 March", 2], ["Thursday 26 March", 2]]);
  assert.deepEqual(byDay([], "Europe/Stockholm"), []);
});

test("times are the conference's, whatever the machine's zone is", () => {
  assert.equal(rangeOf("2026-03-25T08:00:00Z", "2026-03-25T23:30:00Z", "Europe/Stockholm"), "09:00–00:30");
});

test("zones with the same clocks are not told apart", () => {
  const at = "2026-03-25T08:00:00Z";
  assert.equal(zonesDiffer(at, "Europe/Stockholm", "Europe/Oslo"), false);
  assert.equal(zonesDiffer(at, "Europe/Stockholm", "Europe/Helsinki"), true);
});

test("ticks at full steps until it is stopped", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout", "Date"], now: 400 });
  const heard = [];
  const stop = everyStep(new Clock(), 1000, (now) => heard.push(now));
  context.mock.timers.tick(605);
  context.mock.timers.tick(1000);
  stop();
  context.mock.timers.tick(5000);
  assert.equal(heard.length, 3);
  assert.equal(heard[0], 400);
  assert.ok(heard[1] >= 1000 && heard[1] < 1010);
});

test("texts without a catalogue are English, with their values", () => {
  assert.equal(t("After that: {time} {title}", { time: "09:00", title: "$& {time}" }), "After that: 09:00 $& {time}");
  assert.equal(fill("{known} {unknown}", { known: 0 }), "0 {unknown}");
  assert.deepEqual([1, 2, 1200].map((count) => n("{count} answer", "{count} answers", count)), ["1 answer", "2 answers", "1,200 answers"]);
});

test("a network path is tried alone", () => {
  const udp = "a=candidate:1 1 udp 2130706431 127.0.0.1 8001 typ host\r\n";
  const tcp = "a=candidate:2 1 TCP 1671430143 127.0.0.1 8001 typ host tcptype passive\r\n";
  const sdp = `v=0\r\n${udp}${tcp}a=end-of-candidates\r\n`;
  assert.equal(onlyPath(sdp, "udp"), `v=0\r\n${udp}a=end-of-candidates\r\n`);
  assert.equal(onlyPath(sdp, "tcp"), `v=0\r\n${tcp}a=end-of-candidates\r\n`);
});
