/**
 * Where a moderator prepares breakout rooms: wishes on one side, the groups that came of them on the other, with what each rule
 * scores and what could not be met. Pure functions of the page's model. Neighbours: `composer-wishes.js`, `breakout-board.js`,
 * `../composer.js`, which holds the draft.
 */

import { html, nothing } from "lit";
import { changed, idOf, unplaced, withAnother } from "../breakout-draft.js";
import { n, percent, t } from "../i18n.js";
import { beside, boardView } from "./breakout-board.js";
import { roomName, roundName, ruleWord } from "./breakout-words.js";
import { MOST_IN_A_ROOM, hasWishes, wishesView } from "./composer-wishes.js";
import { badge, button, empty, icon, problem, tabs } from "./parts.js";

/**
 * @typedef {import("../../types/breakouts").DraftRoom & {id: string, number: number}} DraftRoom
 * @typedef {import("../composer.js").GroupsReport} GroupsReport
 * @typedef {import("../../types/grouping").Rule} Rule
 * @typedef {import("../composer.js").Composer} Composer
 * @typedef {{composer: Composer, isLive: boolean, next: number, picked: string, nameOf: (id: string) => string, actions: import("./actions.js").Actions,
 *   asked: readonly string[], choices: number, willing: number, ask: (on: boolean) => void, pick: (person: string) => void, open: () => void, discard: () => void, run: (work: () => Promise<unknown>, person?: string) => void, takeFile: (file: File) => void}} Props
 *   `next`: the number of the round that is opened next; `run` does something with the draft, once at a time, and says what was refused
 */

/** Scores of a group at or over this are shown as good, and under it as poor. */
const GOOD = 0.8;
const POOR = 0.5;

/** @param {Props} props */
export function composerView(props) {
  const { composer, nameOf } = props;
  const people = Object.keys(composer.people);
  return html`<div class="composer">
    <section class="composer-wishes" aria-labelledby="wishes-title">
      <h2 id="wishes-title">${t("Prepare breakout rooms")}</h2>
      ${wishesView({ plan: composer.plan, people, nameOf: (id) => personName(composer, nameOf, id), change: (step) => composer.change(step(composer.plan)), asked: props.asked, choices: props.choices, willing: props.willing, actions: props.actions, ask: props.ask })} ${composeView(props)}
    </section>
    <section class="composer-rooms" aria-labelledby="rooms-title">
      <h2 id="rooms-title" class="visually-hidden">${t("The groups")}</h2>
      ${composer.isPlanned ? roundsView(props) : emptyView(props)}
    </section>
  </div>`;
}

/** One, or a tab for each. @param {Props} props */
function roundsView(props) {
  const { composer, next } = props;
  const { rounds, at, report } = composer;
  const shown = html`${reportView(report)} ${roomsView(props)}`;
  if (rounds.length === 1) return shown;
  const all = rounds.map((_, place) => {
    const count = composer.reports[place]?.not_met.length ?? 0;
    return { id: `round-${place + 1}`, label: roundName(next + place), count, isNew: count > 0, note: n("{count} requirement cannot be met:", "{count} requirements cannot be met:", count) };
  });
  return html`${tabs({ label: t("Rounds"), tabs: all, chosen: `round-${at + 1}`, choose: (id) => composer.look(Number(id.slice("round-".length)) - 1), controls: "round-panel" })}
    <div role="tabpanel" id="round-panel" class="stack" aria-labelledby=${`tab-round-${at + 1}`}>
      ${at && rounds[at]?.by_hand ? html`<p class="muted small">${t("Changed by hand: this round stays as it is when an earlier one is composed again.")}</p>` : nothing} ${shown}
    </div>`;
}

