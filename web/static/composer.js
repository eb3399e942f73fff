/**
 * The groups that a moderator prepares: the plan, the rooms that came of it, what hands have changed, and what the server says of it
 * all. There may be several rounds, of which one is looked at; 0 is the next. The server's state is what counts: every change is sent as
 * the whole draft, and what is shown meanwhile is one's own. No DOM access. Neighbours: `breakout-draft.js`, which changes rooms; `views/composer.js`, which draws.
 *
 * @import {BreakoutPlan, BreakoutsDraft, BreakoutsState, DraftRoom, DraftRound} from "../types/breakouts"
 */

import { exchanged, held, moved } from "./breakout-draft.js";
import { Refusal } from "./commands.js";

/** A larger draft does not go by the WebSocket (`commands.js`). */
const MOST_CHARACTERS = 12_000;
/** So many steps can be taken back. */
const MOST_UNDONE = 50;

/** @type {BreakoutPlan} */
export const FIRST_PLAN = {
  ...{ way: "composed", minutes: 20, count: 0, per_room: 6, capacity: 12, rounds: 1, topics: [], together: [], apart: [], left_out: [], seed: 1 },
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
 * @typedef {{save: (draft: BreakoutsDraft & {after: number}) => Promise<unknown>, changed: () => void, fetch?: typeof fetch}} Edge
 */

export class Composer {
  /** What is written and not yet composed by. @type {BreakoutPlan} */
  plan = FIRST_PLAN;
  /** On each round. @type {readonly GroupsReport[]} */
  reports = [];
  /** Everybody whom a report was about. @type {GroupsReport["people"]} */
  people = {};
  /** The plan as it was last taken over. */
  #taken = FIRST_PLAN;
  /** What the server holds. @type {BreakoutsDraft | null} */
  #draft = null;
  /** So many rounds have been opened. */
  #opened = 0;
  #at = 0;
  /** What is being saved, or was and is not in the server's state as this page knows it. @type {readonly DraftRound[] | null} */
  #own = null;
  #isSaved = false;
  /** @type {readonly (readonly DraftRound[])[]} */
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
  take({ draft, number }) {
    const isNext = number !== this.#opened; // a round was opened, and the draft is that of the next
    if (draft && (this.plan === this.#taken || isSame(this.plan, draft.plan))) this.plan = this.#taken = draft.plan;
    else if (draft && (isNext || this.plan.left_out === this.#taken.left_out)) {
      const { left_out, rounds } = draft.plan;
      const known = isNext ? { left_out, rounds } : { left_out };
      this.plan = { ...this.plan, ...known };
      this.#taken = { ...this.#taken, ...known };
    }
    if (isNext || (!draft && this.#draft)) this.#forget();
    this.#opened = number;
    if (draft !== this.#draft && this.#isSaved) this.#own = null;
    this.#draft = draft;
  }

  /** @returns {readonly DraftRound[]} */
  get rounds() {
    const { rooms = [], later = [] } = this.#draft ?? {};
    return this.#own ?? [{ rooms, left_out: this.plan.left_out, by_hand: false }, ...later];
  }

  /** The round that is looked at. */
  get at() {
    return Math.min(this.#at, this.rounds.length - 1);
  }

  /** @param {number} at */
  look(at) {
    this.#at = at;
    this.#edge.changed();
  }

  get #round() {
    return /** @type {DraftRound} */ (this.rounds[this.at]);
  }

  /** @returns {DraftRoom[]} */
  get rooms() {
    return this.#round.rooms;
  }

  get leftOut() {
    return this.#round.left_out;
  }

  get report() {
    return this.reports[this.at] ?? null;
  }

  /** Everybody who could sit in a room. */
  get considered() {
    return Object.keys({ ...this.reports[0]?.people, ...this.report?.people });
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

  /**
   * Groups by the wishes: of a round, of those that are wished for and not there yet, and of later ones that hands have not changed. What is
   * locked or held stays. Raises `Refusal`. @param {{another?: boolean, at?: number}} [how]
   */
  async compose({ another = false, at = this.at } = {}) {
    if (another) this.change({ seed: this.plan.seed + 1 });
    const opened = this.#opened;
    const answer = await this.#ask("compose", { ...draftOf(this.plan, this.rounds), at });
    if (opened === this.#opened) await this.adopt(answer);
  }

  /** Takes over groups that the server has made, with what they are worth. @param {{rooms: DraftRoom[], report: GroupsReport, later?: DraftRound[], reports?: GroupsReport[]}} answer */
  async adopt({ rooms, report, later = [], reports = [] }) {
    this.#heed([report, ...reports]);
    await this.#keep([{ rooms, left_out: this.plan.left_out, by_hand: false }, ...later]);
  }

  /** Rooms as hands make them; what they are worth is asked afterwards. Raises `Refusal`. @param {(rooms: DraftRoom[]) => DraftRoom[]} work @param {number} [at] which round's */
  async alter(work, at = this.at) {
    await this.#change(at, work);
    await this.judge();
  }

  /** Into a room, or out of all: who is left out by hand is not placed again, nor as a late arrival. @param {string} person @param {string} to "": out @param {number} [at] */
  async move(person, to, at = this.at) {
    const others = (/** @type {readonly string[]} */ ids) => ids.filter((id) => id !== person);
    await this.#change(at, (rooms) => moved(rooms, person, to), (ids) => (to ? others(ids) : [...others(ids), person]));
    await this.judge();
  }

  /** Who was left out may be placed again. @param {readonly string[]} people @param {number} [at] */
  async letIn(people, at = this.at) {
    const others = (/** @type {string[]} */ ids) => ids.filter((id) => !people.includes(id));
    if (!this.rounds.some(({ rooms }) => rooms.length)) return this.change({ left_out: others(this.plan.left_out) }); // nothing is planned that it would change
    await this.#change(at, (rooms) => rooms, others);
    await this.judge();
  }

  /** @param {string} one @param {string} other @param {number} [at] */
  exchange(one, other, at = this.at) {
    return this.alter((rooms) => exchanged(rooms, one, other), at);
  }

  /** Keeps somebody where they are, or lets them go. @param {string} person @param {number} [at] */
  hold(person, at = this.at) {
    return this.#change(at, (rooms) => held(rooms, person));
  }

  async undo() {
    const before = this.#before.at(-1);
    if (!before) return;
    this.#before = this.#before.slice(0, -1);
    await this.#save(before);
    await this.judge();
  }

  /** Asks what the groups are worth as they are. The last question's answer is the one that counts. */
  async judge() {
    const question = ++this.#judged;
    const { report, reports = [] } = await this.#ask("judge", draftOf(this.plan, this.rounds));
    if (question === this.#judged) this.#heed([report, ...reports]);
    this.#edge.changed();
  }

  /** @param {number} at @param {(rooms: DraftRoom[]) => DraftRoom[]} work @param {(leftOut: string[]) => string[]} [out] */
  #change(at, work, out = (ids) => ids) {
    const changed = (/** @type {DraftRound} */ { rooms, left_out }) => ({ rooms: work(rooms), left_out: out(left_out), by_hand: true });
    return this.#keep(this.rounds.map((round, number) => (number === at ? changed(round) : round)));
  }

  /** @param {readonly DraftRound[]} rounds */
  #keep(rounds) {
    if (this.rounds.some(({ rooms }) => rooms.length)) this.#before = [...this.#before, this.rounds].slice(-MOST_UNDONE);
    return this.#save(rounds);
  }

  /** Nobody is left out who sits in a room. @param {readonly DraftRound[]} rounds */
  async #save(rounds) {
    const mine = ++this.#saves;
    const own = rounds.map(seatedAreIn);
    const before = this.#draft;
    this.#own = own;
    this.#isSaved = false;
    const left_out = own[0]?.left_out ?? [];
    if (left_out.join() !== this.plan.left_out.join()) this.change({ left_out });
    this.#edge.changed();
    try {
      const draft = { ...draftOf(this.plan, own), after: this.#opened }; // refused if another moderator opens a round meanwhile
      await (JSON.stringify(draft).length > MOST_CHARACTERS ? this.#ask("plan", draft) : this.#edge.save(draft));
      if (mine === this.#saves && this.#draft !== before) this.#own = null;
      else if (mine === this.#saves) this.#isSaved = true;
    } catch (error) {
      if (mine === this.#saves) this.#own = null;
      throw error;
    } finally {
      this.#edge.changed();
    }
  }

  /** Has the draft as it is with the server, wishes and all. Raises `Refusal`. */
  save() {
    return this.#save(this.rounds);
  }

  /** @param {GroupsReport[]} reports */
  #heed(reports) {
    this.reports = reports;
    this.people = Object.assign({ ...this.people }, ...reports.map(({ people }) => people));
  }

  /** Another draft begins. */
  #forget() {
    this.reports = [];
    this.#before = [];
    this.#at = 0;
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

/** As it is sent. @param {BreakoutPlan} plan @param {readonly DraftRound[]} rounds @returns {BreakoutsDraft} */
function draftOf(plan, [first, ...later]) {
  return { plan, rooms: first?.rooms ?? [], later };
}

/** @param {DraftRound} round @returns {DraftRound} */
function seatedAreIn(round) {
  const seated = new Set(round.rooms.flatMap(({ people }) => people));
  return { ...round, left_out: round.left_out.filter((id) => !seated.has(id)) };
}

/** @param {BreakoutPlan} one @param {BreakoutPlan} other */
function isSame(one, other) {
  return /** @type {(keyof BreakoutPlan)[]} */ (Object.keys(other)).every((key) => JSON.stringify(one[key]) === JSON.stringify(other[key]));
}
