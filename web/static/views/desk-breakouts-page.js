/**
 * Breakout rooms at the desk: what only this page knows of them, and the commands. Neighbours: `composer.js` draws what is planned,
 * `desk-breakouts.js` what runs.
 *
 * @import {BreakoutRoom, BreakoutsState} from "../../types/breakouts"
 * @import {Command} from "../../types/messages"
 * @import {LivePage} from "./live-page.js"
 */

import { html, nothing } from "lit";
import { helpQueue, leftIn, openRooms } from "../breakouts.js";
import { Composer } from "../composer.js";
import { n, t } from "../i18n.js";
import { Refusal } from "../protocol.js";
import { leftOnClock, openingWords, roomTitle, roundName } from "./breakout-words.js";
import { beside, focusOn } from "./breakout-board.js";
import { toast } from "../toast.js";
import { composerView } from "./composer.js";
import { confirm } from "./confirm.js";
import { runningView } from "./desk-breakouts.js";
import { button, icon, problem } from "./parts.js";

/** So long after a move is done it may still be drawn: what one did oneself is soon, the server's word of it comes a little later. */
const SETTLED_MS = 1_000;

export class DeskBreakouts {
  composer;
  /** The rooms have the desk to themselves. */
  isOpen = location.hash === "#rooms";
  #picked = "";
  /** Who was picked or moved last. */
  #last = "";
  /** Moves that are under way, or so fresh that they are still being drawn. */
  #changing = 0;
  #text = "";
  /** Which round it was, and how far, when the groups were last judged without being asked. */
  #judgedAt = "";
  /** @type {Promise<unknown>} */
  #turn = Promise.resolve();
  #page;

  /** @param {LivePage} page */
  constructor(page) {
    this.#page = page;
    const save = (/** @type {import("../../types/breakouts").BreakoutsDraft & {after: number}} */ draft) => this.#do({ type: "breakouts.plan", ...draft });
    this.composer = new Composer(page.data.session_id, { save, changed: () => page.refresh() });
    page.connection.addEventListener("change", () => this.composer.take(this.state)); // at once: the next change is made of it, drawn or not
    page.connection.addEventListener("event", (event) => this.#heed(/** @type {CustomEvent} */ (event).detail));
  }

  /** @param {{stream: string, event: import("../../types/breakouts").BreakoutsEvent}} detail */
  #heed({ stream, event }) {
    if (stream !== this.stream) return;
    const { speaker, actions, ownId } = this.#page;
    if (event.type === "breakout.help_asked") toast(t("{room} asks for help", { room: roomTitle(event.room) }), { tone: "attention", seconds: 15 });
    const isAnothers = event.type === "breakouts.speaking" && event.person_id !== ownId;
    if (isAnothers && speaker.speaksToAll) void actions.run("speak", () => speaker.speakToAll(false));
  }

  get stream() {
    return this.#page.away.stream;
  }

  /** @returns {BreakoutsState} */
  get state() {
    return this.#page.away.state;
  }

