/** The stage at the desk: who is on it, recording, and how other software gets there. Pure functions of the desk's model. */

import { html, nothing } from "lit";
import { timeOf } from "../clock.js";
import { t } from "../i18n.js";
import { codecWord } from "./advice.js";
import { badge, button, icon, problem } from "./parts.js";
import { deviceWords } from "./people.js";

/**
 * @typedef {import("../../types/messages").StageMember} StageMember
 * @typedef {import("../../types/messages").Recording} Recording
 * @typedef {import("./actions.js").Actions} Actions
 * @typedef {{url: string, token: string}} Pass
 */

/** @param {{stage: StageMember[], ownId: string, nameOf: (id: string) => string, actions: Actions, remove: (member: StageMember) => void}} props */
export function onStageView({ stage, ownId, nameOf, actions, remove }) {
  const members = [...stage].sort((a, b) => a.entered_at.localeCompare(b.entered_at));
  return html`<section class="members" aria-labelledby="on-stage">
    <h2 class="kicker" id="on-stage">${t("On stage")} <span class="count">${members.length}</span></h2>
    ${members.length
      ? html`<ul role="list">
          ${members.map(
            (member) => html`<li>
              <span><strong>${nameOf(member.person_id)}</strong>${member.person_id === ownId ? html` <span class="muted">(${t("you")})</span>` : nothing}<br /><span class="muted small">${deviceWords(member)}</span></span>
              ${button({ label: t("Take off"), name: `${t("Take off")}: ${nameOf(member.person_id)}`, look: "plain", isBusy: actions.isBusy(`remove-${member.person_id}`), onClick: () => remove(member) })}
              ${problem(actions, `remove-${member.person_id}`)}
            </li>`,
          )}
        </ul>`
      : html`<p class="muted small">${t("Nobody right now")}</p>`}
  </section>`;
}

/**
 * @param {{running: Recording | undefined, last: Recording | undefined, mayRecord: boolean, isLive: boolean, zone: string,
 *   actions: Actions, gaps: import("./desk-trouble.js").Gap[], start: () => void, stop: () => void}} props
 */
export function recorderView({ running, last, mayRecord, isLive, zone, actions, gaps, start, stop }) {
  if (!mayRecord) return html`<p class="muted small">${icon("lock")} ${t("This kind of session is never recorded.")}</p>`;
  const isBusy = actions.isBusy("recording");
  return html`<div class="recorder">
    ${running
      ? html`${badge(t("Recording since {time}", { time: timeOf(running.started_at, zone) }), "recording")}
          ${button({ label: t("Stop recording"), icon: "stop", isBusy, onClick: stop })}`
      : button({ label: t("Record…"), icon: "record", isBusy, isDisabled: !isLive, onClick: start })}
    <div role="status">${running ? gaps.map(gapView) : nothing}</div>
    ${!running && last ? html`<p class="muted small" role="status">${lastWord(last)}</p>` : nothing}
    ${problem(actions, "recording")}
  </div>`;
}

/** @param {import("./desk-trouble.js").Gap} gap */
function gapView({ name, codec, recorded_in }) {
  const words = { name, codec: codecWord(codec), recorded: codecWord(recorded_in) };
  return html`<p class="notice attention small">
    ${icon("camera-off")}<span><strong>${t("The recording leaves out the picture of {name}: it is sent in {codec}, and the recording is in {recorded}.", words)}</strong>
      ${t("The sound is recorded. Let their software send {recorded}, or start a new recording: it takes what is sent then.", words)}</span>
  </p>`;
}

/** @param {Recording} recording @returns {string} */
function lastWord({ status, reason }) {
  if (status === "failed") return t("The recording failed: {reason}", { reason });
  if (status === "erased") return t("The recording was deleted: it has been kept for as long as it may be.");
  if (status === "available") return t("The recording can be seen under Recordings.");
  return reason ? t("The recording stopped by itself: {reason}", { reason }) : t("The recording is being finished…");
}

/**
 * The address and token for software such as OBS, fetched when it is asked for: a token is a key.
 * @param {{pass: Pass | null, actions: Actions, fetchPass: () => void, copy: (text: string) => void}} props
 */
export function softwareView({ pass, actions, fetchPass, copy }) {
  return html`<details class="as-table software" @toggle=${(/** @type {Event} */ event) => /** @type {HTMLDetailsElement} */ (event.target).open && !pass && fetchPass()}>
    <summary>${t("Send from other software (WHIP)")}</summary>
    <div class="stack tight">
      <p class="small">${t("OBS and others can be the speaker: choose WHIP and fill in both. The token is personal; do not pass it on.")}</p>
      ${pass ? html`${copyView(t("Address"), pass.url, copy)} ${copyView(t("Token"), pass.token, copy)}` : nothing} ${problem(actions, "whip")}
    </div>
  </details>`;
}

/** @param {string} label @param {string} text @param {(text: string) => void} copy */
function copyView(label, text, copy) {
  return html`<div class="copy">
    <label class="field"><span class="field-label small">${label}</span><input class="input" readonly .value=${text} @focus=${(/** @type {FocusEvent} */ event) => /** @type {HTMLInputElement} */ (event.target).select()} /></label>
    ${button({ label: t("Copy"), name: `${t("Copy")}: ${label}`, onClick: () => copy(text) })}
  </div>`;
}
