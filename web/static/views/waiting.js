/** Before a session and after it: what is happening, until when, what one can do. Pure functions. */

import { html, nothing } from "lit";
import { countdown, rangeOf, timeOf, untilInWords } from "../clock.js";
import { t } from "../i18n.js";
import { icon } from "./parts.js";

/** @typedef {import("../../types/messages").SessionPlan} SessionPlan */
/** Below this a countdown by the second; above it, words are enough. */
const COUNTED_MS = 24 * 3_600_000;

/** @param {{plan: SessionPlan, now: number, zone: string, isDesk: boolean}} props */
export function countdownView({ plan, now, zone, isDesk }) {
  const left = Date.parse(plan.starts_at) - now;
  return html`<div class="waiting">
    <p class="waiting-lead">${left > 0 ? t("Starts at {time}", { time: timeOf(plan.starts_at, zone) }) : t("Starts any moment")}</p>
    ${left > 0 && left < COUNTED_MS
      ? html`<p class="waiting-clock tabular" role="timer" aria-label=${untilInWords(left)}>${countdown(left)}</p>`
      : left > 0
        ? html`<p class="waiting-clock">${untilInWords(left)}</p>`
        : html`<p class="waiting-dots" aria-hidden="true"><span></span><span></span><span></span></p>`}
    ${isDesk
      ? nothing
      : html`<p class="waiting-help">${t("Keep this page open: sound and picture start automatically.")}</p>
          <p><a class="button" href="/check">${icon("speaker")}<span>${t("Check sound and picture")}</span></a></p>`}
  </div>`;
}

/** @param {{plan: SessionPlan, now: number, zone: string}} props */
export function backstageView({ plan, now, zone }) {
  const left = Date.parse(plan.starts_at) - now;
  return html`<div class="waiting">
    <p class="waiting-lead">${t("The speakers are getting ready")}</p>
    ${left > 0
      ? html`<p class="waiting-clock tabular" role="timer" aria-label=${untilInWords(left)}>${countdown(left)}</p>
          <p class="waiting-help">${t("Starts at {time}", { time: timeOf(plan.starts_at, zone) })}</p>`
      : html`<p class="waiting-help">${t("It starts in a moment. Keep this page open.")}</p>`}
  </div>`;
}

/**
 * @param {{next: SessionPlan | undefined, pause: SessionPlan | undefined, nextIsLive: boolean, now: number, zone: string, surveyIsOpen: boolean, willBeReplayed: boolean}} props
 */
export function endView({ next, pause, nextIsLive, now, zone, surveyIsOpen, willBeReplayed }) {
  return html`<div class="ended-panel">
    <div class="ended-lead">
      <h2>${t("The session has ended")}</h2>
      <p>${t("Thank you for being here.")} ${willBeReplayed ? t("The recording can be seen under Recordings when it is ready.") : nothing}</p>
    </div>
    ${pause && !nextIsLive ? html`<p class="pause">${icon("clock")}<span>${pause.title} <span class="tabular">${rangeOf(pause.starts_at, pause.ends_at, zone)}</span></span></p>` : nothing}
    ${next ? nextView(next, nextIsLive, now, zone) : html`<p>${t("That was the last session of the programme.")}</p>`}
    <div class="cluster">
      ${surveyIsOpen ? html`<a class="button ${next ? "" : "primary"}" href="/survey">${icon("survey")}<span>${t("Answer the closing survey")}</span></a>` : nothing}
      ${willBeReplayed ? html`<a class="button" href="/library">${icon("film")}<span>${t("Recordings")}</span></a>` : nothing}
      <a class="button plain" href="/lobby">${icon("home")}<span>${t("To the lobby")}</span></a>
    </div>
  </div>`;
}

/** @param {SessionPlan} next @param {boolean} isLive @param {number} now @param {string} zone */
function nextView(next, isLive, now, zone) {
  const left = Date.parse(next.starts_at) - now;
  return html`<section class="next-session" aria-label=${t("Next")}>
    <p class="kicker">${isLive ? t("Live now") : t("Next")}</p>
    <h3>${next.title}</h3>
    <p class="muted tabular">${rangeOf(next.starts_at, next.ends_at, zone)}${!isLive && left > 0 ? html` · ${untilInWords(left)}` : nothing}</p>
    <a class="button primary" href=${`/session/${next.id}`}>${icon("arrow-right")}<span>${isLive ? t("Go there now") : t("Go to the next session")}</span></a>
  </section>`;
}
