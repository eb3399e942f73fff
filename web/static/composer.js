/**
 * The groups that a moderator prepares: the plan, the rooms that came of it, what hands have changed, and what the server says of it
 * all. The server's state is what counts: every change is sent as the whole draft, and what is shown meanwhile is one's own. No DOM
 * access. Neighbours: `breakout-draft.js`, which changes rooms; `views/composer.js`, which draws.
 *
 * @import {BreakoutPlan, BreakoutsDraft, BreakoutsState, DraftRoom} from "../types/breakouts"
 */

import { exchanged, held, moved } from "./breakout-draft.js";
import { Refusal } from "./commands.js";

/** A larger draft does not go by the WebSocket (`commands.js`). */
const MOST_CHARACTERS = 12_000;
/** So many steps can be taken back. */
const MOST_UNDONE = 50;

/** @type {BreakoutPlan} */
export const FIRST_PLAN = {
  ...{ way: "composed", minutes: 20, count: 0, per_room: 6, capacity: 12, topics: [], together: [], apart: [], left_out: [], seed: 1 },
  ...{ places_late: true, pairs: false, sound: false },
  wishes: [
    { rule: "never_met", strength: "must", weight: 1 },
    { rule: "county", strength: "wish", weight: 1 },
  ],
};

/**
 * @typedef {import("../types/grouping").Rule} Rule
 * @typedef {{overall: number, rules: Partial<Record<Rule, number>>, rooms: Partial<Record<Rule, number>>[], not_met: string[],
 *   people: Record<string, {name: string, about: string}>}} GroupsReport what groups are worth: each wish's score (0..1) in all and by room, what is
 *   not met in words, and who everybody is
 * @typedef {{save: (draft: BreakoutsDraft) => Promise<unknown>, changed: () => void, fetch?: typeof fetch}} Edge
 */

export class Composer {
  /** What is written and not yet composed by. @type {BreakoutPlan} */
  plan = FIRST_PLAN;
  /** @type {GroupsReport | null} */
  report = null;
  /** Everybody whom a report was about. @type {GroupsReport["people"]} */
  people = {};
  /** The plan as it was last taken over. */
  #taken = FIRST_PLAN;
  /** What the server holds. @type {BreakoutsDraft | null} */
  #draft = null;
  /** What is being saved. @type {DraftRoom[] | null} */
  #own = null;
  /** @type {readonly {rooms: DraftRoom[], leftOut: string[]}[]} */
  #before = [];
  #saves = 0;
  #judged = 0;
  #edge;
  #url;

  /** @param {string} sessionId @param {Edge} edge */
  constructor(sessionId, edge) {
    this.#url = `/api/breakouts/${encodeURIComponent(sessionId)}`;
    this.#edge = edge;
  }

