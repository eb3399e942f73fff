/** How large the page shows each picture slot, so that the server sends no more than is seen. Neighbour: `views/stage.js`, which draws. */

/** Heights are told in these steps: a window that is being resized must not be told of pixel by pixel. */
const STEPS = [90, 180, 360, 540, 720, 1080, 1440, 2160];

/**
 * Device pixels of height by slot. A slot that nobody feeds is left out: whoever feeds it next shall be seen at once.
 * @param {ParentNode} root
 * @param {Record<string, string>} sources who feeds which slot, "" for nobody
 * @param {boolean} isHidden the page cannot be seen: nothing is shown, only heard
 * @returns {Record<string, number>}
 */
export function heightsOf(root, sources, isHidden) {
  /** @type {Record<string, number>} */
  const heights = {};
  for (const [slot, source] of Object.entries(sources)) {
    if (!source || !/^(video|screen)\d$/.test(slot)) continue;
    const tile = isHidden ? null : root.querySelector(`[data-slot="${slot}"]`);
    heights[slot] = tile ? stepOf(tile.clientHeight * devicePixelRatio) : 0;
  }
  return heights;
}

/** @param {number} pixels */
export function stepOf(pixels) {
  return pixels > 0 ? (STEPS.find((step) => step >= pixels) ?? 2160) : 0;
}
