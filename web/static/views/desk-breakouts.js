/**
 * Breakout rooms that run, as the moderator sees them: the time, who asks for help, what is told to all, every room with its people.
 * Pure functions of the page's model. Neighbours: `breakout-board.js`, `composer.js` (before they are opened).
 */

import { html, nothing } from "lit";
import { endOf, helpQueue, leftIn, openRooms } from "../breakouts.js";
import { timeOf } from "../clock.js";
import { n, number, t } from "../i18n.js";
import { boardView } from "./breakout-board.js";
import { clockView } from "./breakout-clock.js";
import { leftOnClock, roomName, roomTitle, wayWord } from "./breakout-words.js";
import { badge, button, empty, icon, problem } from "./parts.js";

/**
 * @typedef {import("../../types/breakouts").BreakoutRoom} BreakoutRoom
 * @typedef {import("../../types/breakouts").BreakoutsState} BreakoutsState
 * @typedef {{state: BreakoutsState, life: Pick<import("../../types/messages").Signals, "away" | "silent">, now: number, zone: string, picked: string, text: string, visited: string, nameOf: (id: string) => string, aboutOf: (id: string) => string,
 *   isSpeaking: boolean, maySpeak: boolean, actions: import("./actions.js").Actions, pick: (person: string) => void, write: (text: string) => void, tell: () => void,
 *   speak: (on: boolean) => void, extend: (minutes: number, room?: BreakoutRoom) => void, close: (atOnce: boolean) => void,
 *   move: (person: string, to: string) => void, step: (person: string, by: number) => void, exchange: (one: string, other: string) => void, appoint: (room: BreakoutRoom, person: string) => void,
 *   bar: (person: string) => void, unbar: (person: string) => void, visit: (room: BreakoutRoom | null) => void, answer: (room: BreakoutRoom) => void}} Props
 */

/** @param {Props} props */
export function runningView(props) {
  const { state } = props;
  const all = openRooms(state);
  return html`<div class="running stack">
    ${runHeadView(props)} ${helpView(props)} ${tellView(props)}
    ${all.length ? roomsView(props, all) : empty({ icon: "people", title: t("No conversations yet"), text: t("A conversation begins as soon as two participants want one.") })}
    ${barredView(props)}
  </div>`;
}

/** @param {Props} props */
function runHeadView({ state, now, zone, actions, extend, close }) {
  const end = endOf(state);
  const rooms = openRooms(state);
  const seated = rooms.reduce((sum, { people }) => sum + people.length, 0);
  const isBusy = actions.isBusy("extend");
  return html`<header class="run-head">
    <div>
      <h2>${wayWord(state.way)}: ${n("{count} room", "{count} rooms", rooms.length)}, ${n("{count} person", "{count} people", seated)}</h2>
      ${end === null ? nothing : html`<p class="muted small tabular">${t("All rooms close at {time}", { time: timeOf(end, zone) })}</p>`}
    </div>
    ${clockView(leftIn(state, undefined, now))}
    <div class="cluster" role="group" aria-label=${t("Time of all rooms")}>
      ${end === null
        ? nothing
        : html`${button({ label: t("+5 min"), name: t("+5 min for all rooms"), isBusy, onClick: () => extend(5) })}
            ${button({ label: t("+1 min"), name: t("+1 min for all rooms"), isBusy, onClick: () => extend(1) })}
            ${button({ label: t("−1 min"), name: t("−1 min for all rooms"), isBusy, onClick: () => extend(-1) })}`}
      ${button({ label: t("Close in 60 seconds"), icon: "stop", isBusy: actions.isBusy("close-rooms"), onClick: () => close(false) })}
      ${button({ label: t("Close now…"), icon: "stop", look: "danger", isBusy: actions.isBusy("close-rooms"), onClick: () => close(true) })}
    </div>
    ${problem(actions, "extend")} ${problem(actions, "close-rooms")}
  </header>`;
}

/** Who has asked first comes first. @param {Props} props */
function helpView({ state, now, visited, actions, visit, answer }) {
  const waiting = helpQueue(state);
  return html`<section class="help-queue" aria-label=${t("Rooms that ask for help")}>
    <p class="visually-hidden" role="status">${waiting.length ? n("{count} room asks for help", "{count} rooms ask for help", waiting.length) : ""}</p>
    <ul role="list">
      ${waiting.map((room) => {
        const since = Math.max(0, now - Date.parse(room.help_since ?? ""));
        return html`<li class="notice attention">${icon("hand")}
          <p><strong>${t("{room} asks for help", { room: roomTitle(room) })}</strong> <span class="muted tabular">${t("waiting for {time}", { time: leftOnClock(since) })}</span></p>
          <div class="cluster">
            ${button({ label: t("Go there"), icon: "arrow-right", look: "primary", name: t("Go there: {room}", { room: roomName(room) }), isDisabled: visited === room.id, onClick: () => visit(room) })}
            ${button({ label: t("Done"), icon: "check", name: t("Done: {room}", { room: roomName(room) }), isBusy: actions.isBusy(`help-${room.id}`), onClick: () => answer(room) })}
          </div>
          ${problem(actions, `help-${room.id}`)}
        </li>`;
      })}
    </ul>
  </section>`;
}

