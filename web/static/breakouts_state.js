/**
 * The twin of `rooms/breakouts/view.py`: what events make of the state of breakout rooms. Pure; neighbour: `state.js`.
 *
 * @import {BreakoutRoom, BreakoutsEvent, BreakoutsState} from "../types/breakouts"
 */

/** Of `rooms/breakouts/view.py`. */
const MOST_MET = 5000;

/** The state of breakout rooms where there never were any. @returns {BreakoutsState} */
export function noBreakouts() {
  return {
    type: "breakouts",
    reader: "",
    phase: "none",
    number: 0,
    way: "composed",
    started_at: null,
    ends_at: null,
    places_late: true,
    pairs: false,
    sound: false,
    rooms: {},
    plan: null,
    draft: null,
    topics: [],
    topic_choices: {},
    willing: [],
    waiting: [],
    outside: {},
    barred: [],
    met: [],
    news: null,
    speaking: "",
    showing: null,
  };
}

/** The room that somebody sits in; undefined: they are in the plenary. @param {BreakoutsState} state @param {string} personId */
export function seatOf(state, personId) {
  return openRooms(state).find((room) => room.people.includes(personId));
}

/** The rooms that run. @param {BreakoutsState} state @returns {BreakoutRoom[]} */
export function openRooms(state) {
  return state.phase === "running" ? Object.values(state.rooms).filter((room) => room.closed_at === null) : [];
}

/** When a room ends; null: when it is closed by hand. @param {BreakoutsState} state @param {BreakoutRoom} room */
export function endOf(state, room) {
  return room.ends_at ?? state.ends_at;
}

/**
 * The state after `event`. Unknown events change nothing: a newer server may tell more than this page shows.
 * @param {BreakoutsState} state
 * @param {BreakoutsEvent} event
 * @returns {BreakoutsState}
 */
export function applyBreakouts(state, event) {
  switch (event.type) {
    case "breakouts.topics_asked":
      return { ...state, topics: event.topics, topic_choices: keptChoices(state, event.topics) };
    case "breakouts.wished": {
      const others = without(state.topic_choices, event.person_id);
      return { ...state, topic_choices: event.topics.length ? { ...others, [event.person_id]: event.topics } : others };
    }
    case "breakouts.offered": {
      const willing = state.willing.filter((person) => person !== event.person_id);
      return { ...state, willing: event.willing ? [...willing, event.person_id] : willing };
    }
    case "breakouts.planned":
      return { ...state, draft: event.draft };
    case "breakouts.discarded":
      return { ...state, draft: null };
    case "breakouts.opened":
      return opened(state, event);
    case "breakout.entered":
      return withRoom(backInside(state, [event.person_id]), event.room);
    case "breakout.paired":
      return withRoom(backInside(state, event.room.people), event.room);
    case "breakout.left": {
      const stays = !event.is_moved && (state.reader === "" || state.reader === event.person_id);
      const outside = stays ? { ...state.outside, [event.person_id]: event.way_back } : state.outside;
      return withRoom({ ...state, outside }, event.room);
    }
    case "breakout.forgotten":
      return forgotten(state, event.room);
    case "breakouts.closed":
      return closed(state, event);
    case "breakouts.end_set":
      return { ...state, ends_at: event.ends_at };
    case "breakouts.told":
      return { ...state, news: event.news };
    case "breakouts.speaking":
      return { ...state, speaking: event.person_id };
    case "breakouts.notes_shown":
      return { ...state, showing: event.showing };
    case "breakouts.waiting": {
      const waiting = state.waiting.filter((person) => person !== event.person_id);
      return { ...state, waiting: event.waits ? [...waiting, event.person_id] : waiting };
    }
    case "breakout.barred": {
      const waiting = state.waiting.filter((person) => person !== event.person_id);
      return { ...state, barred: [...state.barred, event.person_id], waiting };
    }
    case "breakout.unbarred":
      return { ...state, barred: state.barred.filter((person) => person !== event.person_id) };
    default:
      return "room" in event ? withRoom(state, event.room) : state;
  }
}

