/**
 * The focus goes where people go: when what had it is drawn no more (the button of a room that has closed), it goes to the heading of
 * what stands there instead, and not to the beginning of the page. Whoever is doing something else is left alone.
 */

/**
 * @param {() => void} draw
 * @param {Readonly<Record<string, readonly string[]>>} places what is lost within the first (a selector) is found again at the first there is
 *   of the others
 */
export function drawKeepingFocus(draw, places) {
  const before = document.activeElement;
  const place = before ? Object.keys(places).find((part) => before.closest(part)) : undefined;
  draw();
  if (!before || !place) return;
  queueMicrotask(() => {
    // after those who know better
    if (document.activeElement && document.activeElement !== document.body) return;
    const found = (places[place] ?? []).map((one) => document.querySelector(one)).find((one) => one instanceof HTMLElement);
    if (!found) return;
    if (!found.matches("a, button")) found.tabIndex = -1;
    found.focus({ preventScroll: true });
    found.scrollIntoView({ block: "nearest" });
  });
}
