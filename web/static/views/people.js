/** Who is here, as the hall sees it: a number, and those on stage. Lists of everybody are for moderators. */

import { html, nothing } from "lit";
import { n, t } from "../i18n.js";
import { icon } from "./parts.js";

/**
 * @typedef {import("../../types/messages").Signals} Signals
 * @typedef {import("../../types/messages").StageMember} StageMember
 * @param {{signals: Signals, stage: StageMember[], nameOf: (id: string) => string}} props
 */
export function peopleView({ signals, stage, nameOf }) {
  return html`<div class="stack">
    <p class="presence">
      ${icon("people")}
      <span><strong class="tabular">${n("{count} present", "{count} present", signals.present)}</strong>
        ${signals.background ? html`<span class="muted small">${n("{count} of them with the page in the background", "{count} of them with the page in the background", signals.background)}</span>` : nothing}
      </span>
    </p>
    <section>
      <h2 class="kicker">${t("On stage")}</h2>
      ${stage.length
        ? html`<ul class="on-stage" role="list">${stage.map((member) => stageMemberView(member, nameOf(member.person_id)))}</ul>`
        : html`<p class="muted">${t("Nobody right now")}</p>`}
    </section>
    <p class="muted small">${t("Your own attendance is on your page. Nobody in the hall is seen or heard.")}</p>
  </div>`;
}

/** @param {StageMember} member @param {string} name */
function stageMemberView({ microphone, camera, screen }, name) {
  return html`<li>
    <span>${name}</span>
    <span class="muted small">${deviceWords({ microphone, camera, screen })}</span>
  </li>`;
}

/** @param {{microphone: boolean, camera: boolean, screen: boolean}} on @returns {string} */
export function deviceWords({ microphone, camera, screen }) {
  const words = [microphone ? t("microphone on") : t("microphone off"), camera ? t("camera on") : t("camera off")];
  if (screen) words.push(t("shares a screen"));
  return words.join(", ");
}