  /**
   * What the server holds, another moderator's plan too; what has been changed here and not composed by yet stays. But who is left out is a
   * matter of the groups: that another moderator left somebody out is not undone by wishes that are still being written here.
   * @param {BreakoutsState} state
   */
  take({ draft }) {
    if (draft && (this.plan === this.#taken || isSame(this.plan, draft.plan))) this.plan = this.#taken = draft.plan;
    else if (draft && this.plan.left_out === this.#taken.left_out) {
      const { left_out } = draft.plan;
      this.plan = { ...this.plan, left_out };
      this.#taken = { ...this.#taken, left_out };
    }
    if (!draft && this.#draft) this.#forget();
    this.#draft = draft;
  }

  /** @returns {DraftRoom[]} */
  get rooms() {
    return this.#own ?? this.#draft?.rooms ?? [];
  }

  /** Something has been planned, if only that there are no rooms yet. */
  get isPlanned() {
    return Boolean(this.#own ?? this.#draft);
  }

  get canUndo() {
    return this.#before.length > 0;
  }

  /** @param {Partial<BreakoutPlan>} changes */
  change(changes) {
    this.plan = { ...this.plan, ...changes };
    this.#edge.changed();
  }

  /** Groups by the wishes; what is locked or held stays. Raises `Refusal`. @param {{another?: boolean}} [how] */
  async compose({ another = false } = {}) {
    if (another) this.change({ seed: this.plan.seed + 1 });
    await this.adopt(await this.#ask("compose", { plan: this.plan, rooms: this.rooms }));
  }

  /** Takes over groups that the server has made, with what they are worth. @param {{rooms: DraftRoom[], report: GroupsReport}} answer */
  async adopt({ rooms, report }) {
    this.#heed(report);
    await this.#keep(rooms);
  }

  /** Rooms as hands have made them; what they are worth is asked afterwards. Raises `Refusal`. @param {DraftRoom[]} rooms @param {string[]} [leftOut] */
  async set(rooms, leftOut) {
    await this.#keep(rooms, leftOut);
    await this.judge();
  }

  /** Into a room, or out of all: who is left out by hand is not placed again, nor as a late arrival. @param {string} person @param {string} to "": out */
  move(person, to) {
    const others = this.plan.left_out.filter((id) => id !== person);
    return this.set(moved(this.rooms, person, to), to ? others : [...others, person]);
  }

  /** Who was left out may be placed again. @param {string[]} people */
  async letIn(...people) {
    const leftOut = this.plan.left_out.filter((id) => !people.includes(id));
    if (this.rooms.length) await this.set(this.rooms, leftOut);
    else this.change({ left_out: leftOut }); // nothing is planned that it would change
  }

  /** @param {string} one @param {string} other */
  exchange(one, other) {
    return this.set(exchanged(this.rooms, one, other));
  }

  /** Keeps somebody where they are, or lets them go. @param {string} person */
  hold(person) {
    return this.#keep(held(this.rooms, person));
  }

  async undo() {
    const before = this.#before.at(-1);
    if (!before) return;
    this.#before = this.#before.slice(0, -1);
    await this.#save([...before.rooms], before.leftOut);
    await this.judge();
  }

  /** Asks what the groups are worth as they are. The last question's answer is the one that counts. */
  async judge() {
    const question = ++this.#judged;
    const { report } = await this.#ask("judge", { plan: this.plan, rooms: this.rooms });
    if (question === this.#judged) this.#heed(report);
    this.#edge.changed();
  }

  /** @param {DraftRoom[]} rooms @param {string[]} [leftOut] */
  #keep(rooms, leftOut) {
    if (this.rooms.length) this.#before = [...this.#before, { rooms: this.rooms, leftOut: this.plan.left_out }].slice(-MOST_UNDONE);
    return this.#save(rooms, leftOut);
  }

  /** Nobody is left out who sits in a room. @param {DraftRoom[]} rooms @param {string[]} [leftOut] */
  async #save(rooms, leftOut = this.plan.left_out) {
    const mine = ++this.#saves;
    this.#own = rooms;
    const seated = new Set(rooms.flatMap(({ people }) => people));
    const left_out = leftOut.filter((id) => !seated.has(id));
    if (left_out.join() !== this.plan.left_out.join()) this.change({ left_out });
    this.#edge.changed();
    try {
      const draft = { plan: this.plan, rooms };
      await (JSON.stringify(draft).length > MOST_CHARACTERS ? this.#ask("plan", draft) : this.#edge.save(draft));
    } finally {
      if (mine === this.#saves) this.#own = null;
      this.#edge.changed();
    }
  }

  /** Has the draft as it is with the server, wishes and all. Raises `Refusal`. */
  save() {
    return this.#save(this.rooms);
  }

  /** @param {GroupsReport} report */
  #heed(report) {
    this.report = report;
    this.people = { ...this.people, ...report.people };
  }

  /** Another draft begins. */
  #forget() {
    this.report = null;
    this.#before = [];
  }

  /** @param {string} what @param {object} body @returns {Promise<any>} */
  async #ask(what, body) {
    const headers = { "content-type": "application/json" };
    const response = await (this.#edge.fetch ?? fetch)(`${this.#url}/${what}`, { method: "POST", headers, body: JSON.stringify(body) });
    const answer = await response.json().catch(() => ({})); // a proxy's error page
    if (!response.ok) throw new Refusal(answer.code ?? "", answer.message ?? "");
    return answer;
  }
}

/** @param {BreakoutPlan} one @param {BreakoutPlan} other */
function isSame(one, other) {
  return /** @type {(keyof BreakoutPlan)[]} */ (Object.keys(other)).every((key) => JSON.stringify(one[key]) === JSON.stringify(other[key]));
}
