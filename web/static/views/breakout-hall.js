/**
 * Breakout rooms for whoever sits in none now: over the stage what is going on, in the side panel the ways in that are one's own
 * choice (a room, a table, topics, a conversation of five minutes). Pure functions of the page's model. Neighbour: `breakout-room.js`.
 */

import { html, nothing } from "lit";
import { live } from "lit/directives/live.js";
import { repeat } from "lit/directives/repeat.js";
import { leftIn, openRooms, wayBack } from "../breakouts.js";
import { n, number, t } from "../i18n.js";
import { leftInWords, roomName, roomTitle } from "./breakout-words.js";
import { button, icon, problem } from "./parts.js";

/**
 * @typedef {import("../../types/breakouts").BreakoutRoom} BreakoutRoom
 * @typedef {import("../../types/breakouts").BreakoutsState} BreakoutsState
 * @typedef {{state: BreakoutsState, ownId: string, now: number, taken: Record<string, number>, wished: readonly string[] | null, actions: import("./actions.js").Actions, choose: (room: BreakoutRoom) => void,
 *   wish: (topic: string, on: boolean) => void, offer: (on: boolean) => void, pair: (on: boolean) => void, show: () => void}} Props `taken`: how many are in each room;
 *   `wished`: topics that the server does not know of yet; `show` brings the choices to the front
 */

/** Of `rooms/messages/breakout_commands.py`. */
const MOST_WISHES = 3;

/** The topics after one was ticked or not; of more than may be chosen the last one is not. @param {readonly string[]} chosen @param {string} topic @param {boolean} on */
export function ticked(chosen, topic, on) {
  const others = chosen.filter((one) => one !== topic);
  if (!on) return others;
  return chosen.includes(topic) || chosen.length >= MOST_WISHES ? [...chosen] : [...chosen, topic];
}

/** True if there is something to read or do for somebody without a room. @param {BreakoutsState} state @param {boolean} [isForRooms] it is what the session is for */
export function hasHall({ phase, topics }, isForRooms = false) {
  return phase === "running" || topics.length > 0 || isForRooms;
}

/** True if some of it is one's own choice. @param {BreakoutsState} state */
export function hasChoices(state) {
  return state.phase !== "running" || Boolean(state.topics.length || state.pairs || choosableRooms(state).length);
}

/** What is going on, and the way to the choices where these are out of sight. @param {Props} props @param {boolean} isInFront the choices are what the panel shows */
export function hallHeadView(props, isInFront) {
  const { state } = props;
  const choice = choiceWord(state);
  return html`<section class="room-head hall-head" aria-labelledby="hall-title">
    <div class="room-title"><h2 id="hall-title">${titleOf(state)}</h2>
      ${state.phase === "running" ? runningView(props) : html`<p class="muted small">${t("You are taken to your group automatically. Keep this page open.")}</p>`}</div>
    ${state.phase === "running" ? backView(props) : nothing}
    ${choice ? html`<div class="to-choices ${isInFront ? "is-in-front" : ""}">${button({ label: choice, icon: "people", onClick: props.show })}</div>` : nothing}
  </section>`;
}

/** The choices. @param {Props} props */
export function hallView(props) {
  const { state } = props;
  const choosable = choosableRooms(state);
  const isRunning = state.phase === "running";
  return html`<div class="hall stack">
    ${choosable.length ? choiceView(choosable, props) : nothing} ${isRunning && state.pairs ? pairView(props) : nothing}
    ${state.topics.length ? topicsView(props) : nothing} ${isRunning ? nothing : willingView(props)}
  </div>`;
}

/** @param {BreakoutsState} state @returns {string} */
function titleOf({ phase, way }) {
  if (phase !== "running") return t("Breakout rooms soon");
  if (way === "tables") return t("Open tables");
  return way === "pairs" ? t("One to one") : t("Breakout rooms");
}

/** @param {BreakoutsState} state */
function choosableRooms(state) {
  return state.phase === "running" ? openRooms(state).filter(({ is_open }) => is_open) : [];
}

/** What there is to choose first, in words; "": nothing. @param {BreakoutsState} state @returns {string} */
function choiceWord(state) {
  if (choosableRooms(state).length) return state.way === "tables" ? t("Choose a table") : t("Choose a room");
  if (state.phase === "running" && state.pairs) return t("Meet somebody"); // where one is found has the other button
  return state.topics.length ? t("Choose topics") : "";
}

