/**
 * Sound and picture of the breakout room that one is in, on a page that has the plenary's too: it keeps the carrier where the state
 * says one is, plays what is for this moment, and says who is shown where. Neighbours: `../carrier.js`, `../circle-layout.js`,
 * `live-page.js`, which has one of these.
 *
 * @import {BreakoutRoom, BreakoutsState} from "../../types/breakouts"
 * @import {BreakoutMedia, Event as StreamEvent} from "../../types/messages"
 * @import {LivePage} from "./live-page.js"
 */

import { openRooms, seatOf } from "../breakouts_state.js";
import { Carrier } from "../carrier.js";
import { NO_MEDIA, circleOf, isHeardFromStage } from "../circle-layout.js";
import { t } from "../i18n.js";
import { relays } from "../relays.js";
import { slotsOf } from "../stage-layout.js";
import { emptyState } from "../state.js";
import { heightsOf } from "../tiles.js";
import { toast } from "../toast.js";

export class RoomMedia {
  stream;
  carrier;
  #page;
  #large = "";

  /** @param {LivePage} page */
  constructor(page) {
    this.#page = page;
    this.stream = `breakouts/${page.data.session_id}`;
    this.carrier = new Carrier(`/media/${page.data.session_id}/breakouts/`, page.media, page.speaker, relays(page.data.turn));
    page.connection.addEventListener("event", (event) => this.#heed(/** @type {CustomEvent<{stream: string, event: StreamEvent}>} */ (event).detail));
  }

  /** Who leads a room has switched off one's microphone. @param {{stream: string, event: StreamEvent}} detail */
  #heed({ stream, event }) {
    const { media, nameOf, ownId } = this.#page;
    if (stream !== this.stream || event.type !== "breakout.muted" || event.person_id !== ownId) return;
    void media.capture.setMicrophone(false);
    toast(t("{name} has switched off your microphone. You can switch it on again.", { name: nameOf(event.by) }), { tone: "attention" });
  }

  /** @returns {BreakoutsState} */
  get state() {
    return /** @type {BreakoutsState} */ (this.#page.connection.state(this.stream) ?? emptyState(this.stream));
  }

  /** The room that one sits in. @returns {BreakoutRoom | undefined} */
  get seat() {
    return seatOf(this.state, this.#page.ownId);
  }

  /** The room that one visits, as a moderator: one hears and sees it, and is in none. @returns {BreakoutRoom | undefined} */
  get visited() {
    return openRooms(this.state).find(({ visitors }) => visitors.includes(this.#page.ownId));
  }

  /** The room whose sound and picture are there, or shall be. */
  get room() {
    return this.seat ?? (this.#page.takesVisits ? this.visited : undefined);
  }

  /** @returns {BreakoutMedia} */
  get #signals() {
    return this.#page.connection.signals(this.stream).rooms[this.carrier.roomId] ?? NO_MEDIA;
  }

  /** Takes the person where they are by now. */
  follow() {
    const { connection, phase, speaker, actions } = this.#page;
    if (!connection.state(this.stream)) return;
    const isOver = this.state.phase !== "running"; // the plenary is not to hear what was for the rooms
    if (isOver && speaker.speaksToAll && !actions.isBusy("speak")) void actions.run("speak", () => speaker.speakToAll(false));
    const room = phase === "live" ? this.room : undefined;
    this.carrier.go(room?.id ?? "", room !== undefined && !this.seat);
    if (room) this.carrier.media?.gather(room.people.length);
  }

  /** Plays the room, and of the plenary only who speaks to all rooms. @param {import("./sound.js").Sound} sound */
  play(sound) {
    const { media, signals, ownId } = this.#page;
    const { slots } = this.#signals;
    const speaker = this.state.speaking;
    const isForNow = (/** @type {string} */ person) => !this.carrier.roomId || (speaker !== "" && person === speaker);
    sound.play(media.slots, (slot) => signals.slots[slot] === ownId || !isForNow(signals.slots[slot] ?? ""));
    const isSilent = (/** @type {string} */ slot) => slots[slot] === ownId || isHeardFromStage(slots[slot] ?? "", speaker, signals.slots, media.status.name === "connected");
    sound.play(this.carrier.slots, isSilent, { of: "room", isUnder: Boolean(speaker) });
  }

  get layout() {
    const { ownId, nameOf, want, media } = this.#page;
    const { carrier, room } = this;
    const facts = { people: room?.people ?? [], media: this.#signals, ownId, isVisiting: carrier.isVisiting, switches: media.capture.switches, nameOf, want };
    const found = circleOf({ ...facts, decodes: carrier.media?.decodes, paused: carrier.media?.paused, large: this.#large });
    this.#large = found.large || this.#large;
    return found;
  }

  /** Says which pictures are shown, and how large: of the plenary none while one is away. @param {boolean} isLean */
  show(isLean) {
    const { media, signals } = this.#page;
    const { hidden } = document;
    media.show(heightsOf(document, signals.slots, hidden || Boolean(this.carrier.media)));
    this.carrier.media?.show(heightsOf(document, this.#signals.slots, hidden));
    this.carrier.media?.expect(hidden || isLean ? [] : slotsOf(this.layout));
  }
}
