/**
 * The groups while they are planned, and what hands change about them. Rooms have no ids before they are opened: a place in the list
 * is one. Pure: every function gives new rooms and leaves the old. Neighbours: `composer.js`, `views/composer.js`.
 *
 * @import {DraftRoom} from "../types/breakouts"
 */

/** @param {number} place @returns {string} as opened rooms are called */
export function idOf(place) {
  return `b${place + 1}`;
}

/** @param {string} id @returns {number} -1 for none */
export function placeOf(id) {
  return id ? Number(id.slice(1)) - 1 : -1;
}

/** Somebody in another room, or in none (""). @param {readonly DraftRoom[]} rooms @param {string} person @param {string} to @returns {DraftRoom[]} */
export function moved(rooms, person, to) {
  return rooms.map((room, place) => {
    const isThere = room.people.includes(person);
    if (place === placeOf(to)) return isThere ? room : { ...room, people: [...room.people, person] };
    return isThere ? without(room, person) : room;
  });
}

/** Two change places. @param {readonly DraftRoom[]} rooms @param {string} one @param {string} other @returns {DraftRoom[]} */
export function exchanged(rooms, one, other) {
  const swap = (/** @type {string} */ id) => (id === one ? other : id === other ? one : id);
  const swapped = [one, other];
  return rooms.map((room) => {
    if (room.people.includes(one) === room.people.includes(other)) return room;
    const facilitator = swapped.includes(room.facilitator) ? "" : room.facilitator;
    return { ...room, people: room.people.map(swap), facilitator, fixed: room.fixed.filter((id) => !swapped.includes(id)) };
  });
}

/** @param {readonly DraftRoom[]} rooms @param {string} id @param {Partial<DraftRoom>} changes @returns {DraftRoom[]} */
export function changed(rooms, id, changes) {
  return rooms.map((room, place) => (place === placeOf(id) ? { ...room, ...changes } : room));
}

/** Somebody stays where they are when the rest is composed again, or no longer does. @param {readonly DraftRoom[]} rooms @param {string} person @returns {DraftRoom[]} */
export function held(rooms, person) {
  return rooms.map((room) => {
    if (!room.people.includes(person)) return room;
    return { ...room, fixed: room.fixed.includes(person) ? room.fixed.filter((id) => id !== person) : [...room.fixed, person] };
  });
}

/** Those among `all` who have no room. @param {readonly DraftRoom[]} rooms @param {readonly string[]} all */
export function unplaced(rooms, all) {
  const seated = new Set(rooms.flatMap(({ people }) => people));
  return all.filter((id) => !seated.has(id));
}

/** One room more. @param {readonly DraftRoom[]} rooms @param {number} capacity @returns {DraftRoom[]} */
export function withAnother(rooms, capacity) {
  return [...rooms, { title: "", topic: "", capacity, people: [], facilitator: "", locked: false, fixed: [] }];
}

/** Who has left a room neither facilitates it nor stays there. @param {DraftRoom} room @param {string} person @returns {DraftRoom} */
function without(room, person) {
  const others = (/** @type {readonly string[]} */ ids) => ids.filter((id) => id !== person);
  return { ...room, people: others(room.people), fixed: others(room.fixed), facilitator: room.facilitator === person ? "" : room.facilitator };
}
