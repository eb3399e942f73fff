/**
 * What a group leaves behind: its shared notes, up to three points for the plenary, and who wants to stay in touch. Also after the
 * room was closed, until the next round. Neighbours: `notes.js` (the field), `contact-cards.js`.
 *
 * @import {BreakoutRoom, BreakoutsState} from "../../types/breakouts"
 * @import {Command} from "../../types/messages"
 */

import { html, nothing } from "lit";
import { live } from "lit/directives/live.js";
import { t } from "../i18n.js";
import { toast } from "../toast.js";
import { roomName } from "./breakout-words.js";
import { Cards, cardsView } from "./contact-cards.js";
import { NotesField, stageNotesView } from "./notes.js";
import { button, problem } from "./parts.js";

const MOST_POINTS = 3;
/** Of `rooms/breakouts/talking.py`. */
const POINT_CHARACTERS = 200;

export class RoomPad {
  #page;
  #field;
  #cards;
  /** Points that are being written, by room. @type {{roomId: string, points: readonly string[]} | null} */
  #draft = null;

  /** @param {import("./live-page.js").LivePage} page */
  constructor(page) {
    this.#page = page;
    this.#field = new NotesField(page.connection, page.refresh);
    this.#cards = new Cards(page.data.session_id, page.refresh);
  }