/** @param {Props} props */
function composeView({ composer, nameOf, actions, next, run, takeFile }) {
  const { plan, rooms, rounds, at } = composer;
  const isBusy = actions.isBusy("compose");
  const hasLocks = rooms.some(({ locked, fixed }) => locked || fixed.length);
  if (plan.way === "list") {
    return html`<label class="field"><span class="field-label">${t("CSV file")}</span>
        <input class="input" type="file" accept=".csv,text/csv" @change=${(/** @type {Event} */ event) => heedFile(event, takeFile)} />
        <span class="field-help">${t("A column for the room, and one for e-mail or name. Further columns are left alone.")}</span></label>
      ${problem(actions, "compose")}`;
  }
  const label = rooms.length ? (hasLocks ? t("Compose the rest again") : t("Compose again")) : composeWord(plan.way);
  const isMissing = rooms.length && hasWishes(plan.way) && plan.rounds > rounds.length;
  return html`<div class="actions">
      ${button({ label, icon: "people", look: "primary large", isBusy, onClick: () => run(() => composer.compose({ at })) })}
      ${rooms.length && (hasWishes(plan.way) || plan.way === "drawn") ? button({ label: t("Another try"), isBusy, onClick: () => run(() => composer.compose({ another: true, at })) }) : nothing}
      ${isMissing ? button({ label: t("Compose only the added rounds"), isBusy, onClick: () => run(() => composer.compose({ at: composer.rounds.length })) }) : nothing}
    </div>
    ${rounds.length > 1 ? html`<p class="field-help">${againWords(next + at, at, rounds.length)}</p>` : nothing}
    ${leftOutView(composer, nameOf, run)} ${problem(actions, "compose")}`;
}

/** Whom a moderator left out stays so in the next round, too, until they are let in. @param {Composer} composer @param {(id: string) => string} nameOf @param {Props["run"]} run */
function leftOutView(composer, nameOf, run) {
  const { leftOut, at } = composer;
  if (!leftOut.length) return nothing;
  const names = leftOut.map((id) => personName(composer, nameOf, id)).join(", ");
  return html`<div class="left-out">
    <p class="muted small">${t("Left out, until you include them: {names}", { names })}</p>
    ${button({ label: t("Include them"), look: "plain", onClick: () => run(() => composer.letIn(composer.rounds[at]?.left_out ?? [], at)) })}
  </div>`;
}

/** What composing again changes. @param {number} round @param {number} at @param {number} count */
function againWords(round, at, count) {
  const words = t("Composes {round} again.", { round: roundName(round) });
  return at < count - 1 ? `${words} ${t("Later rounds follow, but for those that were changed by hand.")}` : words;
}

/** @param {import("../../types/breakouts").BreakoutWay} way @returns {string} */
function composeWord(way) {
  if (way === "chosen" || way === "tables") return t("Set up the rooms");
  if (way === "drawn") return t("Draw the groups");
  return way === "pairs" ? t("Prepare") : t("Compose the groups");
}

/** @param {Event} event @param {(file: File) => void} take */
function heedFile(event, take) {
  const input = /** @type {HTMLInputElement} */ (event.target);
  const file = input.files?.[0];
  if (file) take(file);
  input.value = ""; // the same file, mended, can be chosen again
}

/** @param {Props} props */
function emptyView({ composer }) {
  const text = hasWishes(composer.plan.way) ? t("Choose how to make the groups, and compose them. Nobody sees them until you open the rooms.") : t("Nobody sees the rooms until you open them.");
  return empty({ icon: "people", title: t("No rooms yet"), text });
}

/** @param {GroupsReport | null} report */
function reportView(report) {
  if (!report) return nothing;
  const rules = /** @type {[Rule, number][]} */ (Object.entries(report.rules));
  return html`<div class="report" role="status">
    ${report.not_met.length
      ? html`<div class="notice attention">${icon("warning")}
          <div><p><strong>${n("{count} requirement cannot be met:", "{count} requirements cannot be met:", report.not_met.length)}</strong></p>
            <ul>${report.not_met.map((sentence) => html`<li>${sentence}</li>`)}</ul></div></div>`
      : html`<p class="notice good">${icon("check")}<span>${t("All requirements are met.")}</span></p>`}
    ${rules.length
      ? html`<details class="answered"><summary>${t("How well the wishes are met: {share}", { share: percent(report.overall) })}</summary>
          <ul class="bars" role="list">${rules.map(([rule, score]) => scoreView(rule, score))}</ul></details>`
      : nothing}
  </div>`;
}

