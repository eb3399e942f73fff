// web/static/push-to-talk.js: heard while it is held.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { settle } from "./fakes.mjs";

globalThis.Element = class {
  constructor(matches = "") {
    this.matches = matches;
  }

  closest(selector) {
    return this.matches && selector.includes(this.matches) ? this : null;
  }
};
globalThis.addEventListener = () => undefined;
const { PushToTalk } = await import("../../web/static/push-to-talk.js");

let capture, page, talk, mayTalk;
beforeEach(() => {
  const kept = new Map();
  globalThis.localStorage = { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value) };
  capture = { switches: { microphone: false }, setMicrophone: async (on) => void (await 0, (capture.switches.microphone = on)) };
  page = new EventTarget();
  mayTalk = true;
  talk = new PushToTalk(capture, () => mayTalk, page);
});

const key = async (type, more = {}) => {
  const event = Object.assign(new Event(type, { cancelable: true }), { code: "Space", ...more });
  if (more.on) Object.defineProperty(event, "target", { value: more.on });
  page.dispatchEvent(event);
  await settle();
  return event.defaultPrevented;
};

test("not chosen, the space bar is the browser's", async () => {
  assert.equal(await key("keydown"), false);
  assert.equal(capture.switches.microphone, false);
});

test("chosen, one is heard while the space bar is held, and the page does not scroll", async () => {
  talk.choose(true);
  assert.equal(await key("keydown"), true);
  assert.equal(capture.switches.microphone, true);
  await key("keydown", { repeat: true });
  await key("keyup");
  assert.equal(capture.switches.microphone, false);
});

test("choosing it switches an open microphone off", async () => {
  capture.switches.microphone = true;
  talk.choose(true);
  await settle();
  assert.equal(capture.switches.microphone, false);
});

test("a space that is written, or presses a button, is no speech; on the button for it, it is", async () => {
  talk.choose(true);
  for (const matches of ["textarea", "button", "select"]) assert.equal(await key("keydown", { on: new Element(matches) }), false);
  assert.equal(talk.isHeld, false);
  await key("keydown", { on: new Element("[data-talk]") });
  assert.equal(talk.isHeld, true);
});

test("let go before the microphone was open, it stays off", async () => {
  talk.choose(true);
  talk.hold(true);
  talk.hold(false);
  await settle();
  assert.equal(capture.switches.microphone, false);
});

test("where nobody hears, and when the page is left, it is not held", async () => {
  talk.choose(true);
  mayTalk = false;
  await key("keydown");
  assert.equal(talk.isHeld, false);
  mayTalk = true;
  await key("keydown");
  page.dispatchEvent(new Event("visibilitychange"));
  await settle();
  assert.deepEqual([talk.isHeld, capture.switches.microphone], [false, false]);
});

test("the browser keeps the choice", () => {
  talk.choose(true);
  assert.equal(new PushToTalk(capture, () => true, page).isChosen, true);
});
