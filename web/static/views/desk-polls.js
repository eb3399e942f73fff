/** Polls at the desk: draft, open, close, show. Pure functions of the desk's model; the draft being written is its own. */

import { html, nothing } from "lit";
import { number, t } from "../i18n.js";
import { LEAST_ANSWERS, answeredText, resultsView } from "./bars.js";
import { badge, button, icon, problem } from "./parts.js";

/** Of `rooms/polls.py`: the server decides, the form helps. */
const MOST_OPTIONS = 10;

/**
 * @typedef {import("../../types/messages").Poll} Poll
 * @typedef {{title: string, options: string[], anonymous: boolean}} Draft
 * @typedef {"poll.open" | "poll.close" | "poll.show" | "poll.discard"} PollStep
 * @typedef {{polls: Poll[], signals: import("../../types/messages").Signals, isLive: boolean, draft: Draft | null,
 *   actions: import("./actions.js").Actions, edit: (draft: Draft | null) => void, change: (step: (now: Draft) => Draft) => void, save: () => void,
 *   take: (step: PollStep, poll: Poll) => void}} Props
 */

/** @returns {Draft} */
export function newDraft() {
  return { title: "", options: ["", ""], anonymous: true };
}

/** The options that are written. @param {Draft} draft */
export function filled({ options }) {
  return options.map((option) => option.trim()).filter(Boolean);
}

/** Whether it can be saved. @param {Draft} draft */
export function isComplete(draft) {
  const options = filled(draft);
  return Boolean(draft.title.trim()) && options.length >= 2 && new Set(options).size === options.length;
}

/** @param {Props} props */
export function deskPollsView(props) {
  const { draft, edit, polls } = props;
  return html`
    ${draft ? draftView(draft, props) : button({ label: t("New poll"), icon: "plus", look: "block", onClick: () => edit(newDraft()) })}
    ${polls.length || draft ? nothing : html`<p class="muted small">${t("Write polls before the session and open them while it is live.")}</p>`}
    <ul class="desk-polls" role="list">${[...polls].reverse().map((poll) => pollView(poll, props))}</ul>
  `;
}

/** @param {Draft} draft @param {Props} props */
function draftView(draft, { actions, edit, change, save }) {
  const submit = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    save();
  };
  return html`<form class="draft stack tight" @submit=${submit}>
    <label class="field">
      <span class="field-label">${t("Question of the poll")}</span>
      <input class="input" name="title" maxlength="300" required .value=${draft.title} @input=${(/** @type {Event} */ event) => change((now) => ({ ...now, title: valueOf(event) }))} />
    </label>
    <fieldset class="stack tight">
      <legend class="field-label">${t("Options")}</legend>
      ${draft.options.map((option, index) => optionView(option, index, draft, change))}
    </fieldset>
    ${draft.options.length < MOST_OPTIONS
      ? button({ label: t("Add an option"), icon: "plus", look: "plain", onClick: () => change((now) => ({ ...now, options: [...now.options, ""] })) })
      : nothing}
    <fieldset class="choices">
      <legend class="visually-hidden">${t("Who sees what somebody answered?")}</legend>
      ${secrecyChoice(draft, true, t("Anonymous"), t("Nobody can see who answered what. If fewer than {least} answer, there is no result to see.", { least: LEAST_ANSWERS }), change)}
      ${secrecyChoice(draft, false, t("With names"), t("The organisers can see who answered what. The hall is told before answering."), change)}
    </fieldset>
    <div class="actions">
      <button class="button primary" ?disabled=${!isComplete(draft)} aria-busy=${actions.isBusy("draft") ? "true" : nothing}>${t("Save the draft")}</button>
      ${button({ label: t("Cancel"), look: "plain", onClick: () => edit(null) })}
    </div>
    ${problem(actions, "draft")}
  </form>`;
}