  /** Goes there, and takes care of what it may have asked for; null: comes back. @param {BreakoutRoom | null} room */
  async go(room) {
    const { seat } = this.#page.away;
    const went = await this.#page.actions.run("visit", async () => {
      if (room && seat && seat.id !== room.id) await this.#do({ type: "breakout.leave" }); // nobody is in two rooms
      await this.#do({ type: "breakout.visit", room_id: room?.id ?? "" });
    });
    if (went && room?.help_since) await this.#page.actions.run(`help-${room.id}`, () => this.#do({ type: "breakout.answer_help", room_id: room.id }));
    if (went && room) this.show(false);
  }

  /** How many rooms wait for somebody. */
  get waiting() {
    return this.state.phase === "running" ? helpQueue(this.state).length : 0;
  }

  /** @param {boolean} isOpen */
  show(isOpen) {
    this.isOpen = isOpen;
    history.replaceState(null, "", isOpen ? "#rooms" : location.pathname);
    this.#page.refresh();
  }

  /** The next round was planned together with the one before. */
  get #isGoingOn() {
    const { draft, plan } = this.state;
    return Boolean(draft) && (plan?.rounds ?? 1) > 1;
  }

  /** One line at the desk: what there is, and the way to it. */
  entry() {
    const { state, waiting } = this;
    const { clock, phase } = this.#page;
    if (phase === "ended") return nothing;
    const left = state.phase === "running" ? leftIn(state, undefined, clock.now()) : null;
    return html`<div class="rooms-entry cluster">
      ${button({ label: t("Breakout rooms"), icon: "people", onClick: () => this.show(true) })}
      ${state.phase === "running" ? html`<span class="tabular">${n("{count} room open", "{count} rooms open", openRooms(state).length)}${left === null ? nothing : html` · ${t("{time} left", { time: leftOnClock(left) })}`}</span>` : nothing}
      ${state.phase !== "running" && state.draft ? html`<span class="muted small">${this.#isGoingOn ? t("{round} is ready", { round: roundName(state.number + 1) }) : t("Prepared")}</span>` : nothing}
      <span role="status">${waiting ? html`<span class="notice attention">${icon("hand")}<strong>${n("{count} room asks for help", "{count} rooms ask for help", waiting)}</strong></span>` : nothing}</span>
    </div>`;
  }

  /** The way out of the room that one visits, or takes part in. */
  visit() {
    const { away, actions } = this.#page;
    const { seat, visited } = away;
    const room = seat ?? visited;
    if (!room) return nothing;
    const leave = () => (seat ? void actions.run("visit", () => this.#do({ type: "breakout.leave" })) : void this.go(null));
    return html`<div class="room-head" role="status">
      <div class="room-title"><h2>${seat ? t("You are in {room}", { room: roomTitle(room) }) : t("You are visiting {room}", { room: roomTitle(room) })}</h2>
        <p class="muted small">${seat ? nothing : t("You hear and see the group. They see that you are there, and do not hear you.")}</p></div>
      ${seat ? nothing : button({ label: t("Join the conversation"), icon: "microphone", isBusy: actions.isBusy("visit"), onClick: () => void actions.run("visit", () => this.#do({ type: "breakout.move", person_id: this.#page.ownId, room_id: room.id })) })}
      ${button({ label: t("Leave the room"), icon: "leave", look: "primary", isBusy: actions.isBusy("visit"), onClick: leave })}
      ${problem(actions, "visit")}
    </div>`;
  }

  view() {
    const { state } = this;
    this.composer.take(state);
    queueMicrotask(() => this.#refocus()); // drawn by then
    return html`<section class="rooms-page" aria-label=${t("Breakout rooms")}>
      <p class="rooms-back">${button({ label: t("Back to the desk"), icon: "desk", look: "plain", onClick: () => this.show(false) })}</p>
      ${state.phase === "running"
        ? html`${this.#running()}
            <details class="answered next-round"><summary>${this.#isGoingOn ? t("{round} is planned", { round: roundName(state.number + 1) }) : t("Prepare the next round")}</summary>${this.#composing()}</details>`
        : html`<div role="status">${state.phase === "over" && this.#isGoingOn ? html`<p class="notice attention">${icon("people")}<span>${t("{round} is ready. Open it when you like.", { round: roundName(state.number + 1) })}</span></p>` : nothing}</div>
            ${this.#composing()}`}
    </section>`;
  }

  /** What was planned before this page was opened is judged once, and what is left when a round was opened or has closed: others may have met. */
  #judgeOnce() {
    const { composer } = this;
    const { number, phase } = this.state;
    const at = `${number} ${phase}`;
    if (this.#judgedAt === at || !composer.rooms.length) return;
    const isKnown = !this.#judgedAt && composer.report;
    this.#judgedAt = at;
    if (isKnown) return;
    this.#inTurn(() => this.#page.actions.run("compose", () => composer.judge()));
  }

  #composing() {
    this.#judgeOnce();
    const { nameOf, actions, phase } = this.#page;
    const { number } = this.state;
    const isSame = () => number === this.state.number; // nobody has opened the round meanwhile
    const run = (/** @type {() => Promise<unknown>} */ work, person = "") => this.#inTurn(async () => isSame() && actions.run("compose", work), person);
    return composerView({
      ...{ composer: this.composer, next: number + 1, isLive: phase === "live" && this.state.phase !== "running", picked: this.#picked, nameOf, actions, run },
      ...{ asked: this.state.topics, choices: Object.keys(this.state.topic_choices).length, willing: this.state.willing.length },
      ask: (on) => void actions.run("ask-topics", () => this.#do({ type: "breakouts.ask_topics", topics: on ? [...this.composer.plan.topics] : [] })),
      pick: (person) => this.#pick(person),
      open: () => void this.#open(),
      discard: () => void this.#discard(),
      takeFile: (file) => run(() => this.#takeFile(file)),
    });
  }

  #running() {
    const { nameOf, actions, clock, zone, connection, ownId, maySpeak } = this.#page;
    const { state } = this;
    const run = (/** @type {string} */ key, /** @type {Command} */ command) => void actions.run(key, () => this.#do(command));
    const inTurn = (/** @type {Command} */ command, person = "") => this.#inTurn(() => actions.run("move", () => this.#do(command)), person);
    return runningView({
      ...{ state, life: connection.signals(this.stream), now: clock.now(), zone, picked: this.#picked, text: this.#text, visited: this.#page.away.visited?.id ?? "", nameOf, actions, maySpeak },
      ...{ isSpeaking: state.speaking === ownId, aboutOf: (/** @type {string} */ id) => this.composer.people[id]?.about ?? "" },
      pick: (person) => this.#pick(person),
      write: (text) => this.#write(text),
      tell: () => void this.#tell(),
      speak: (on) => void actions.run("speak", () => this.#speak(on)),
      extend: (minutes, room) => run(room ? `extend-${room.id}` : "extend", { type: "breakouts.extend", minutes, room_id: room?.id ?? "" }),
      close: (atOnce) => void this.#close(atOnce),
      move: (person, to) => inTurn({ type: "breakout.move", person_id: person, room_id: to }, person),
      step: (person, by) => this.#inTurn(() => this.#step(person, by), person),
      exchange: (one, other) => inTurn({ type: "breakout.exchange", person_id: one, other_id: other }, one),
      appoint: (room, person) => inTurn({ type: "breakout.appoint", room_id: room.id, person_id: person }),
      bar: (person) => void this.#bar(person),
      unbar: (person) => run(`bar-${person}`, { type: "breakout.unbar", person_id: person }),
      visit: (room) => void this.go(room),
      answer: (room) => run(`help-${room.id}`, { type: "breakout.answer_help", room_id: room.id }),
    });
  }

  /** To the room beside the one in which somebody sits by now. @param {string} person @param {number} by */
  async #step(person, by) {
    const to = beside(openRooms(this.state), person, by);
    if (to) await this.#page.actions.run("move", () => this.#do({ type: "breakout.move", person_id: person, room_id: to }));
  }

  /** One change after the other, however fast the hands are. @param {() => Promise<unknown>} work @param {string} [person] whom it moves */
  #inTurn(work, person = "") {
    const settle = this.#moves(person);
    this.#turn = this.#turn.then(work).finally(settle);
  }

  /** Somebody is about to be drawn elsewhere; the function that is returned is called when that is done. @param {string} person "": nobody */
  #moves(person) {
    if (!person) return () => {};
    this.#last = person;
    this.#changing += 1;
    return () => void setTimeout(() => (this.#changing -= 1), SETTLED_MS);
  }

  /** Who is moved is drawn elsewhere, and what had the focus is gone: the focus goes along, unless it is somewhere else by then. */
  #refocus() {
    if (this.#changing && document.activeElement === document.body) focusOn(this.#last);
  }

  /** @param {string} person "": nobody; who was picked keeps the focus */
  #pick(person) {
    const settle = this.#moves(person || this.#picked); // their tools go, and what had the focus in them
    this.#picked = person;
    this.#page.refresh();
    settle();
  }

  /** @param {string} text */
  #write(text) {
    this.#text = text;
    this.#page.refresh();
  }

  async #tell() {
    const text = this.#text;
    if (!text.trim()) return;
    const told = await this.#page.actions.run("tell", () => this.#do({ type: "breakouts.tell", text }));
    if (told && this.#text === text) this.#write("");
  }

  /** By the stage, which everybody hears wherever they are. @param {boolean} on */
  async #speak(on) {
    const { speaker } = this.#page;
    if (!on) return void (await Promise.all([speaker.speakToAll(on), this.#do({ type: "breakouts.speak", on })])); // silent at once, without a network too
    await speaker.speakToAll(on);
    try {
      await this.#do({ type: "breakouts.speak", on });
    } catch (error) {
      await speaker.speakToAll(false); // nobody is left with an open microphone
      throw error;
    }
  }

  async #open() {
    const { actions } = this.#page;
    const { reports, plan } = this.composer;
    if (!(await confirm({ title: t("Open the rooms?"), points: reports[0]?.not_met, text: openingWords(plan), action: t("Open the rooms") }))) return;
    const opened = await actions.run("open-rooms", async () => {
      await this.#turn; // whoever is being moved sits there by then
      await this.composer.save();
      await this.#do({ type: "breakouts.open" });
    });
    if (opened) this.#picked = "";
  }

  async #discard() {
    const text = this.composer.rounds.length > 1 ? t("The groups of all these rounds are deleted. Your wishes are kept.") : t("These groups are deleted. Your wishes are kept.");
    if (!(await confirm({ title: t("Discard the groups?"), text, action: t("Discard the groups"), isDangerous: true }))) return;
    await this.#page.actions.run("discard-rooms", () => this.#do({ type: "breakouts.discard" }));
  }

  /** @param {boolean} atOnce */
  async #close(atOnce) {
    const text = t("Everybody is taken back to the plenary immediately, even in the middle of a sentence.");
    if (atOnce && !(await confirm({ title: t("Close all rooms now?"), text, action: t("Close now"), isDangerous: true }))) return;
    await this.#page.actions.run("close-rooms", () => this.#do({ type: "breakouts.close", at_once: atOnce }));
  }

  /** @param {string} person */
  async #bar(person) {
    const name = this.#page.nameOf(person);
    const text = t("They are taken back to the plenary, and can enter no room until you let them in again.");
    if (!(await confirm({ title: t("Keep {name} out of all rooms?", { name }), text, action: t("Keep out"), isDangerous: true }))) return;
    this.#inTurn(() => this.#page.actions.run("move", () => this.#do({ type: "breakout.bar", person_id: person })));
  }

  /** Groups from a CSV file. Raises `Refusal`. @param {File} file */
  async #takeFile(file) {
    const response = await fetch(`/api/${this.stream}/list`, { method: "POST", headers: { "content-type": "text/csv" }, body: await file.text() });
    const answer = await response.json().catch(() => ({}));
    if (!response.ok) throw new Refusal(answer.code ?? "", answer.message ?? "");
    await this.composer.adopt(answer);
  }

  /** @param {Command} command */
  #do(command) {
    return this.#page.connection.do(this.stream, command);
  }
}
