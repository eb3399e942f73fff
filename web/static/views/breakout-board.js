/**
 * Rooms as cards with people in them who can be moved: dragged, or by keyboard (press a name, choose where to; or Alt with an arrow
 * key, to the room beside). The same for groups that are planned and for rooms that run; what a card says besides is its page's.
 * Pure functions of the page's model. Neighbours: `composer.js`, `desk-breakouts.js`.
 */

import { html, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { number, t } from "../i18n.js";
import { roomName, roomTitle } from "./breakout-words.js";
import { button, icon } from "./parts.js";

/**
 * @typedef {{id: string, number: number, title: string, topic: string, capacity: number, people: readonly string[], facilitator: string}} Room
 * @typedef {{rooms: readonly Room[], nameOf: (id: string) => string, aboutOf: (id: string) => string, picked: string, pick: (person: string) => void,
 *   move: (person: string, to: string) => void, step: (person: string, step: number) => void, exchange: (one: string, other: string) => void,
 *   without: readonly string[], withoutTitle: string,
 *   head: (room: Room) => unknown, foot: (room: Room) => unknown, marks: (person: string, room: Room | undefined) => unknown,
 *   tools: (person: string, room: Room | undefined) => unknown}} Board `picked`: whose tools are open; `without`: who has no room; `step`: to the
 *   room beside (`beside`), from where they are when its turn comes: two steps at once lead two rooms on
 */

/** @param {Board} board */
export function boardView(board) {
  const { rooms, without, withoutTitle } = board;
  return html`<div class="board">
    ${repeat(rooms, ({ id }) => id, (room) => cardView(room, board))}
    <section class="room-card is-without" aria-label=${withoutTitle} @dragover=${allow} @dragleave=${leave} @drop=${(/** @type {DragEvent} */ event) => drop(event, "", board)} ?hidden=${!without.length}>
      <header><h3>${withoutTitle}</h3><span class="count tabular">${number(without.length)}</span></header>
      <ul role="list">${repeat(without, (id) => id, (id) => personView(id, undefined, board))}</ul>
    </section>
  </div>`;
}

/** @param {Room} room @param {Board} board */
function cardView(room, board) {
  const isOver = room.people.length > room.capacity;
  return html`<section class="room-card" data-room=${room.id} aria-label=${roomTitle(room)} @dragover=${allow} @dragleave=${leave} @drop=${(/** @type {DragEvent} */ event) => drop(event, room.id, board)}>
    <header>
      <h3>${roomTitle(room)}</h3>
      <span class="count tabular ${isOver ? "is-over" : ""}">${t("{count} of {most}", { count: number(room.people.length), most: number(room.capacity) })}</span>
    </header>
    ${board.head(room)}
    <ul role="list">${repeat(room.people, (id) => id, (id) => personView(id, room, board))}</ul>
    ${room.people.length ? nothing : html`<p class="muted small">${t("Empty")}</p>`} ${board.foot(room)}
  </section>`;
}

/** @param {string} id @param {Room | undefined} room @param {Board} board */
function personView(id, room, board) {
  const { nameOf, aboutOf, picked, pick, marks } = board;
  const isPicked = picked === id;
  return html`<li class="seated ${isPicked ? "is-picked" : ""}" data-person=${id}>
    <button
      type="button"
      draggable="true"
      aria-expanded=${String(isPicked)}
      @dragstart=${(/** @type {DragEvent} */ event) => event.dataTransfer?.setData("text/plain", id)}
      @keydown=${(/** @type {KeyboardEvent} */ event) => onKey(event, id, board)}
      @click=${() => pick(isPicked ? "" : id)}
    >
      <span class="seated-name">${nameOf(id)}</span><span class="seated-about">${aboutOf(id)}</span>${marks(id, room)}
    </button>
    ${isPicked ? toolsView(id, room, board) : nothing}
  </li>`;
}

/** @param {string} id @param {Room | undefined} room @param {Board} board */
function toolsView(id, room, board) {
  const { rooms, nameOf, move, exchange, tools } = board;
  const others = room ? rooms.filter((one) => one.id !== room.id).flatMap((one) => one.people.map((person) => ({ person, room: one }))) : [];
  /** @param {Event} event @param {(value: string) => void} work */
  const submit = (event, work) => {
    event.preventDefault();
    const { value } = /** @type {HTMLSelectElement} */ (/** @type {HTMLFormElement} */ (event.currentTarget).elements.namedItem("to"));
    if (value) work(value);
  };
  return html`<div class="seated-tools">
    <form @submit=${(/** @type {Event} */ event) => submit(event, (to) => move(id, to))}>
      <label class="field"><span class="field-label small">${t("Move {name} to", { name: nameOf(id) })}</span>
        <select class="input" name="to">
          ${rooms.filter((one) => one.id !== room?.id).map((one) => html`<option value=${one.id}>${roomTitle(one)} (${number(one.people.length)})</option>`)}
        </select></label>
      <button class="button">${icon("arrow-right")}<span>${t("Move")}</span></button>
    </form>
    ${others.length
      ? html`<form @submit=${(/** @type {Event} */ event) => submit(event, (other) => exchange(id, other))}>
          <label class="field"><span class="field-label small">${t("Exchange with")}</span>
            <select class="input" name="to">
              ${others.map(({ person, room: theirs }) => html`<option value=${person}>${t("{name}, {room}", { name: nameOf(person), room: roomName(theirs) })}</option>`)}
            </select></label>
          <button class="button">${t("Exchange")}</button>
        </form>`
      : nothing}
    <div class="cluster">${tools(id, room)} ${button({ label: t("Close"), look: "plain", onClick: () => board.pick("") })}</div>
  </div>`;
}

/** @param {KeyboardEvent} event @param {string} id @param {Board} board */
function onKey(event, id, { rooms, step, pick, picked }) {
  if (event.key === "Escape" && picked === id) return pick("");
  const by = event.altKey ? { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key] : 0;
  if (!by || !rooms.length) return;
  event.preventDefault();
  step(id, by);
}

/** The room beside that of somebody, in the order of the cards; "": there is no other. @param {readonly Pick<Room, "id" | "people">[]} rooms @param {string} person @param {number} step */
export function beside(rooms, person, step) {
  const from = rooms.findIndex(({ people }) => people.includes(person));
  const to = rooms[((from < 0 && step < 0 ? 0 : from) + step + rooms.length) % rooms.length];
  return to && !to.people.includes(person) ? to.id : "";
}

/** Who is moved is drawn elsewhere: the focus goes along. @param {string} id */
export function focusOn(id) {
  const found = [...document.querySelectorAll(".seated")].find((one) => one instanceof HTMLElement && one.dataset.person === id);
  const target = found?.querySelector("button");
  if (target && document.activeElement !== target) target.focus();
}

/** @param {DragEvent} event */
function allow(event) {
  event.preventDefault();
  /** @type {HTMLElement} */ (event.currentTarget).classList.add("is-target");
}

/** @param {DragEvent} event */
function leave(event) {
  /** @type {HTMLElement} */ (event.currentTarget).classList.remove("is-target");
}

/** @param {DragEvent} event @param {string} to @param {Board} board */
function drop(event, to, { move }) {
  event.preventDefault();
  leave(event);
  const id = event.dataTransfer?.getData("text/plain");
  if (id) move(id, to);
}
