/**
 * Who is shown where on the stage: a pure function of the room and the media's slots. Neighbour: `views/stage.js` draws it.
 *
 * @import {RoomState, Signals, StageMember} from "../types/messages"
 */

/** More tiles than this cannot be read on a laptop; the others are named. */
export const MOST_TILES = 4;

/**
 * @typedef {{person_id: string, name: string, slot: string, isOwn: boolean, isMuted: boolean, isSpeaking: boolean}} Tile
 *   `slot` is "" without a picture; one's own picture is the local one, so it has no slot either
 * @typedef {{person_id: string, name: string, isOwn: boolean}} Screen
 * @typedef {{shape: "empty" | "alone" | "grid" | "screen", screen: Screen | null, tiles: Tile[], others: string[]}} Layout
 */

/**
 * @param {RoomState} room
 * @param {Signals} signals
 * @param {string} ownId
 * @param {boolean} isHere this tab is what sends one's own picture
 * @param {(id: string) => string} nameOf
 * @returns {Layout}
 */
export function layoutOf(room, signals, ownId, isHere, nameOf) {
  const members = Object.values(room.stage).sort((a, b) => a.entered_at.localeCompare(b.entered_at));
  const slotOf = slotsByPerson(signals.slots);
  const all = members
    .map((member) => tileOf(member, nameOf(member.person_id), slotOf, signals.speaking, isHere && member.person_id === ownId))
    .map((tile, order) => ({ tile, rank: rankOf(tile), order }));
  const chosen = new Set([...all].sort((a, b) => a.rank - b.rank).slice(0, MOST_TILES));
  const screen = screenOf(room, signals, ownId, isHere, nameOf);
  const tiles = all.filter((entry) => chosen.has(entry)).map(({ tile }) => tile);
  const others = all.filter((entry) => !chosen.has(entry)).map(({ tile }) => tile.name);
  const shape = screen ? "screen" : tiles.length > 1 ? "grid" : tiles.length === 1 ? "alone" : "empty";
  return { shape, screen, tiles, others };
}

/** @param {Record<string, string>} slots @returns {Map<string, string>} */
function slotsByPerson(slots) {
  const videos = Object.entries(slots).filter(([slot, person]) => slot.startsWith("video") && person);
  return new Map(videos.map(([slot, person]) => [person, slot]));
}

/** @param {StageMember} member @param {string} name @param {Map<string, string>} slotOf @param {string} speaking @param {boolean} isOwn @returns {Tile} */
function tileOf(member, name, slotOf, speaking, isOwn) {
  const slot = member.camera && !isOwn ? (slotOf.get(member.person_id) ?? "") : "";
  return {
    person_id: member.person_id,
    name,
    slot,
    isOwn,
    isMuted: !member.microphone,
    isSpeaking: member.microphone && speaking === member.person_id,
  };
}

/** Those with a picture first, then those who may be heard; one's own picture gives way to nobody. @param {Tile} tile */
function rankOf(tile) {
  if (tile.isOwn || tile.slot) return 0;
  return tile.isMuted ? 2 : 1;
}

/** @param {RoomState} room @param {Signals} signals @param {string} ownId @param {boolean} isHere @param {(id: string) => string} nameOf @returns {Screen | null} */
function screenOf(room, signals, ownId, isHere, nameOf) {
  const id = signals.slots["screen0"] || (isHere && room.stage[ownId]?.screen ? ownId : "");
  const member = id ? room.stage[id] : undefined;
  if (!member?.screen) return null;
  return { person_id: id, name: nameOf(id), isOwn: isHere && id === ownId };
}
