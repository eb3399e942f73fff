/** The queue of questions at the desk: publish or dismiss, then mark as answered. Pure functions of the desk's model. */

import { html, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { n, number, t } from "../i18n.js";
import { badge, button, empty, icon, problem } from "./parts.js";
import { byVotes } from "./questions.js";
import { askedBy, questionText } from "./words.js";

/**
 * @typedef {import("../../types/messages").Question} Question
 * @typedef {"question.publish" | "question.dismiss" | "question.mark_answered"} Verdict
 * @typedef {{questions: Question[], votes: Record<string, number>, nameOf: (id: string) => string, actions: import("./actions.js").Actions,
 *   judge: (question: Question, verdict: Verdict) => void}} Props
 */

/** @param {Props} props */
export function queueView(props) {
  const of = (/** @type {Question["status"]} */ status) => props.questions.filter((question) => question.status === status);
  const [pending, published, done] = [of("pending"), byVotes(of("published"), props.votes), [...of("answered"), ...of("dismissed")]];
  return html`
    <section class="queue" aria-labelledby="queue-pending">
      <h2 class="kicker" id="queue-pending">${t("To be read")} <span class="count ${pending.length ? "new" : ""}">${number(pending.length)}</span></h2>
      ${pending.length
        ? html`<ul role="list">${repeat(pending, ({ id }) => id, (question) => pendingView(question, props))}</ul>`
        : html`<p class="muted small">${t("New questions come here first. Nobody else sees them.")}</p>`}
    </section>
    <section class="queue" aria-labelledby="queue-published">
      <h2 class="kicker" id="queue-published">${t("Published, most votes first")} <span class="count">${number(published.length)}</span></h2>
      ${published.length
        ? html`<ul role="list">${repeat(published, ({ id }) => id, (question) => publishedView(question, props))}</ul>`
        : pending.length
          ? nothing
          : empty({ icon: "question", title: t("No questions yet") })}
    </section>
    ${done.length
      ? html`<details class="answered">
          <summary>${n("{count} answered or dismissed", "{count} answered or dismissed", done.length)}</summary>
          <ul class="queue-done" role="list">${done.map((question) => doneView(question, props))}</ul>
        </details>`
      : nothing}
  `;
}

/** @param {Question} question @param {Props} props */
function pendingView(question, { nameOf, actions, judge }) {
  const key = `question-${question.id}`;
  return html`<li class="queued is-pending">
    <p class="question-text" id=${`text-${question.id}`}>${questionText(question)}</p>
    <p class="muted small">${askedBy(question, nameOf)}</p>
    <div class="cluster">
      ${button({ label: t("Publish"), icon: "check", look: "primary", isBusy: actions.isBusy(key), describedBy: `text-${question.id}`, onClick: () => judge(question, "question.publish") })}
      ${button({ label: t("Dismiss"), look: "plain", isBusy: actions.isBusy(key), describedBy: `text-${question.id}`, onClick: () => judge(question, "question.dismiss") })}
    </div>
    ${problem(actions, key)}
  </li>`;
}

/** @param {Question} question @param {Props} props */
function publishedView(question, { votes, nameOf, actions, judge }) {
  const key = `question-${question.id}`;
  const count = votes[question.id] ?? 0;
  return html`<li class="queued">
    <p class="queued-votes tabular" title=${n("{count} vote", "{count} votes", count)}>${icon("up")}<strong>${number(count)}</strong><span class="visually-hidden">${n("{count} vote", "{count} votes", count)}</span></p>
    <div>
      <p class="question-text" id=${`text-${question.id}`}>${questionText(question)}</p>
      <p class="muted small">${askedBy(question, nameOf)}</p>
      <div class="cluster">
        ${button({ label: t("Answered"), icon: "check", isBusy: actions.isBusy(key), describedBy: `text-${question.id}`, onClick: () => judge(question, "question.mark_answered") })}
        ${button({ label: t("Dismiss"), look: "plain", isBusy: actions.isBusy(key), describedBy: `text-${question.id}`, onClick: () => judge(question, "question.dismiss") })}
      </div>
      ${problem(actions, key)}
    </div>
  </li>`;
}

/** @param {Question} question @param {Props} props */
function doneView(question, { nameOf, actions, judge }) {
  const isDismissed = question.status === "dismissed";
  return html`<li>
    <p class="question-text" id=${`text-${question.id}`}>${questionText(question)}</p>
    <p class="muted small">${askedBy(question, nameOf)} ${isDismissed ? badge(t("Dismissed"), "ended") : badge(t("Answered"), "good")}</p>
    ${isDismissed
      ? html`${button({ label: t("Publish after all"), look: "plain", describedBy: `text-${question.id}`, onClick: () => judge(question, "question.publish") })} ${problem(actions, `question-${question.id}`)}`
      : nothing}
  </li>`;
}
