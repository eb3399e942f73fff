/** The run of show: every session with how far it has come, and its next step. Pure functions of the desk's model. */

import { html, nothing } from "lit";
import { byDay, rangeOf } from "../clock.js";
import { t } from "../i18n.js";
import { runOf } from "../state.js";
import { badge, button, icon, problem } from "./parts.js";
import { phaseWord } from "./words.js";

/**
 * @typedef {import("../../types/messages").SessionPlan} SessionPlan
 * @typedef {import("../../types/messages").ConferenceState} ConferenceState
 * @typedef {"session.prepare" | "session.go_live" | "session.end"} Step
 * @typedef {{conference: ConferenceState, chosen: string, zone: string, actions: import("./actions.js").Actions,
 *   take: (step: Step, plan: SessionPlan) => void, takeSurvey: (step: SurveyStep) => void}} Props
 * @typedef {"survey.open" | "survey.close"} SurveyStep
 */

/** @param {Props} props */
export function runOfShowView(props) {
  const days = byDay(props.conference.programme?.sessions ?? [], props.zone);
  return html`<nav class="run-of-show" aria-label=${t("Run of show")}>
    <h2 class="kicker">${t("Run of show")}</h2>
    <ol role="list">
      ${days.map(([day, plans]) => html`${days.length > 1 ? html`<li class="run kicker">${day}</li>` : nothing} ${plans.map((plan) => sessionView(plan, props))}`)}
      ${surveyView(props)}
    </ol>
  </nav>`;
}

/** @param {SessionPlan} plan @param {Props} props */
function sessionView(plan, { conference, chosen, zone, actions, take }) {
  const { phase } = runOf(conference, plan.id);
  const isChosen = plan.id === chosen;
  const step = nextStep(phase);
  const isBreak = plan.kind === "break";
  return html`<li class="run ${isBreak ? "is-break" : ""} ${isChosen ? "is-chosen" : ""}">
    <p class="run-time small tabular muted">${rangeOf(plan.starts_at, plan.ends_at, zone)} ${phase === "planned" ? nothing : badge(phaseWord(phase), phase)}</p>
    ${isBreak
      ? html`<p class="run-title">${plan.title}</p>`
      : html`<a class="run-title" href=${`/desk/${plan.id}`} aria-current=${isChosen ? "page" : nothing}>${plan.title}</a>`}
    ${step && !isChosen && !isBreak && phase !== "planned"
      ? button({ label: stepWord(step), name: `${stepWord(step)}: ${plan.title}`, isBusy: actions.isBusy(`step-${plan.id}`), onClick: () => take(step, plan) })
      : nothing}
    ${problem(actions, `step-${plan.id}`)}
  </li>`;
}

/** The last item of all. @param {Props} props */
function surveyView({ conference, actions, takeSurvey }) {
  const { phase } = conference.survey;
  const isBusy = actions.isBusy("survey");
  return html`<li class="run">
    <p class="run-title">${t("Evaluation")} ${phase === "open" ? badge(t("Open"), "live") : phase === "closed" ? badge(t("Closed"), "ended") : nothing}</p>
    ${phase === "planned" ? button({ label: t("Open the evaluation"), isBusy, onClick: () => takeSurvey("survey.open") }) : nothing}
    ${phase === "open" ? button({ label: t("Close the evaluation"), isBusy, onClick: () => takeSurvey("survey.close") }) : nothing}
    ${problem(actions, "survey")}
  </li>`;
}

/**
 * The chosen session's next step, large.
 * @param {{plan: SessionPlan, phase: import("../../types/messages").Phase, onStage: number, next: SessionPlan | undefined,
 *   actions: import("./actions.js").Actions, take: (step: Step, plan: SessionPlan) => void}} props
 */
export function nextStepView({ plan, phase, onStage, next, actions, take }) {
  const step = nextStep(phase);
  const key = `step-${plan.id}`;
  const large = (/** @type {Step} */ which, /** @type {string} */ look, /** @type {string} */ image) =>
    button({ label: stepWord(which), icon: image, look: `large ${look}`, isBusy: actions.isBusy(key), onClick: () => take(which, plan) });
  return html`<div class="next-step">
    <div class="next-step-buttons">
      ${step === "session.prepare" ? large(step, "primary", "arrow-right") : nothing}
      ${step === "session.go_live" ? html`${large(step, "primary", "play")} ${button({ label: t("Call it off"), look: "plain", onClick: () => take("session.end", plan) })}` : nothing}
      ${step === "session.end" ? button({ label: stepWord(step), icon: "stop", look: "danger", isBusy: actions.isBusy(key), onClick: () => take(step, plan) }) : nothing}
      ${!step && next ? html`<a class="button primary large" href=${`/desk/${next.id}`}>${icon("arrow-right")}<span>${t("Next: {title}", { title: next.title })}</span></a>` : nothing}
    </div>
    <p class="muted small">${stepHelp(phase, onStage)}</p>
    ${problem(actions, key)}
  </div>`;
}

/** @param {import("../../types/messages").Phase} phase @returns {Step | undefined} */
function nextStep(phase) {
  /** @type {Partial<Record<string, Step>>} */
  const steps = { planned: "session.prepare", backstage: "session.go_live", live: "session.end" };
  return steps[phase];
}

/** @param {Step} step @returns {string} */
function stepWord(step) {
  if (step === "session.prepare") return t("Open the backstage");
  return step === "session.go_live" ? t("Go live") : t("End the session");
}

/** @param {import("../../types/messages").Phase} phase @param {number} onStage @returns {string} */
function stepHelp(phase, onStage) {
  switch (phase) {
    case "planned":
      return t("Speakers can then go on stage and test. The hall waits with a countdown.");
    case "backstage":
      return onStage ? t("The hall sees and hears the stage as soon as you go live.") : t("Nobody is on stage yet. You can go live anyway.");
    case "live":
      return t("The hall sees and hears the stage.");
    default:
      return t("The session is over. Its stage, polls and recording are closed.");
  }
}