/** In writing, and by voice. @param {Props} props */
function tellView({ text, actions, write, tell, speak, isSpeaking, maySpeak }) {
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    tell();
  };
  return html`<form class="tell" @submit=${submit}>
    <label class="field"><span class="field-label">${t("To all rooms")}</span>
      <input class="input" maxlength="300" placeholder=${t("What everybody should read")} .value=${text} @input=${(/** @type {InputEvent} */ event) => write(/** @type {HTMLInputElement} */ (event.target).value)} /></label>
    <div class="cluster">
      <button class="button" ?disabled=${!text.trim()} aria-busy=${actions.isBusy("tell") ? "true" : nothing}>${icon("chat")}<span>${t("Send")}</span></button>
      ${maySpeak
        ? button({
            label: isSpeaking ? t("Stop speaking to all") : t("Speak to all rooms"),
            icon: isSpeaking ? "microphone-off" : "microphone",
            look: isSpeaking ? "danger primary" : "",
            isBusy: actions.isBusy("speak"),
            onClick: () => speak(!isSpeaking),
          })
        : nothing}
    </div>
    <div class="to-all" role="status">${isSpeaking ? html`<p class="notice danger">${icon("microphone")}<span>${t("Everybody in all rooms hears you now.")}</span></p>` : nothing}</div>
    ${problem(actions, "tell")} ${problem(actions, "speak")}
  </form>`;
}

/** @param {Props} props @param {BreakoutRoom[]} all */
function roomsView(props, all) {
  const { picked, pick, nameOf, aboutOf, move, step, exchange, actions, life } = props;
  return html`<div>
    ${problem(actions, "move")}
    ${boardView({
      ...{ rooms: all, picked, pick, nameOf, aboutOf, move, step, exchange, without: [] },
      withoutTitle: t("In the plenary"),
      head: (room) => cardHeadView(/** @type {BreakoutRoom} */ (room), props),
      foot: (room) => cardFootView(/** @type {BreakoutRoom} */ (room), props),
      marks: (id, room) => html`${room?.facilitator === id ? badge(t("Facilitates"), "good") : nothing}${life.away.includes(id) ? badge(t("Not connected"), "planned") : nothing}`,
      tools: (id, room) => toolsView(id, /** @type {BreakoutRoom | undefined} */ (room), props),
    })}
  </div>`;
}

/** What deserves a look: silence, nobody there, help, its own time. @param {BreakoutRoom} room @param {Props} props */
function cardHeadView(room, { life, now, state, visited }) {
  const here = room.people.filter((id) => !life.away.includes(id)).length;
  const left = room.ends_at ? leftIn(state, room, now) : null;
  return html`<p class="card-marks">
    ${room.help_since ? badge(t("Asks for help"), "attention") : nothing}
    ${room.people.length && !here ? badge(t("Nobody is there"), "danger") : nothing}
    ${here && life.silent.includes(room.id) ? badge(t("Silent"), "attention") : nothing}
    ${here && here < room.people.length ? html`<span class="muted small tabular">${t("{count} of {most} there", { count: number(here), most: number(room.people.length) })}</span>` : nothing}
    ${visited === room.id ? badge(t("You are visiting"), "live") : nothing}
    ${left === null ? nothing : html`<span class="small tabular">${t("{time} left", { time: leftOnClock(left) })}</span>`}
  </p>`;
}

/** @param {BreakoutRoom} room @param {Props} props */
function cardFootView(room, { state, visited, visit, extend, actions }) {
  const isVisited = visited === room.id;
  return html`<div class="cluster card-tools">
    ${button({ label: isVisited ? t("Leave the room") : t("Visit"), icon: isVisited ? "leave" : "arrow-right", name: isVisited ? t("Leave the room: {room}", { room: roomName(room) }) : t("Visit {room}: you hear and see it, and they see that you are there", { room: roomName(room) }), onClick: () => visit(isVisited ? null : room) })}
    ${endOf(state, room) === null ? nothing : button({ label: t("+2 min"), look: "plain", name: t("+2 min for {room}", { room: roomName(room) }), isBusy: actions.isBusy(`extend-${room.id}`), onClick: () => extend(2, room) })}
    ${problem(actions, `extend-${room.id}`)}
  </div>`;
}

/** @param {string} id @param {BreakoutRoom | undefined} room @param {Props} props */
function toolsView(id, room, { move, appoint, bar }) {
  if (!room) return nothing;
  const isLead = room.facilitator === id;
  return html`${button({ label: t("To the plenary"), icon: "home", onClick: () => move(id, "") })}
    ${isLead ? nothing : button({ label: t("Make facilitator"), onClick: () => appoint(room, id) })}
    ${button({ label: t("Keep out of all rooms…"), icon: "lock", look: "danger", onClick: () => bar(id) })}`;
}

/** @param {Props} props */
function barredView({ state, nameOf, unbar, actions }) {
  if (!state.barred.length) return nothing;
  return html`<section class="barred">
    <h3 class="kicker">${t("Kept out of all rooms")}</h3>
    <ul role="list">${state.barred.map((id) => html`<li><span>${nameOf(id)}</span> ${button({ label: t("Let in again"), look: "plain", name: t("Let in again: {name}", { name: nameOf(id) }), isBusy: actions.isBusy(`bar-${id}`), onClick: () => unbar(id) })}</li>`)}</ul>
  </section>`;
}
