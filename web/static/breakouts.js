/**
 * What follows from the state of a session's breakout rooms: whose room is which, and how long it lasts. Pure.
 * Neighbours: `breakouts_state.js`, the state itself; `breakout-draft.js`, the groups while they are planned; `views/breakout-*.js`, which draw.
 *
 * @import {BreakoutRoom, BreakoutsState} from "../types/breakouts"
 */

import { endOf as endAt, openRooms as running } from "./breakouts_state.js";

const MINUTE_MS = 60_000;
/** Time left at which everybody is told so. */
export const WARNINGS_MS = [5 * MINUTE_MS, MINUTE_MS];
/** From here on the last seconds are counted. */
export const COUNTED_MS = MINUTE_MS;

/** The rooms that are open now, in the order of their numbers. @param {BreakoutsState} state @returns {BreakoutRoom[]} */
export function openRooms(state) {
  return running(state).sort((a, b) => a.round - b.round || a.number - b.number);
}

/** The room into which somebody who went back to the plenary may go again. @param {BreakoutsState} state @param {string} id @returns {BreakoutRoom | undefined} */
export function wayBack(state, id) {
  const room = state.rooms[state.outside[id] ?? ""];
  return room && !room.closed_at ? room : undefined;
}

/** When a room ends: by its own time, where it has one. Milliseconds since 1970; null: it stays open. @param {BreakoutsState} state @param {BreakoutRoom} [room] */
export function endOf(state, room) {
  const at = room ? endAt(state, room) : state.ends_at;
  return at ? Date.parse(at) : null;
}

/** Milliseconds left, never negative; null: no end is set. @param {BreakoutsState} state @param {BreakoutRoom | undefined} room @param {number} now by the server's clock */
export function leftIn(state, room, now) {
  const end = endOf(state, room);
  return end === null ? null : Math.max(0, end - now);
}

/**
 * The warning that falls due as the time left goes from one value to the next: its mark, or 0. Who has only just come is told
 * nothing that they can read on the clock; who is given less time at once is.
 * @param {number | null} before null: nothing was known @param {number | null} after
 */
export function warningBetween(before, after) {
  if (before === null || after === null || after <= 0) return 0;
  return WARNINGS_MS.filter((mark) => before > mark && after <= mark).at(-1) ?? 0;
}

/** The rooms that wait for a moderator, who has waited longest first. @param {BreakoutsState} state @returns {BreakoutRoom[]} */
export function helpQueue(state) {
  const since = (/** @type {BreakoutRoom} */ room) => room.help_since ?? "";
  return openRooms(state).filter(since).sort((a, b) => since(a).localeCompare(since(b)));
}
