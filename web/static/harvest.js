/**
 * What breakout rooms bring home: which points there are to gather, and what moving one makes of the groups. Pure; the server's rules
 * are `rooms/harvest.py`.
 *
 * @import {BreakoutsState} from "../types/breakouts"
 * @import {Harvest, HarvestGroup, HarvestPoint} from "../types/messages"
 */

/** @typedef {Omit<HarvestGroup, "question_id">} Sheaf */

/** Where a point can go besides a group. */
export const ALONE = "alone";
export const OUT = "out";

/** In one message at most. */
const AT_ONCE = 40;

/**
 * The points of all rooms that are not gathered yet, or have other words by now, in the messages that bring them.
 * @param {BreakoutsState | undefined} rooms
 * @param {Harvest | null} harvest
 * @returns {HarvestPoint[][]}
 */
export function toGather(rooms, harvest) {
  const all = Object.values(rooms?.rooms ?? {}).flatMap(({ id, points }) => points.map((text, at) => ({ id: `${id}-${at}`, room_id: id, text })));
  const news = all.filter(({ id, text }) => harvest?.points[id]?.text !== text);
  return Array.from({ length: Math.ceil(news.length / AT_ONCE) }, (_, part) => news.slice(part * AT_ONCE, (part + 1) * AT_ONCE));
}

/** The groups after a point has gone to one of them, to one of its own (`ALONE`), or nowhere (`OUT`). @param {Harvest} harvest @param {string} point @param {string} goal @returns {Sheaf[]} */
export function moved(harvest, point, goal) {
  const groups = harvest.groups.map(({ id, title, points }) => ({ id, title, points: [...points.filter((key) => key !== point), ...(id === goal ? [point] : [])] }));
  const all = goal === ALONE ? [...groups, { id: "", title: "", points: [point] }] : groups;
  return all.filter(({ id, points }) => points.length || questionOf(harvest, id));
}

/** The groups after one got another title. @param {Harvest} harvest @param {string} group @param {string} title @returns {Sheaf[]} */
export function named(harvest, group, title) {
  return harvest.groups.map(({ id, points, title: before }) => ({ id, points, title: id === group ? title : before }));
}

/** Points that are in no group. @param {Harvest} harvest @returns {HarvestPoint[]} */
export function leftOut(harvest) {
  const kept = new Set(harvest.groups.flatMap(({ points }) => points));
  return Object.values(harvest.points).filter(({ id }) => !kept.has(id));
}

/** What a group is called: its title, or its points. @param {Harvest} harvest @param {HarvestGroup} group */
export function groupWords(harvest, group) {
  return group.title || group.points.map((id) => harvest.points[id]?.text ?? "").join("; ");
}

/** Most votes first; of equal ones the one that comes first in the harvest. @param {Harvest} harvest @param {Record<string, number>} votes @returns {HarvestGroup[]} */
export function byVotes(harvest, votes) {
  const count = (/** @type {HarvestGroup} */ { question_id }) => votes[question_id] ?? 0;
  return harvest.groups.filter(({ points }) => points.length).sort((a, b) => count(b) - count(a));
}

/** The rooms of which at least two agreed to stay in touch, those first that were opened first. @param {BreakoutsState} rooms */
export function inTouch({ rooms }) {
  return Object.values(rooms).filter(({ in_touch }) => in_touch.length > 1).sort((a, b) => a.round - b.round || a.number - b.number);
}

/** @param {Harvest} harvest @param {string} id */
function questionOf(harvest, id) {
  return harvest.groups.find((group) => group.id === id)?.question_id ?? "";
}
