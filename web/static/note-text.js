/**
 * What a hand did to a text, and what others' changes do to where the hand is. Pure; neighbours: `notes.js`, `views/notes.js`.
 *
 * @typedef {{start: number, removed: number, added: string}} Edit counted in UTF-16, as texts in pages are
 * @typedef {{retain?: number, insert?: unknown, delete?: number}[]} Delta as Yjs tells of changes
 */

/**
 * The one edit that made `after` of `before`. Of several that could have, the one that ends at the caret: that is where one types.
 * @param {string} before
 * @param {string} after
 * @param {number} caret
 * @returns {Edit}
 */
export function editOf(before, after, caret) {
  const most = Math.min(before.length, after.length);
  let end = 0;
  while (end < Math.min(most, after.length - caret) && before.at(-1 - end) === after.at(-1 - end)) end += 1;
  let start = 0;
  while (start < most - end && before[start] === after[start]) start += 1;
  if (isSplit(before, start) || isSplit(after, start)) start -= 1; // half a character is none
  if (isSplit(before, before.length - end) || isSplit(after, after.length - end)) end -= 1;
  return { start, removed: before.length - end - start, added: after.slice(start, after.length - end) };
}

/** Where a place in the text is after a change. What comes in right there comes after it. @param {number} place @param {Delta} delta @returns {number} */
export function shifted(place, delta) {
  let at = 0;
  let moved = place;
  for (const { retain = 0, insert, delete: removed = 0 } of delta) {
    if (at > moved || (insert !== undefined && at === moved)) break;
    at += retain;
    if (insert !== undefined) {
      const { length } = String(insert);
      if (at < moved) moved += length;
      at += length;
    }
    if (at < moved) moved -= Math.min(removed, moved - at);
  }
  return moved;
}

/** True if a character outside the basic plane is cut in two there. @param {string} text @param {number} at */
function isSplit(text, at) {
  const before = text.charCodeAt(at - 1);
  const after = text.charCodeAt(at);
  return before >= 0xd800 && before <= 0xdbff && after >= 0xdc00 && after <= 0xdfff;
}
