/**
 * Breakout rooms on the page of a session: what only this page knows of them (what has been put away, what was told of the time), the
 * commands, and a word for what happens. Neighbours: `breakout-room.js` and `breakout-hall.js` draw; `live-page.js` has the rest.
 *
 * @import {BreakoutRoom, BreakoutsState} from "../../types/breakouts"
 * @import {Event as StreamEvent} from "../../types/messages"
 * @import {LivePage} from "./live-page.js"
 */

import { leftIn } from "../breakouts.js";
import { t } from "../i18n.js";
import { toast } from "../toast.js";
import { Warnings, mayChime, rememberChime } from "./breakout-clock.js";
import { hallHeadView, hallView, hasChoices, hasHall, ticked } from "./breakout-hall.js";
import { groupView, roomHeadView, toldView } from "./breakout-room.js";
import { roomTitle } from "./breakout-words.js";

/** In no room, and there is something to choose. */
const HALL = "hall";

export class BreakoutsOfPage {
  /** When the message was written that has been put away. */
  #understood = "";
  #warnings = new Warnings();
  /** Where one was when the page was last looked at; null: that is not known yet. @type {string | null} */
  #where = null;
  /** Why one is in the room, once it is known, and in which. */
  #why = { room: "", words: "" };
  #page;
  #arrived;
  #leaving;

  /**
   * @param {LivePage} page
   * @param {(isIn: boolean) => void} arrived called when one has come into a room, or there is one to choose; and back
   * @param {() => Promise<void>} leaving waited for before one goes out by oneself
   */
  constructor(page, arrived, leaving) {
    this.#page = page;
    this.#leaving = leaving;
    this.#arrived = arrived;
    page.connection.addEventListener("event", (event) => this.#heed(/** @type {CustomEvent<{stream: string, event: StreamEvent}>} */ (event).detail));
  }

  get stream() {
    return this.#page.away.stream;
  }

  /** @returns {BreakoutsState} */
  get state() {
    return this.#page.away.state;
  }

  /** The room that one sits in. @returns {BreakoutRoom | undefined} */
  get room() {
    return this.#page.away.seat;
  }

  get hasHall() {
    const { plan, phase } = this.#page;
    return !this.room && phase !== "ended" && hasHall(this.state, plan?.kind === "breakouts");
  }

  /** True if there is something to choose for somebody without a room. */
  get hasChoices() {
    return this.hasHall && hasChoices(this.state);
  }

  /** Notices where one is and how late it is; called at every look at the page. */
  look() {
    const { connection, clock } = this.#page;
    if (!connection.state(this.stream)) return;
    const { state, room } = this;
    this.#notice(room);
    this.#warnings.heed(room?.id ?? "", room ? leftIn(state, room, clock.now()) : null, mayChime(state.sound));
  }

  told() {
    const { zone, nameOf } = this.#page;
    return toldView({ state: this.state, zone, nameOf, understood: this.#understood, understand: () => this.#understand() });
  }

  head() {
    const { room } = this;
    return room && roomHeadView(this.#props(room));
  }

  group() {
    const { room } = this;
    return room && groupView(this.#props(room));
  }

  /** Over the stage, for whoever sits in no room. @param {boolean} isInFront the choices are what the panel shows @param {() => void} show brings them there */
  hallHead(isInFront, show) {
    return hallHeadView(this.#hallProps(show), isInFront);
  }

  /** The choices that are one's own. */
  hall() {
    return hallView(this.#hallProps(() => {}));
  }

  /** @param {() => void} show @returns {import("./breakout-hall.js").Props} */
  #hallProps(show) {
    const { ownId, clock, actions, connection } = this.#page;
    const run = (/** @type {string} */ key, /** @type {import("../../types/messages").Command} */ command) => void actions.run(key, () => this.#do(command));
    return {
      ...{ state: this.state, ownId, now: clock.now(), taken: connection.signals(this.stream).counts, wished: this.#wished, actions, show },
      choose: ({ id }) => run(`choose-${id}`, { type: "breakout.choose", room_id: id }),
      wish: (topic, on) => this.#tick(topic, on),
      offer: (on) => void actions.bring("offer", on, (isWilling) => this.#do({ type: "breakouts.offer", on: isWilling })),
      pair: (on) => run("pair", { type: "breakouts.pair", on }),
    };
  }

  /** @param {BreakoutRoom} room @returns {import("./breakout-room.js").Props} */
  #props(room) {
    const { ownId, zone, nameOf, clock, actions, isModerator } = this.#page;
    const { state } = this;
    return {
      ...{ state, room, ownId, isModerator, zone, nameOf, actions, left: leftIn(state, room, clock.now()), isSounding: mayChime(state.sound) },
      ...{ why: this.#why.room === room.id ? this.#why.words : "", understood: this.#understood },
      askHelp: (on) => void actions.run("help", () => this.#do({ type: on ? "breakout.ask_help" : "breakout.withdraw_help" })),
      leave: () =>
        void actions.run("leave-room", async () => {
          await this.#leaving();
          await this.#do({ type: "breakout.leave" });
        }),
      mute: (person) => void actions.run(`mute-${person}`, () => this.#do({ type: "breakout.mute", person_id: person })),
      sound: (on) => {
        rememberChime(on);
        this.#page.refresh();
      },
      understand: () => this.#understand(),
    };
  }

  /** Topics that were ticked and that the server does not know of yet. */
  get #wished() {
    return /** @type {string[] | undefined} */ (this.#page.actions.wished("wish")) ?? null;
  }

  /** @param {string} topic @param {boolean} on */
  #tick(topic, on) {
    const topics = ticked(this.#wished ?? this.state.topic_choices[this.#page.ownId] ?? [], topic, on);
    void this.#page.actions.bring("wish", topics, (chosen) => this.#do({ type: "breakouts.wish", topics: chosen }));
  }

  #understand() {
    this.#understood = this.state.news?.at ?? "";
    this.#page.refresh();
  }

  /** @param {import("../../types/messages").Command} command */
  #do(command) {
    return this.#page.connection.do(this.stream, command);
  }

  /** Says where one has come to, unless one has just opened the page. @param {BreakoutRoom | undefined} room */
  #notice(room) {
    const before = this.#where;
    this.#where = room?.id ?? (this.hasChoices ? HALL : "");
    if (this.#where === before) return;
    if (room) void this.#ask(room);
    if (this.#where || before) this.#arrived(Boolean(this.#where));
    if (before === null) return;
    if (room) toast(t("You are in your group now: {room}.", { room: roomTitle(room) }), { tone: "good" });
    else if (before && before !== HALL) toast(t("You are back in the plenary."), { tone: "good" });
  }

  /** Why one is in this room. Without an answer nothing is said. @param {BreakoutRoom} room */
  async #ask({ id }) {
    try {
      const response = await fetch(`/api/${this.stream}/why`);
      const { words = "" } = response.ok ? await response.json() : {};
      if (this.room?.id !== id) return; // moved on meanwhile
      this.#why = { room: id, words };
      this.#page.refresh();
    } catch {
      // as said
    }
  }

  /** @param {{stream: string, event: StreamEvent}} detail */
  #heed({ stream, event }) {
    if (stream !== this.stream) return;
    if (event.type === "breakout.help_answered" && event.room.id === this.room?.id && !event.room.people.includes(event.person_id)) {
      toast(t("{name} is coming to your room.", { name: this.#page.nameOf(event.person_id) }), { tone: "good" });
    }
  }
}
