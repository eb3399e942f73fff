/** What a page says about itself: contact, recording, sound and picture. Pure functions. */

import { html, nothing } from "lit";
import { timeOf } from "../clock.js";
import { n, t } from "../i18n.js";
import { badge, button, icon } from "./parts.js";
import { phaseWord, qualityWord } from "./words.js";

/**
 * @typedef {import("../protocol.js").Status} Status
 * @typedef {import("../../types/messages").Phase} Phase
 * @typedef {import("../../types/messages").SessionPlan} SessionPlan
 */

/** A short break of contact is not worth a word. */
const WORTH_SAYING_MS = 1_500;

/**
 * The banner of a lost contact, or of news that come late; an empty region otherwise, so that it is read aloud when it fills.
 * @param {Status} status
 * @param {string} zone
 * @param {boolean} isDelayed
 */
export function contactView(status, zone, isDelayed) {
  return html`<div class="contact" role="status">
    ${status.name === "reconnecting" && Date.now() - status.since > WORTH_SAYING_MS
      ? html`<p class="notice attention">
          ${icon("network")}
          <span><strong>${t("Contact lost since {time}.", { time: timeOf(status.since, zone) })}</strong>
            ${t("Reconnecting… What you send now is kept and sent when contact is back.")}</span>
        </p>`
      : nothing}
    ${status.name === "connected" && isDelayed
      ? html`<p class="notice attention">
          ${icon("network")}<span>${t("Updates arrive a moment later than usual. Everything you send is saved.")}</span>
        </p>`
      : nothing}
    ${status.name === "signed_out"
      ? html`<p class="notice danger">
          ${icon("lock")}<span>${t("You are no longer signed in. Open your personal link again.")}</span>
        </p>`
      : nothing}
  </div>`;
}

/**
 * The notice of a recording; once it has been understood, the word in the headline stays.
 * @param {import("../../types/messages").Recording | undefined} recording the running one
 * @param {string} zone
 * @param {() => void} understand
 */
export function recordingView(recording, zone, understand) {
  return html`<div class="recording" role="status">
    ${recording
      ? html`<div class="notice danger">
          ${icon("record")}
          <p><strong>${t("This session is being recorded since {time}.", { time: timeOf(recording.started_at, zone) })}</strong>
            ${t("Only the stage is recorded. Nobody in the hall is seen or heard.")}</p>
          ${button({ label: t("I see"), look: "plain", onClick: understand })}
        </div>`
      : nothing}
  </div>`;
}

/**
 * The words at the end of a session's headline.
 * @param {{phase: Phase, isRecorded: boolean, present: number, quality: import("../quality.js").Level | ""}} props
 */
export function marksView({ phase, isRecorded, present, quality }) {
  return html`<div class="marks">
    ${badge(phaseWord(phase), phase)} ${isRecorded ? badge(t("Recording"), "recording") : nothing}
    ${phase === "live" || phase === "backstage"
      ? html`<span class="mark tabular">${icon("people")} ${n("{count} present", "{count} present", present)}</span>`
      : nothing}
    ${quality ? html`<span class="mark quality ${quality}">${icon("network")} ${qualityWord(quality)}</span>` : nothing}
  </div>`;
}
