/** Polls as the hall sees them: answer, change, wait for the result, read it. Pure functions of the page's model. */

import { html, nothing } from "lit";
import { t } from "../i18n.js";
import { answeredText, resultsView } from "./bars.js";
import { empty, icon, problem } from "./parts.js";

/**
 * @typedef {import("../../types/messages").Poll} Poll
 * @typedef {import("../../types/messages").Signals} Signals
 * @typedef {import("../../types/messages").Mine} Mine
 * @typedef {{polls: Poll[], signals: Signals, mine: Mine, choices: Map<string, number>, actions: import("./actions.js").Actions,
 *   choose: (poll: Poll, option: number) => void, answer: (poll: Poll) => void}} Props `answer` sends what is chosen by then
 */

/** The newest first. @param {Props} props */
export function pollsView(props) {
  const polls = [...props.polls].filter((poll) => poll.phase !== "draft").reverse();
  if (!polls.length) {
    return empty({ icon: "poll", title: t("No poll yet"), text: t("When the moderator opens a poll, it appears here and you are told.") });
  }
  return html`<div class="stack loose">${polls.map((poll) => pollView(poll, props))}</div>`;
}

/** @param {Poll} poll @param {Props} props */
function pollView(poll, props) {
  return html`<article class="poll" aria-labelledby=${`${poll.id}-title`}>
    ${poll.phase === "open" ? openView(poll, props) : closedView(poll, props)}
  </article>`;
}

/** @param {Poll} poll @param {Props} props */
function openView(poll, { signals, mine, choices, actions, choose, answer }) {
  const saved = mine.answers[poll.id];
  const chosen = choices.get(poll.id) ?? saved;
  const isSaved = saved !== undefined && chosen === saved;
  const key = `answer-${poll.id}`;
  const submit = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    answer(poll);
  };
  return html`<form class="stack tight" @submit=${submit}>
    <fieldset class="stack tight">
      <legend><h2 id=${`${poll.id}-title`}>${poll.title}</h2></legend>
      ${secrecyView(poll)}
      <div class="choices">
        ${poll.options.map(
          (option, index) => html`<label class="choice">
            <input type="radio" name=${poll.id} .checked=${index === chosen} @change=${() => choose(poll, index)} />
            <span>${option}</span>
          </label>`,
        )}
      </div>
    </fieldset>
    <div class="poll-foot">
      <button class="button primary" ?disabled=${chosen === undefined || isSaved} aria-busy=${actions.isBusy(key) ? "true" : nothing}>
        ${actions.isBusy(key) ? t("Sending…") : saved === undefined ? t("Send answer") : t("Change answer")}
      </button>
      <span class="muted small tabular">${answeredText(poll, signals.answered[poll.id])}</span>
    </div>
    <p role="status" class="saved small">
      ${isSaved ? html`${icon("check")} <span>${t("Your answer is saved. You can change it while the poll is open.")}</span>` : nothing}
    </p>
    ${problem(actions, key)}
  </form>`;
}

/** Said before answering, not after. @param {Poll} poll */
function secrecyView(poll) {
  return poll.anonymous
    ? html`<p class="secrecy">${icon("lock")}<span>${t("Anonymous: nobody can see what you answered, not even the administrators.")}</span></p>`
    : html`<p class="secrecy">${icon("person")}<span>${t("With your name: the organisers can see what you answered.")}</span></p>`;
}

/** @param {Poll} poll @param {Props} props */
function closedView(poll, { mine }) {
  const title = html`<h2 id=${`${poll.id}-title`}>${poll.title}</h2>`;
  if (poll.phase === "shown" && poll.counts) return html`${title}${resultsView(poll, mine.answers[poll.id])}`;
  return html`${title}
    <p class="muted">${icon("lock")} ${t("The poll is closed. The result appears here when the moderator shows it.")}</p>`;
}
