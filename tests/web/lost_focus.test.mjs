import assert from "node:assert/strict";
import { test } from "node:test";

import { drawKeepingFocus } from "../../web/static/lost-focus.js";

/** As much of an element as has to do with the focus. `part`: the selector that it is within. */
class FakeElement {
  tabIndex = 0;
  /** @param {string} part @param {string} [tag] */
  constructor(part, tag = "button") {
    Object.assign(this, { part, tag });
  }
  closest(selector) {
    return selector === this.part ? this : null;
  }
  matches(selector) {
    return selector.split(", ").includes(this.tag);
  }
  focus() {
    globalThis.document.activeElement = this;
  }
  scrollIntoView() {}
}

/** What has the focus once `before` had it and `draw` has drawn. */
async function after(before, draw, found = {}) {
  const body = new FakeElement("");
  globalThis.HTMLElement = /** @type {any} */ (FakeElement);
  globalThis.document = /** @type {any} */ ({ activeElement: before, body, querySelector: (selector) => found[selector] ?? null });
  drawKeepingFocus(() => draw(body), { ".room": [".visit h2", ".room h2"] });
  await Promise.resolve();
  return globalThis.document.activeElement === body ? null : globalThis.document.activeElement;
}

/** The browser's own way with what is removed. */
const removed = (body) => {
  globalThis.document.activeElement = body;
};

test("what is drawn no more leaves the focus to the heading of what stands there instead", async () => {
  const [gone, heading] = [new FakeElement(".room"), new FakeElement(".room", "h2")];
  assert.equal(await after(gone, removed, { ".room h2": heading }), heading);
  assert.equal(heading.tabIndex, -1); // no stop of Tab
  const [lost, visit] = [new FakeElement(".room"), new FakeElement(".room", "h2")];
  assert.equal(await after(lost, removed, { ".visit h2": visit, ".room h2": heading }), visit);
});

test("a button that takes it stays a stop of Tab", async () => {
  const [gone, button] = [new FakeElement(".room"), new FakeElement(".room")];
  assert.equal(await after(gone, removed, { ".room h2": button }), button);
  assert.equal(button.tabIndex, 0);
});

test("nobody is taken away from what is still there, or from elsewhere", async () => {
  const heading = { ".room h2": new FakeElement(".room", "h2") };
  const [kept, field, other] = [new FakeElement(".room"), new FakeElement(".room"), new FakeElement(".chat")];
  assert.equal(await after(kept, () => {}, heading), kept);
  const elsewhere = (body) => {
    removed(body);
    other.focus();
  };
  assert.equal(await after(field, elsewhere, heading), other);
  assert.equal(await after(other, removed, heading), null);
  assert.equal(await after(kept, removed), null); // nothing stands there
});