/** @param {string} option @param {number} index @param {Draft} draft @param {Props["change"]} change */
function optionView(option, index, draft, change) {
  return html`<div class="draft-option">
    <input
      class="input"
      maxlength="120"
      aria-label=${t("Option {number}", { number: index + 1 })}
      .value=${option}
      @input=${(/** @type {Event} */ event) => change((now) => ({ ...now, options: now.options.with(index, valueOf(event)) }))}
    />
    ${draft.options.length > 2
      ? html`<button
          type="button"
          class="button plain"
          aria-label=${t("Remove option {number}", { number: index + 1 })}
          @click=${() => change((now) => ({ ...now, options: now.options.toSpliced(index, 1) }))}
        >${icon("close")}</button>`
      : nothing}
  </div>`;
}

/** @param {Draft} draft @param {boolean} anonymous @param {string} label @param {string} help @param {Props["change"]} change */
function secrecyChoice(draft, anonymous, label, help, change) {
  return html`<label class="choice">
    <input type="radio" name="secrecy" .checked=${draft.anonymous === anonymous} @change=${() => change((now) => ({ ...now, anonymous }))} />
    <span><strong>${label}</strong><br /><span class="muted small">${help}</span></span>
  </label>`;
}

/** @param {Poll} poll @param {Props} props */
function pollView(poll, props) {
  const key = `poll-${poll.id}`;
  return html`<li class="desk-poll" data-phase=${poll.phase}>
    <p class="cluster apart">${phaseBadge(poll)} <span class="muted small">${poll.anonymous ? t("Anonymous") : t("With names")}</span></p>
    <h2>${poll.title}</h2>
    ${poll.counts ? resultsView(poll) : poll.phase === "open" ? answeredView(poll, props) : optionsView(poll)}
    ${stepsView(poll, key, props)} ${problem(props.actions, key)}
  </li>`;
}

/** @param {Poll} poll */
function phaseBadge({ phase }) {
  if (phase === "open") return badge(t("Open"), "live");
  if (phase === "closed") return badge(t("Closed: only you see the result"), "attention");
  return phase === "shown" ? badge(t("Shown to everybody"), "good") : badge(t("Draft"), "planned");
}

/** @param {Poll} poll */
function optionsView({ options }) {
  return html`<ul class="poll-options small">${options.map((option) => html`<li>${option}</li>`)}</ul>`;
}

/** @param {Poll} poll @param {Props} props */
function answeredView(poll, { signals }) {
  const answered = signals.answered[poll.id] ?? 0;
  const most = Math.max(1, signals.present, answered);
  return html`<div class="bar" role="status">
    <span class="bar-label">${answeredText(poll, signals.answered[poll.id])}</span>
    <span class="bar-value">${t("of {count} present", { count: number(most) })}</span>
    <progress max=${most} value=${answered} aria-hidden="true"></progress>
  </div>`;
}

/** @param {Poll} poll @param {string} key @param {Props} props */
function stepsView(poll, key, { actions, isLive, take }) {
  const isBusy = actions.isBusy(key);
  const step = (/** @type {PollStep} */ which, /** @type {string} */ label, look = "primary") =>
    button({ label, look, isBusy, onClick: () => take(which, poll), name: `${label}: ${poll.title}` });
  if (poll.phase === "open") return step("poll.close", t("Close the poll"));
  if (poll.phase === "closed") return poll.counts ? step("poll.show", t("Show the result to everybody")) : html`<p class="muted small" role="status">${t("Counting…")}</p>`;
  if (poll.phase === "shown") return nothing;
  return html`<div class="cluster">
      ${button({ label: t("Open the poll"), look: "primary", isBusy, isDisabled: !isLive, onClick: () => take("poll.open", poll), name: `${t("Open the poll")}: ${poll.title}` })}
      ${step("poll.discard", t("Discard"), "plain")}
    </div>
    ${isLive ? nothing : html`<p class="muted small">${t("A poll can be opened while the session is live.")}</p>`}`;
}

/** @param {Event} event */
function valueOf(event) {
  return /** @type {HTMLInputElement} */ (event.target).value;
}
