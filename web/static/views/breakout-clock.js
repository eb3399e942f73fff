/**
 * The time that a breakout room has left: a clock that all see, two warnings, and a count of the last minute. The clock is no live
 * region (it would be read out every second); the warnings are.
 */

import { html, nothing } from "lit";
import { COUNTED_MS, WARNINGS_MS, warningBetween } from "../breakouts.js";
import { chime } from "../chime.js";
import { t } from "../i18n.js";
import { toast } from "../toast.js";
import { leftInWords, leftOnClock } from "./breakout-words.js";
import { icon } from "./parts.js";

/** Where it is kept whether this browser shall sound. */
const KEY = "plenum.breakouts.sound";

/** Tells of the time as it passes: `heed` is called whenever the page looks at the clock. */
export class Warnings {
  /** @type {number | null} */
  #before = null;
  #room = "";

  /**
   * @param {string} room another room is another clock @param {number | null} left milliseconds @param {boolean} isSounding
   */
  heed(room, left, isSounding) {
    const due = room === this.#room ? warningBetween(this.#before, left) : 0;
    this.#room = room;
    this.#before = left;
    if (!due || left === null) return;
    toast(leftInWords(left), { tone: "attention", seconds: 10 });
    if (isSounding) void chime(due === WARNINGS_MS.at(-1) ? "end" : "warning");
  }

  forget() {
    this.#before = null;
    this.#room = "";
  }
}

/** The person's own choice, else what the moderator chose for all. @param {boolean} byDefault */
export function mayChime(byDefault) {
  try {
    return (localStorage.getItem(KEY) ?? (byDefault ? "on" : "off")) === "on";
  } catch {
    return byDefault;
  }
}

/** @param {boolean} on */
export function rememberChime(on) {
  try {
    localStorage.setItem(KEY, on ? "on" : "off");
  } catch {
    // without storage it is asked again next time
  }
}

/** @param {number | null} left milliseconds; null: no end is set */
export function clockView(left) {
  if (left === null) return html`<p class="room-clock is-open">${icon("clock")}<span>${t("Open until the moderator closes it")}</span></p>`;
  const tone = left <= COUNTED_MS ? "is-last" : left <= /** @type {number} */ (WARNINGS_MS[0]) ? "is-soon" : "";
  return html`<p class="room-clock ${tone}">
    ${icon("clock")}<span class="tabular" role="timer" aria-label=${leftInWords(left)}>${leftOnClock(left)}</span><span class="small">${t("left")}</span>
  </p>`;
}

/** The last minute, where nobody can miss it; an empty region before, so that it is read aloud when it fills. @param {number | null} left */
export function countView(left) {
  return html`<div role="status">
    ${left === null || left > COUNTED_MS
      ? nothing
      : html`<p class="room-count">
          ${icon("clock")}<span>${t("The conversation is about to end. You are taken back to the plenary automatically.")}</span><strong class="tabular" aria-hidden="true">${leftOnClock(left)}</strong>
        </p>`}
  </div>`;
}
