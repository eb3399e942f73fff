/** Questions as the hall sees them: ask, follow one's own, vote for others'. Pure functions of the page's model. */

import { html, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { n, number, t } from "../i18n.js";
import { badge, empty, icon, problem } from "./parts.js";
import { askedBy, questionText } from "./words.js";

/** Of `rooms/questions.py`: the server decides, the page helps. */
export const MOST_CHARACTERS = 500;

/**
 * @typedef {import("../../types/messages").Question} Question
 * @typedef {import("../../types/messages").Mine} Mine
 * @typedef {{questions: Question[], votes: Record<string, number>, mine: Mine, ownId: string, nameOf: (id: string) => string, isLive: boolean, text: string,
 *   actions: import("./actions.js").Actions, write: (text: string) => void, ask: () => void,
 *   vote: (question: Question, up: boolean) => void}} Props
 */

/** Most votes first; of equal ones the older. @param {Question[]} questions @param {Record<string, number>} votes @returns {Question[]} */
export function byVotes(questions, votes) {
  const count = (/** @type {Question} */ question) => votes[question.id] ?? 0;
  return [...questions].sort((a, b) => count(b) - count(a) || a.asked_at.localeCompare(b.asked_at));
}

/** @param {Props} props */
export function questionsView(props) {
  const { questions, ownId, isLive } = props;
  const of = (/** @type {Question["status"]} */ status) => questions.filter((question) => question.status === status);
  const waiting = questions.filter(({ author_id, status }) => author_id === ownId && (status === "pending" || status === "dismissed"));
  const published = byVotes(of("published"), props.votes);
  const answered = of("answered");
  return html`
    ${isLive ? askView(props) : nothing} ${waiting.length ? ownView(waiting) : nothing}
    ${published.length
      ? html`<ol class="questions" role="list">
          ${repeat(published, ({ id }) => id, (question) => questionView(question, props))}
        </ol>`
      : answered.length || waiting.length
        ? nothing
        : empty({ icon: "question", title: t("No questions yet"), text: isLive ? t("Be the first to ask.") : t("Questions can be asked while the session is live.") })}
    ${answered.length
      ? html`<details class="answered">
          <summary>${n("{count} answered question", "{count} answered questions", answered.length)}</summary>
          <ol class="questions" role="list">${answered.map((question) => questionView(question, props))}</ol>
        </details>`
      : nothing}
  `;
}

/** Whether it can be asked. @param {string} text */
export function isQuestion(text) {
  const { length } = [...text.trim()];
  return length > 0 && length <= MOST_CHARACTERS;
}

/** @param {Props} props */
function askView({ text, actions, write, ask }) {
  const { length } = [...text.trim()];
  const isBusy = actions.isBusy("ask");
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    ask();
  };
  const onKey = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) submit(event);
  };
  return html`<form class="ask" @submit=${submit}>
    <label class="field">
      <span class="field-label">${t("Ask a question")}</span>
      <textarea
        class="input"
        rows="2"
        placeholder=${t("What would you like to know?")}
        aria-describedby="ask-help"
        .value=${text}
        @input=${(/** @type {InputEvent} */ event) => write(/** @type {HTMLTextAreaElement} */ (event.target).value)}
        @keydown=${onKey}
      ></textarea>
    </label>
    <div class="ask-foot">
      <p class="field-help" id="ask-help">${t("The moderator reads it first. Then everybody sees it, with your name.")}</p>
      <span class="ask-count small tabular ${length > MOST_CHARACTERS ? "is-over" : ""}" ?hidden=${!length}>${number(length)} / ${number(MOST_CHARACTERS)}</span>
      <button class="button primary" ?disabled=${!isQuestion(text)} aria-busy=${isBusy ? "true" : nothing}>
        ${isBusy ? t("Sending…") : t("Send question")}
      </button>
    </div>
    ${problem(actions, "ask")}
  </form>`;
}

/** @param {Question[]} waiting */
function ownView(waiting) {
  return html`<section class="own-questions" aria-label=${t("Your questions")}>
    <h2 class="kicker">${t("Your questions")}</h2>
    <ul role="list">
      ${waiting.map(
        ({ text, status }) => html`<li>
          <p>${questionText({ text })}</p>
          ${status === "pending" ? badge(t("Waits for the moderator"), "attention") : badge(t("Not taken up"), "ended")}
        </li>`,
      )}
    </ul>
  </section>`;
}

/** @param {Question} question @param {Props} props */
function questionView(question, { votes, mine, ownId, nameOf, isLive, actions, vote }) {
  const count = votes[question.id] ?? 0;
  const isUp = mine.votes.includes(question.id);
  const key = `vote-${question.id}`;
  return html`<li class="question ${question.status === "answered" ? "is-answered" : ""}">
    <button
      type="button"
      class="vote"
      aria-pressed=${String(isUp)}
      aria-describedby=${`text-${question.id}`}
      aria-busy=${actions.isBusy(key) ? "true" : nothing}
      ?disabled=${!isLive || question.status !== "published"}
      @click=${() => vote(question, !isUp)}
    >
      ${icon("up")}<span class="vote-count tabular" aria-hidden="true">${number(count)}</span><span class="vote-word" aria-hidden="true">${isUp ? t("Voted") : t("Vote")}</span>
      <span class="visually-hidden">${n("Vote for this question, {count} vote so far", "Vote for this question, {count} votes so far", count)}</span>
    </button>
    <div class="question-body">
      <p class="question-text" id=${`text-${question.id}`}>${questionText(question)}</p>
      <p class="muted small">
        ${question.author_id === ownId ? t("You") : askedBy(question, nameOf)}
        ${question.status === "answered" ? badge(t("Answered"), "good") : nothing}
      </p>
      ${problem(actions, key)}
    </div>
  </li>`;
}
