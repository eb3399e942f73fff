/** What breakout rooms bring home: as the hall sees it and votes on it, and at the desk, where it is gathered and grouped. Pure functions. */

import { html, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { ALONE, OUT, byVotes, groupWords, leftOut } from "../harvest.js";
import { n, number, t } from "../i18n.js";
import { badge, button, empty, icon, problem } from "./parts.js";

/** Of `rooms/harvest.py`. */
const TITLE_CHARACTERS = 120;

/**
 * @typedef {import("../../types/messages").Harvest} Harvest
 * @typedef {import("../../types/messages").HarvestGroup} HarvestGroup
 * @typedef {import("../../types/messages").HarvestPoint} HarvestPoint
 * @typedef {import("../../types/messages").Question} Question
 * @typedef {{harvest: Harvest, questions: Record<string, Question>, votes: Record<string, number>, mine: import("../../types/messages").Mine, isLive: boolean,
 *   actions: import("./actions.js").Actions, vote: (question: Question, up: boolean) => void}} HallProps
 * @typedef {{harvest: Harvest | null, waiting: number, votes: Record<string, number>, isLive: boolean, roomOf: (id: string) => string,
 *   actions: import("./actions.js").Actions, gather: () => void, move: (point: string, goal: string) => void,
 *   name: (group: string, title: string) => void, show: () => void, vote: () => void}} DeskProps `waiting`: points that are not gathered yet
 */

/** @param {HallProps} props */
export function harvestView(props) {
  const { harvest, votes } = props;
  return html`<section class="harvest stack" aria-labelledby="harvest-title">
    <h2 class="kicker" id="harvest-title">${t("What the breakout rooms bring back")}</h2>
    <ol class="questions" role="list">
      ${repeat(byVotes(harvest, votes), ({ id }) => id, (group) => hallGroupView(group, props))}
    </ol>
  </section>`;
}

/** @param {HarvestGroup} group @param {HallProps} props */
function hallGroupView(group, { harvest, questions, votes, mine, isLive, actions, vote }) {
  const question = questions[group.question_id];
  const isUp = mine.votes.includes(group.question_id);
  const count = votes[group.question_id] ?? 0;
  const key = `vote-${group.question_id}`;
  return html`<li class="question">
    ${question
      ? html`<button
          type="button"
          class="vote"
          aria-pressed=${String(isUp)}
          aria-describedby=${`harvest-${group.id}`}
          aria-busy=${actions.isBusy(key) ? "true" : nothing}
          ?disabled=${!isLive || question.status !== "published"}
          @click=${() => vote(question, !isUp)}
        >
          ${icon("up")}<span class="vote-count tabular" aria-hidden="true">${number(count)}</span><span class="vote-word" aria-hidden="true">${isUp ? t("Voted") : t("Vote")}</span>
          <span class="visually-hidden">${n("Vote for this, {count} vote so far", "Vote for this, {count} votes so far", count)}</span>
        </button>`
      : nothing}
    <div class="question-body" id=${`harvest-${group.id}`}>
      ${group.title ? html`<p class="question-text"><strong>${group.title}</strong></p>` : nothing}
      ${group.points.length === 1 && !group.title ? html`<p class="question-text">${pointText(harvest, group.points[0])}</p>` : html`<ul>${group.points.map((id) => html`<li>${pointText(harvest, id)}</li>`)}</ul>`}
      ${problem(actions, key)}
    </div>
  </li>`;
}

/** @param {DeskProps} props */
export function deskHarvestView(props) {
  const { harvest, waiting, isLive, actions, gather, show, vote } = props;
  if (!harvest && !waiting) return empty({ icon: "people", title: t("No points yet"), text: t("When the breakout rooms have written their points, they are gathered here.") });
  const groups = harvest?.groups.filter(({ points }) => points.length) ?? [];
  const unasked = groups.filter(({ question_id }) => !question_id).length;
  return html`<section class="harvest stack" aria-labelledby="desk-harvest-title">
    <h2 class="kicker" id="desk-harvest-title">${t("What the breakout rooms bring back")}</h2>
    <div class="cluster">
      ${waiting ? button({ label: n("Gather {count} point", "Gather {count} points", waiting), icon: "check", look: "primary", isBusy: actions.isBusy("gather"), onClick: gather }) : nothing}
      ${groups.length && !harvest?.shown ? button({ label: t("Show to everybody"), icon: "screen", isBusy: actions.isBusy("harvest-show"), onClick: show }) : nothing}
      ${unasked ? button({ label: t("Put to the vote"), icon: "up", isBusy: actions.isBusy("harvest-vote"), isDisabled: !isLive, onClick: vote }) : nothing}
      ${harvest?.shown ? badge(t("Everybody sees it"), "good") : nothing}
    </div>
    ${problem(actions, "gather")} ${problem(actions, "harvest-show")} ${problem(actions, "harvest-vote")} ${problem(actions, "harvest-arrange")}
    ${groups.length ? html`<p class="field-help">${t("Points that mean the same go into one group. Each group can be voted on, as a question.")}</p>` : nothing}
    <ol class="harvest-groups stack" role="list">
      ${repeat(groups, ({ id }) => id, (group) => deskGroupView(group, props))}
    </ol>
    ${harvest && leftOut(harvest).length
      ? html`<details>
          <summary>${n("{count} point left out", "{count} points left out", leftOut(harvest).length)}</summary>
          <ul class="stack tight" role="list">${leftOut(harvest).map((point) => deskPointView(point, "", props))}</ul>
        </details>`
      : nothing}
  </section>`;
}

/** @param {HarvestGroup} group @param {DeskProps} props */
function deskGroupView(group, props) {
  const { harvest, votes, name } = props;
  const label = groupWords(/** @type {Harvest} */ (harvest), group);
  return html`<li class="panel stack tight">
    <div class="cluster">
      <input
        class="input"
        maxlength=${TITLE_CHARACTERS}
        .value=${group.title}
        placeholder=${t("Title of the group")}
        aria-label=${t("Title of the group “{group}”", { group: label })}
        @change=${(/** @type {Event} */ event) => name(group.id, /** @type {HTMLInputElement} */ (event.target).value.trim())}
      />
      ${group.question_id ? badge(n("{count} vote", "{count} votes", votes[group.question_id] ?? 0), "good") : nothing}
    </div>
    <ul class="stack tight" role="list">
      ${repeat(group.points, (id) => id, (id) => {
        const point = harvest?.points[id];
        return point ? deskPointView(point, group.id, props) : nothing;
      })}
    </ul>
  </li>`;
}

/** @param {HarvestPoint} point @param {string} groupId @param {DeskProps} props */
function deskPointView(point, groupId, { harvest, roomOf, actions, move }) {
  const others = harvest?.groups.filter(({ id, points }) => id !== groupId && points.length) ?? [];
  const choose = (/** @type {Event} */ event) => {
    const select = /** @type {HTMLSelectElement} */ (event.target);
    if (select.value) move(point.id, select.value);
    select.value = "";
  };
  return html`<li class="harvest-point">
    <p id=${`point-${point.id}`}>${point.text} <span class="muted small">${roomOf(point.room_id)}</span></p>
    <select class="input" aria-label=${t("Move this point")} aria-describedby=${`point-${point.id}`} ?disabled=${actions.isBusy("harvest-arrange")} @change=${choose}>
      <option value="" selected>${t("Move…")}</option>
      ${others.map((group) => html`<option value=${group.id}>${t("To “{group}”", { group: short(groupWords(/** @type {Harvest} */ (harvest), group)) })}</option>`)}
      <option value=${ALONE}>${t("To a group of its own")}</option>
      ${groupId ? html`<option value=${OUT}>${t("Leave out")}</option>` : nothing}
    </select>
  </li>`;
}

/** @param {Harvest} harvest @param {string | undefined} id */
function pointText(harvest, id) {
  return harvest.points[id ?? ""]?.text ?? "";
}

/** @param {string} text */
function short(text) {
  const characters = [...text];
  return characters.length > 50 ? `${characters.slice(0, 49).join("")}…` : text;
}