  get #stream() {
    return `breakouts/${this.#page.data.session_id}`;
  }

  /** @returns {BreakoutsState | undefined} */
  get #state() {
    return /** @type {BreakoutsState | undefined} */ (this.#page.connection.state(this.#stream));
  }

  /** The room one sits in, or sat in last. @returns {BreakoutRoom | undefined} */
  get room() {
    const own = Object.values(this.#state?.rooms ?? {}).filter(({ people }) => people.includes(this.#page.ownId));
    return own.find((room) => isOpen(this.#state, room)) ?? own.at(-1);
  }

  /** Closes what is open of a room that one has left; called at every look at the page, whatever it shows. */
  look() {
    if (this.#field.roomId && this.#field.roomId !== this.room?.id) this.#field.open(this.#page.data.session_id, "");
  }

  /** Before one leaves the room. */
  flush() {
    return this.#field.flush();
  }

  /** Draws the pad of one's room, and keeps it open. */
  view() {
    const { room } = this;
    this.#field.open(this.#page.data.session_id, room?.id ?? "");
    if (!room) return nothing;
    const isLive = this.#page.phase === "live";
    return html`<div class="room-pad stack">
      ${this.#field.view({ mayWrite: isLive })} ${isLive ? this.#stageButton(room) : nothing} ${this.#points(room, isLive)} ${this.#touch(room)}
    </div>`;
  }

  /** @param {BreakoutRoom} room */
  #stageButton(room) {
    if (!this.#leads(room)) return nothing;
    const isShown = this.#state?.showing?.room_id === room.id;
    const show = () => void this.#do("show-notes", { type: "breakout.show_notes", on: !isShown, room_id: room.id });
    return html`${button({ label: isShown ? t("Take our notes off the stage") : t("Show our notes on the stage"), icon: "screen", isPressed: isShown, isBusy: this.#page.actions.isBusy("show-notes"), onClick: show })}
    ${problem(this.#page.actions, "show-notes")}`;
  }

  /** @param {BreakoutRoom} room @param {boolean} isLive */
  #points(room, isLive) {
    const title = html`<h2 class="kicker" id="points-title">${t("What we take back to the plenary")}</h2>`;
    if (!isLive || !this.#leads(room)) {
      if (!room.points.length) return nothing;
      return html`<section class="points" aria-labelledby="points-title">${title}
        <ul>${room.points.map((point) => html`<li>${point}</li>`)}</ul>
      </section>`;
    }
    const points = this.#written(room);
    const isChanged = points.map((point) => point.trim()).filter(Boolean).join("\n") !== room.points.join("\n");
    const write = (/** @type {number} */ at, /** @type {string} */ text) => {
      const now = this.#written(room); // two fields may be written in before the page is drawn again
      const next = Array.from({ length: MOST_POINTS }, (_, index) => (index === at ? text : (now[index] ?? "")));
      this.#draft = { roomId: room.id, points: next };
      this.#page.refresh();
    };
    return html`<form class="points stack" aria-labelledby="points-title" @submit=${(/** @type {Event} */ event) => this.#save(event, room)}>
      ${title}
      <p class="field-help" id="points-help">${t("Up to three points, without names. The moderator gathers them from all rooms.")}</p>
      ${Array.from(
        { length: MOST_POINTS },
        (_, at) => html`<input
          class="input"
          maxlength=${POINT_CHARACTERS}
          aria-label=${t("Point {number}", { number: at + 1 })}
          aria-describedby="points-help"
          .value=${points[at] ?? ""}
          @input=${(/** @type {Event} */ event) => write(at, /** @type {HTMLInputElement} */ (event.target).value)}
        />`,
      )}
      <button class="button primary" ?disabled=${!isChanged} aria-busy=${this.#page.actions.isBusy("points") ? "true" : nothing}>${t("Save the points")}</button>
      ${problem(this.#page.actions, "points")}
    </form>`;
  }

  /** The points as they stand in the fields, saved or not. @param {BreakoutRoom} room @returns {readonly string[]} */
  #written(room) {
    return this.#draft?.roomId === room.id ? this.#draft.points : room.points;
  }

  /** @param {Event} event @param {BreakoutRoom} room */
  async #save(event, room) {
    event.preventDefault();
    const written = this.#written(room);
    const points = written.map((point) => point.trim()).filter(Boolean);
    if (!(await this.#do("points", { type: "breakout.set_points", points, room_id: room.id }))) return;
    if (this.#draft?.points === written || this.#draft?.roomId !== room.id) this.#draft = null;
    toast(t("The points are saved."), { tone: "good" });
  }

  /** @param {BreakoutRoom} room */
  #touch(room) {
    const agrees = room.in_touch.includes(this.#page.ownId);
    const isClosed = !isOpen(this.#state, room);
    if (isClosed && agrees) this.#cards.look(`${room.id} ${room.in_touch.join(" ")}`);
    const { actions, connection } = this.#page;
    const key = `touch-${room.id}`; // what is agreed to in one room is never sent to another
    const send = (/** @type {boolean} */ isWished) => connection.do(this.#stream, { type: "breakout.touch", agrees: isWished, room_id: room.id });
    const change = (/** @type {Event} */ event) => void actions.bring(key, /** @type {HTMLInputElement} */ (event.target).checked, send);
    return html`<section class="touch stack" aria-labelledby="touch-title">
      <h2 class="kicker" id="touch-title">${t("Stay in touch")}</h2>
      <label class="check">
        <input type="checkbox" .checked=${live(actions.wished(key) ?? agrees)} aria-describedby="touch-help" @change=${change} />
        <span>${t("Exchange contact cards with the others who agree")}</span>
      </label>
      <p class="field-help" id="touch-help">${t("When the room closes, those of the group who agreed get each other's name, title, municipality and e-mail address. The moderators see who agreed, and can bring you together again another day.")}</p>
      ${problem(actions, key)}
      ${room.in_touch.length ? html`<p class="small muted">${t("Agreed so far: {names}", { names: room.in_touch.map(this.#page.nameOf).join(", ") })}</p>` : nothing}
      ${isClosed && agrees ? cardsView(this.#cards, this.#page.data.session_id, room.id) : nothing}
    </section>`;
  }

  /** While nobody facilitates, everybody does. @param {BreakoutRoom} room */
  #leads(room) {
    return !room.facilitator || room.facilitator === this.#page.ownId;
  }

  /** @param {string} key @param {Command} command */
  #do(key, command) {
    return this.#page.actions.run(key, () => this.#page.connection.do(this.#stream, command));
  }
}

/** The notes that are on the stage, if any. @param {import("./live-page.js").LivePage} page */
export function stageNotes(page) {
  const stream = `breakouts/${page.data.session_id}`;
  const state = /** @type {BreakoutsState | undefined} */ (page.connection.state(stream));
  const showing = state?.showing;
  const { roomId, text } = page.connection.signals(stream).stageNotes;
  if (!showing || showing.room_id !== roomId) return nothing;
  return stageNotesView({ title: roomName({ title: showing.title, number: showing.number || (state.rooms[roomId]?.number ?? Number(roomId.slice(1))) }), text });
}

/** @param {BreakoutsState | undefined} state @param {BreakoutRoom} room */
function isOpen(state, room) {
  return state?.phase === "running" && !room.closed_at;
}