/** A room as the state's reader sees it; null: not at all. @param {BreakoutRoom} room @param {string} reader */
function seen(room, reader) {
  if (!reader || room.people.includes(reader)) return room;
  if (room.is_pair || room.closed_at !== null) return null;
  const { id, number, title, topic, capacity, is_open, is_pair, round } = room;
  const hidden = { people: [], facilitator: "", ends_at: null, help_since: null, visitors: [], points: [], in_touch: [] };
  return { id, number, title, topic, capacity, is_open, is_pair, round, ...hidden, closed_at: null };
}

/** @param {BreakoutsState} state @param {BreakoutRoom} room @returns {BreakoutsState} */
function withRoom(state, room) {
  const own = seen(room, state.reader);
  return { ...state, rooms: own ? { ...state.rooms, [room.id]: own } : without(state.rooms, room.id) };
}

/** @param {BreakoutsState} state @param {Extract<BreakoutsEvent, {type: "breakouts.opened"}>} event @returns {BreakoutsState} */
function opened(state, event) {
  const { number, way, at, ends_at, places_late, pairs, sound } = event;
  const rooms = { ...state.rooms, ...Object.fromEntries(event.rooms.map((room) => [room.id, room])) };
  const anew = { plan: state.draft?.plan ?? null, draft: draftAfter(state.draft), waiting: [], outside: {}, news: null, speaking: "", showing: null };
  return { ...state, phase: "running", number, way, started_at: at, ends_at, places_late, pairs, sound, rooms, ...anew };
}

/** What is planned once the draft's first round is opened. @param {BreakoutsState["draft"]} draft @returns {BreakoutsState["draft"]} */
function draftAfter(draft) {
  const [first, ...later] = draft?.later ?? [];
  if (!draft || !first) return null;
  return { plan: { ...draft.plan, rounds: draft.later.length, left_out: first.left_out }, rooms: first.rooms, later };
}

/** @param {BreakoutsState} state @param {Extract<BreakoutsEvent, {type: "breakouts.closed"}>} event @returns {BreakoutsState} */
function closed(state, event) {
  const closing = new Set(event.room_ids);
  const after = Object.values(state.rooms).map((room) => (closing.has(room.id) ? { ...room, closed_at: event.at } : room));
  const own = after.flatMap((room) => seen(room, state.reader) ?? []);
  const rooms = Object.fromEntries(own.map((room) => [room.id, room]));
  if (!event.is_over) return { ...state, rooms };
  return { ...state, phase: "over", ends_at: event.at, rooms, waiting: [], news: null, speaking: "" };
}

/** @param {BreakoutsState} state @param {BreakoutRoom} room @returns {BreakoutsState} */
function forgotten(state, { id, people }) {
  const others = state.met.filter((pair) => pair.join() !== people.join());
  return { ...state, rooms: without(state.rooms, id), met: state.reader ? [] : [...others, people].slice(-MOST_MET) };
}

/** @param {BreakoutsState} state @param {string[]} people @returns {BreakoutsState} */
function backInside(state, people) {
  const outside = Object.fromEntries(Object.entries(state.outside).filter(([person]) => !people.includes(person)));
  return { ...state, outside, waiting: state.waiting.filter((person) => !people.includes(person)) };
}

/** @param {BreakoutsState} state @param {string[]} topics @returns {Record<string, string[]>} */
function keptChoices(state, topics) {
  const kept = Object.entries(state.topic_choices).map(
    ([person, chosen]) => /** @type {const} */ ([person, chosen.filter((topic) => topics.includes(topic))]),
  );
  return Object.fromEntries(kept.filter(([, chosen]) => chosen.length));
}

/**
 * @template T
 * @param {Record<string, T>} items
 * @param {string} id
 * @returns {Record<string, T>}
 */
function without(items, id) {
  return Object.fromEntries(Object.entries(items).filter(([key]) => key !== id));
}
