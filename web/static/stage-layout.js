/**
 * Who is shown where on the stage: a pure function of the room, the media's slots and what the viewer wants.
 * Neighbour: `views/stage.js` draws it.
 *
 * @import {RoomState, Signals, StageMember} from "../types/messages"
 */

/** More tiles than this cannot be read on a laptop; the others are named. */
export const MOST_TILES = 4;
/** What a viewer may want: a screen large where there is one and else all alike; who speaks large; all alike. */
export const WANTS = /** @type {const} */ (["auto", "speaker", "grid"]);

/**
 * @typedef {(typeof WANTS)[number]} Want
 * @typedef {{person_id: string, name: string, slot: string, isOwn: boolean, isMuted: boolean, isSpeaking: boolean, unshown: string, isPaused: boolean}} Tile
 *   `slot` is "" without a picture; one's own picture is the local one, so it has no slot either. `unshown`: the codec of a
 *   picture that this browser cannot show, "" otherwise. `isPaused`: it is sent, and does not arrive
 * @typedef {{person_id: string, name: string, isOwn: boolean, unshown: string, isPaused: boolean}} Screen
 * @typedef {{shape: "empty" | "alone" | "grid" | "screen" | "speaker", screen: Screen | null, tiles: Tile[], others: string[], large: string}} Layout
 *   `large`: whose tile is large, where the shape is "speaker"
 * @typedef {{room: RoomState, signals: Signals, ownId: string, isHere: boolean, nameOf: (id: string) => string,
 *   decodes?: readonly string[] | null, paused?: ReadonlySet<string>, want?: Want, large?: string}} Facts `isHere`: this tab is
 *   what sends one's own picture; `decodes`: the codecs that this browser can show, if that is known; `paused`: slots whose
 *   pictures do not arrive; `large`: who was large until now
 */

/** @param {Facts} facts @returns {Layout} */
export function layoutOf(facts) {
  const members = Object.values(facts.room.stage).sort((a, b) => a.entered_at.localeCompare(b.entered_at));
  const slotOf = slotsByPerson(facts.signals.slots);
  const all = members
    .map((member) => tileOf(member, slotOf, facts))
    .map((tile, order) => ({ tile, rank: rankOf(tile), order }));
  const chosen = new Set([...all].sort((a, b) => a.rank - b.rank).slice(0, MOST_TILES));
  const screen = screenOf(facts);
  const tiles = all.filter((entry) => chosen.has(entry)).map(({ tile }) => tile);
  const others = all.filter((entry) => !chosen.has(entry)).map(({ tile }) => tile.name);
  const shape = shapeOf(tiles.length, Boolean(screen), facts.want ?? "auto");
  return { shape, screen, tiles, others, large: shape === "speaker" ? largeOf(tiles, facts.large ?? "") : "" };
}

/** Pictures that this browser cannot show, each with whose it is. @param {Layout} layout @returns {{name: string, codec: string}[]} */
export function unshownIn({ screen, tiles }) {
  return [screen, ...tiles].flatMap((one) => (one?.unshown ? [{ name: one.name, codec: one.unshown }] : []));
}

/** The slots whose pictures should arrive now. @param {Layout} layout @returns {string[]} */
export function slotsOf({ screen, tiles }) {
  const shown = tiles.filter(({ slot, unshown }) => slot && !unshown).map(({ slot }) => slot);
  return screen && !screen.isOwn && !screen.unshown ? ["screen0", ...shown] : shown;
}

/** @param {number} people @param {boolean} hasScreen @param {Want} want @returns {Layout["shape"]} */
export function shapeOf(people, hasScreen, want) {
  const count = people + Number(hasScreen);
  if (count < 2) return hasScreen ? "screen" : count ? "alone" : "empty";
  if (want === "speaker" && people) return "speaker";
  return hasScreen && want !== "grid" ? "screen" : "grid";
}

/** Who speaks, else who was large, else the first with a picture; oneself only where there is nobody else. @param {Tile[]} tiles @param {string} before */
export function largeOf(tiles, before) {
  const others = tiles.filter(({ isOwn }) => !isOwn);
  const found = others.find(({ isSpeaking }) => isSpeaking) ?? others.find(({ person_id }) => person_id === before) ?? others.find(({ slot }) => slot);
  return (found ?? others[0] ?? tiles[0])?.person_id ?? "";
}

/** @param {Record<string, string>} slots @returns {Map<string, string>} */
function slotsByPerson(slots) {
  const videos = Object.entries(slots).filter(([slot, person]) => slot.startsWith("video") && person);
  return new Map(videos.map(([slot, person]) => [person, slot]));
}

/** @param {StageMember} member @param {Map<string, string>} slotOf @param {Facts} facts @returns {Tile} */
function tileOf(member, slotOf, facts) {
  const { signals, ownId, isHere, nameOf } = facts;
  const isOwn = isHere && member.person_id === ownId;
  const slot = member.camera && !isOwn ? (slotOf.get(member.person_id) ?? "") : "";
  return {
    person_id: member.person_id,
    name: nameOf(member.person_id),
    slot,
    isOwn,
    isMuted: !member.microphone,
    isSpeaking: member.microphone && signals.speaking === member.person_id,
    ...howShown(slot, facts),
  };
}

/** Those with a picture first, then those who may be heard; one's own picture gives way to nobody. @param {Tile} tile */
function rankOf(tile) {
  if (tile.isOwn || tile.slot) return 0;
  return tile.isMuted ? 2 : 1;
}

/** @param {Facts} facts @returns {Screen | null} */
function screenOf(facts) {
  const { room, signals, ownId, isHere, nameOf } = facts;
  const id = signals.slots["screen0"] || (isHere && room.stage[ownId]?.screen ? ownId : "");
  const member = id ? room.stage[id] : undefined;
  if (!member?.screen) return null;
  const isOwn = isHere && id === ownId;
  return { person_id: id, name: nameOf(id), isOwn, ...howShown(isOwn ? "" : "screen0", facts) };
}

/** @param {string} slot @param {Facts} facts */
function howShown(slot, { signals, decodes, paused }) {
  const codec = (slot && signals.codecs[slot]) || "";
  return { unshown: codec && decodes && !decodes.includes(codec) ? codec : "", isPaused: Boolean(slot && paused?.has(slot)) };
}