/** @param {Props} props */
function runningView(props) {
  const { state, ownId, now } = props;
  const left = leftIn(state, undefined, now);
  const time = left === null ? nothing : html`<span class="tabular">${leftInWords(left)}</span>`;
  const back = wayBack(state, ownId);
  if (back) return html`<p>${t("You left {room}.", { room: roomTitle(back) })} ${time}</p>`;
  if (choosableRooms(state).length || state.way === "pairs") return html`<p class="muted small">${t("You are in the plenary.")} ${time}</p>`;
  const count = openRooms(state).length;
  return html`<p>${n("The others are talking in {count} room. You are in the plenary.", "The others are talking in {count} rooms. You are in the plenary.", count)} ${time}</p>
    ${state.places_late ? html`<p class="muted small">${t("You are taken to a group as soon as there is a place for you.")}</p>` : nothing}`;
}

/** Into the room that one left. @param {Props} props */
function backView({ state, ownId, actions, choose }) {
  const back = wayBack(state, ownId);
  if (!back) return nothing;
  return html`${button({ label: t("Back to my group"), icon: "arrow-right", look: "primary", isBusy: actions.isBusy(`choose-${back.id}`), onClick: () => choose(back) })}
    ${problem(actions, `choose-${back.id}`)}`;
}

/** In the order in which they are chosen: the first is the dearest. @param {Props} props */
function topicsView({ state, ownId, wished, actions, wish }) {
  const chosen = wished ?? state.topic_choices[ownId] ?? [];
  const isFull = chosen.length >= MOST_WISHES;
  return html`<fieldset class="choices" aria-describedby="topics-help">
    <legend class="field-label">${t("What would you like to talk about?")}</legend>
    <p class="field-help" id="topics-help">${n("Choose {count}. The one you choose first counts most.", "Choose up to {count}. The one you choose first counts most.", MOST_WISHES)}</p>
    ${state.topics.map((topic) => {
      const place = chosen.indexOf(topic) + 1;
      return html`<label class="choice">
        <input type="checkbox" .checked=${live(place > 0)} ?disabled=${isFull && !place} @change=${(/** @type {Event} */ event) => wish(topic, isChecked(event))} />
        <span>${topic}</span>${place ? html`<span class="count new" aria-label=${t("Choice {number}", { number: number(place) })}>${number(place)}</span>` : nothing}
      </label>`;
    })}
    ${problem(actions, "wish")}
  </fieldset>`;
}

/** Whoever is willing may be chosen to facilitate the group that they come to. @param {Props} props */
function willingView({ state, ownId, actions, offer }) {
  return html`<label class="check">
      <input type="checkbox" .checked=${live(actions.wished("offer") ?? state.willing.includes(ownId))} @change=${(/** @type {Event} */ event) => offer(isChecked(event))} />
      <span>${t("I am willing to facilitate a group")}</span>
    </label>
    ${problem(actions, "offer")}`;
}

/** @param {BreakoutRoom[]} rooms @param {Props} props */
function choiceView(rooms, props) {
  return html`<p class="private muted small">${icon("lock")}<span>${t("Only those in the room hear and see each other. Nothing is recorded there.")}</span></p>
    <ul class="rooms-to-choose" role="list">${repeat(rooms, ({ id }) => id, (room) => choosableView(room, props))}</ul>`;
}

/** @param {BreakoutRoom} room @param {Props} props */
function choosableView(room, { state, ownId, actions, taken, choose }) {
  const here = taken[room.id] ?? 0;
  const free = room.capacity - here;
  const key = `choose-${room.id}`;
  return html`<li>
    <div><strong>${roomTitle(room)}</strong>
      <p class="muted small tabular">${here ? n("{count} is there", "{count} are there", here) : t("Empty")} · ${free > 0 ? n("{count} seat free", "{count} seats free", free) : t("Full")}</p></div>
    ${button({ label: t("Go in"), icon: "arrow-right", look: free > 0 ? "primary" : "", name: t("Go in: {room}", { room: roomName(room) }), isDisabled: free <= 0, isBusy: actions.isBusy(key), onClick: () => choose(room) })}
    ${wayBack(state, ownId)?.id === room.id ? nothing : problem(actions, key)}
  </li>`;
}

/** @param {Props} props */
function pairView({ state, ownId, actions, pair }) {
  const isWaiting = state.waiting.includes(ownId);
  return html`<p>${t("You meet one other participant, drawn at random, for five minutes. Then you are back here.")}</p>
    ${button({
      label: isWaiting ? t("Do not wait any longer") : t("Find somebody for me"),
      icon: "people",
      look: isWaiting ? "" : "primary",
      isBusy: actions.isBusy("pair"),
      onClick: () => pair(!isWaiting),
    })}
    <p role="status">${isWaiting ? t("Waiting for somebody else who wants to talk. Keep this page open.") : ""}</p>
    ${problem(actions, "pair")}`;
}

/** @param {Event} event */
function isChecked({ target }) {
  return /** @type {HTMLInputElement} */ (target).checked;
}