/** @param {Rule} rule @param {number} score 0..1 */
function scoreView(rule, score) {
  return html`<li class="bar"><span class="bar-label">${ruleWord(rule)}</span><span class="bar-value">${percent(score)}</span><progress max="1" .value=${score} aria-hidden="true"></progress></li>`;
}

/** @param {Props} props */
function roomsView(props) {
  const { composer, actions, isLive, next, picked, pick, open, discard, run, nameOf } = props;
  const { report, at, rounds } = composer;
  const rooms = composer.rooms.map((room, place) => ({ ...room, id: idOf(place), number: place + 1 }));
  const name = (/** @type {string} */ id) => personName(composer, nameOf, id);
  const isForAll = composer.plan.way === "composed" || composer.plan.way === "topics" || composer.plan.way === "drawn";
  const without = unplaced(composer.rooms, isForAll ? composer.considered : composer.leftOut);
  const isBusy = actions.isBusy("compose");
  return html`<div class="cluster apart">
      <p class="muted small">${t("Drag people, or press a name. Alt and an arrow key move to the room beside.")}</p>
      <div class="cluster">
        ${button({ label: t("Undo"), look: "plain", isDisabled: !composer.canUndo, isBusy, onClick: () => run(() => composer.undo()) })}
        ${button({ label: t("Another room"), icon: "plus", isBusy, onClick: () => run(() => composer.alter((all) => withAnother(all, composer.plan.capacity), at)) })}
      </div>
    </div>
    ${boardView({
      ...{ rooms, picked, pick, without, nameOf: name },
      withoutTitle: t("Without a room"),
      aboutOf: (id) => composer.people[id]?.about ?? "",
      move: (person, to) => run(() => composer.move(person, to, at), person),
      step: (person, by) => run(() => stepped(composer, person, by, at), person),
      exchange: (one, other) => run(() => composer.exchange(one, other, at), one),
      head: (room) => cardHeadView(/** @type {DraftRoom} */ (room), props),
      foot: (room) => cardScoresView(/** @type {DraftRoom} */ (room), report),
      marks: (id, room) => marksView(id, room, composer),
      tools: (id, room) => toolsView(id, room, props),
    })}
    <div class="actions composer-open">
      ${at ? nothing : button({ label: rounds.length > 1 ? t("Open {round}…", { round: roundName(next) }) : t("Open the rooms…"), icon: "arrow-right", look: "primary large", isDisabled: !isLive, isBusy: actions.isBusy("open-rooms"), onClick: open })}
      ${button({ label: t("Discard the groups"), icon: "trash", look: "plain", isBusy: actions.isBusy("discard-rooms"), onClick: discard })}
      ${at ? html`<p class="muted small">${t("{round} can be opened once {earlier} is over.", { round: roundName(next + at), earlier: roundName(next + at - 1) })}</p>` : isLive ? nothing : html`<p class="muted small">${t("Rooms can be opened when the session is live.")}</p>`}
    </div>
    ${problem(actions, "open-rooms")} ${problem(actions, "discard-rooms")}`;
}

/** Somebody goes to the room beside theirs. @param {Composer} composer @param {string} person @param {number} by @param {number} at which round's */
async function stepped(composer, person, by, at) {
  const rooms = composer.rounds[at]?.rooms ?? [];
  const to = beside(rooms.map((room, place) => ({ ...room, id: idOf(place) })), person, by);
  if (to) await composer.move(person, to, at);
}

