/**
 * Who is shown where in a breakout room: everybody, as large as there is room for. A pure function of who sits there, of the room's
 * media and of what the viewer wants. Neighbours: `stage-layout.js`, the same of a stage; `views/stage.js`, which draws both.
 *
 * @import {BreakoutMedia} from "../types/messages"
 * @import {Layout, Tile, Want} from "./stage-layout.js"
 */

import { largeOf, shapeOf } from "./stage-layout.js";

/**
 * @typedef {{people: readonly string[], media: BreakoutMedia, ownId: string, isVisiting: boolean, switches: {camera: boolean, microphone: boolean, screen: boolean},
 *   nameOf: (id: string) => string, decodes?: readonly string[] | null, paused?: ReadonlySet<string>, want?: Want, large?: string}} Facts `people` sit
 *   there; `switches`: what one sends oneself; `large`: who was large until now
 */

/** @type {BreakoutMedia} */
export const NO_MEDIA = { slots: {}, codecs: {}, speaking: "", muted: [] };

/** @param {Facts} facts @returns {Layout} */
export function circleOf(facts) {
  const slotOf = new Map(Object.entries(facts.media.slots).flatMap(([slot, person]) => (slot.startsWith("video") && person ? [[person, slot]] : [])));
  const tiles = facts.people.map((id) => tileOf(id, slotOf.get(id) ?? "", facts));
  const screen = screenOf(facts);
  const shape = shapeOf(tiles.length, Boolean(screen), facts.want ?? "auto");
  return { shape, screen, tiles, others: [], large: shape === "speaker" ? largeOf(tiles, facts.large ?? "") : "" };
}

/** @param {string} id @param {string} found whose slot brings the picture @param {Facts} facts @returns {Tile} */
function tileOf(id, found, facts) {
  const { media, ownId, isVisiting, switches, nameOf } = facts;
  const isOwn = id === ownId && !isVisiting;
  const slot = isOwn ? "" : found;
  return {
    person_id: id,
    name: nameOf(id),
    slot,
    isOwn,
    isMuted: isOwn ? !switches.microphone : media.muted.includes(id),
    isSpeaking: media.speaking === id && (!isOwn || switches.microphone),
    ...howShown(slot, facts),
  };
}

/** @param {Facts} facts @returns {Layout["screen"]} */
function screenOf(facts) {
  const { media, ownId, isVisiting, switches, nameOf } = facts;
  const isOwn = switches.screen && !isVisiting;
  const id = isOwn ? ownId : (media.slots["screen0"] ?? "");
  return id ? { person_id: id, name: nameOf(id), isOwn, ...howShown(isOwn ? "" : "screen0", facts) } : null;
}

/** @param {string} slot @param {Facts} facts */
function howShown(slot, { media, decodes, paused }) {
  const codec = (slot && media.codecs[slot]) || "";
  return { unshown: codec && decodes && !decodes.includes(codec) ? codec : "", isPaused: Boolean(slot && paused?.has(slot)) };
}

/**
 * Whether somebody who sits in one's room speaks to all rooms and is heard from the stage already: their voice comes by both ways.
 * @param {string} person @param {string} speaker who speaks to all, "" for nobody @param {Readonly<Record<string, string>>} stage its slots
 * @param {boolean} isConnected to the stage; while one is not, the voice comes by the room alone
 */
export function isHeardFromStage(person, speaker, stage, isConnected) {
  return isConnected && speaker !== "" && person === speaker && Object.entries(stage).some(([slot, who]) => slot.startsWith("audio") && who === speaker);
}
