// web/static/note-text.js: what a hand did, and where it is after others have written.
import assert from "node:assert/strict";
import { test } from "node:test";
import { editOf, shifted } from "../../web/static/note-text.js";

const done = (before, { start, removed, added }) => before.slice(0, start) + added + before.slice(start + removed);

test("the smallest edit, at the caret where several could be", () => {
  assert.deepEqual(editOf("", "Hej", 3), { start: 0, removed: 0, added: "Hej" });
  assert.deepEqual(editOf("aaa", "aaaa", 2), { start: 1, removed: 0, added: "a" });
  assert.deepEqual(editOf("Vi gör så här", "Vi gör här", 7), { start: 7, removed: 3, added: "" });
  assert.deepEqual(editOf("ett två", "ett tre", 7), { start: 5, removed: 2, added: "re" });
});

test("whatever is done, it makes the one of the other, and no character is cut in two", () => {
  const letters = ["a", "å", "\n", "🙂", "🙃", "👍"];
  let seed = 7;
  const random = (most) => Math.floor(((seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648) * most);
  const text = () => Array.from({ length: random(8) }, () => letters[random(letters.length)]).join("");
  for (let round = 0; round < 5000; round += 1) {
    const [before, after] = [text(), text()];
    const edit = editOf(before, after, random(after.length + 1));
    assert.equal(done(before, edit), after);
    assert.ok(edit.added.isWellFormed() && before.slice(edit.start, edit.start + edit.removed).isWellFormed(), JSON.stringify([before, after, edit]));
  }
});

test("the caret stays with its words", () => {
  assert.equal(shifted(5, [{ insert: "abc" }]), 8);
  assert.equal(shifted(5, [{ retain: 5 }, { insert: "abc" }]), 5);
  assert.equal(shifted(5, [{ retain: 9 }, { insert: "abc" }]), 5);
  assert.equal(shifted(5, [{ retain: 2 }, { delete: 2 }]), 3);
  assert.equal(shifted(5, [{ retain: 3 }, { delete: 9 }]), 3);
  assert.equal(shifted(5, [{ delete: 2 }, { insert: "x" }, { retain: 1 }, { insert: "yy" }]), 6);
});