/** @param {DraftRoom} room @param {Props} props */
function cardHeadView(room, { composer, run }) {
  const { at } = composer;
  const set = (/** @type {Partial<DraftRoom>} */ changes) => run(() => composer.alter((all) => changed(all, room.id, changes), at));
  const value = (/** @type {Event} */ event) => /** @type {HTMLInputElement} */ (event.target).value.trim();
  return html`<details class="answered card-more">
    <summary aria-label=${t("Name and seats of {room}", { room: roomName(room) })}>${t("Name and seats")}</summary>
    <label class="field"><span class="field-label small">${t("Name")}</span><input class="input" maxlength="80" placeholder=${roomName({ ...room, title: "" })} .value=${room.title} @change=${(/** @type {Event} */ event) => set({ title: value(event) })} /></label>
    <label class="field"><span class="field-label small">${t("Topic")}</span><input class="input" maxlength="80" .value=${room.topic} @change=${(/** @type {Event} */ event) => set({ topic: value(event) })} /></label>
    <label class="field"><span class="field-label small">${t("Seats")}</span><input class="input tabular" type="number" min="2" max=${MOST_IN_A_ROOM} .value=${String(room.capacity)} @change=${(/** @type {Event} */ event) => Number(value(event)) >= 2 && set({ capacity: Math.min(MOST_IN_A_ROOM, Number(value(event))) })} /></label>
    </details>
    <label class="check small"><input type="checkbox" .checked=${room.locked} @change=${(/** @type {Event} */ event) => set({ locked: /** @type {HTMLInputElement} */ (event.target).checked })} /><span>${t("Lock this room")}</span></label>`;
}

/** @param {DraftRoom} room @param {GroupsReport | null} report */
function cardScoresView(room, report) {
  const scores = /** @type {[Rule, number][]} */ (Object.entries(report?.rooms[room.number - 1] ?? {}));
  if (!scores.length) return nothing;
  return html`<ul class="scores" role="list">
    ${scores.map(([rule, score]) => html`<li class=${score >= GOOD ? "is-good" : score < POOR ? "is-poor" : ""}><span>${ruleWord(rule)}</span> <span class="tabular">${percent(score)}</span></li>`)}
  </ul>`;
}

/** @param {string} id @param {import("./breakout-board.js").Room | undefined} room @param {Composer} composer */
function marksView(id, room, composer) {
  const isFixed = composer.rooms.some(({ fixed }) => fixed.includes(id));
  return html`${room?.facilitator === id ? badge(t("Facilitates"), "good") : nothing}${isFixed ? html`<span class="seated-mark">${icon("lock")}<span class="visually-hidden">${t("Stays here")}</span></span>` : nothing}${composer.leftOut.includes(id) ? badge(t("Left out"), "planned") : nothing}`;
}

/** @param {string} id @param {import("./breakout-board.js").Room | undefined} room @param {Props} props */
function toolsView(id, room, { composer, run }) {
  const { at } = composer;
  const isOut = composer.leftOut.includes(id);
  if (!room) return button({ label: t("Left out"), isPressed: isOut, onClick: () => run(() => (isOut ? composer.letIn([id], at) : composer.move(id, "", at)), id) });
  const isLead = room.facilitator === id;
  return html`${button({ label: t("Stays here"), icon: "lock", isPressed: composer.rooms.some(({ fixed }) => fixed.includes(id)), onClick: () => run(() => composer.hold(id, at)) })}
    ${button({ label: t("Leave out"), onClick: () => run(() => composer.move(id, "", at), id) })}
    ${button({ label: t("Facilitates"), isPressed: isLead, onClick: () => run(() => composer.alter((all) => changed(all, room.id, { facilitator: isLead ? "" : id }), at)) })}`;
}

/** Before anybody has told their names over the socket, the composer's answer has them. @param {Composer} composer @param {(id: string) => string} nameOf @param {string} id */
function personName(composer, nameOf, id) {
  return composer.people[id]?.name ?? nameOf(id);
}
