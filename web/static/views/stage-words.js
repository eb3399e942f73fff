/** What the stage says when there is nothing to see, or something is wrong. Shared by the session's page and the desk. */

import { html } from "lit";
import { t } from "../i18n.js";
import { button, empty, icon } from "./parts.js";
import { backstageView, countdownView } from "./waiting.js";

/** @typedef {import("./live-page.js").LivePage} LivePage */

/** What is said instead of pictures, if anything. @param {LivePage} page @param {{isDesk?: boolean}} [where] */
export function stageMessage(page, { isDesk = false } = {}) {
  const { plan, media, phase } = page;
  if (!plan) return undefined;
  const timing = { plan, now: page.clock.now(), zone: page.zone };
  if (phase === "planned") return countdownView({ ...timing, isDesk });
  if (!page.mayWatch) return backstageView(timing);
  switch (media.status.name) {
    case "refused":
      return refusedView(page);
    case "connecting":
      return empty({ icon: "network", title: t("Sound and picture are on their way…") });
    default:
      return Object.keys(page.room.stage).length ? undefined : emptyStageView(page);
  }
}

/** @param {LivePage} page */
function refusedView({ media, speaker }) {
  const retry = button({ label: t("Try again"), onClick: () => speaker.watch() });
  return empty({ icon: "warning", title: t("No sound and picture"), text: media.status.message, more: retry });
}

/** @param {LivePage} page */
function emptyStageView({ phase }) {
  return phase === "backstage"
    ? empty({ icon: "camera", title: t("The stage is empty"), text: t("You are backstage: the hall sees and hears nothing yet.") })
    : empty({ icon: "clock", title: t("Nobody is on stage right now"), text: t("Sound and picture come by themselves.") });
}

/** What is said over the pictures, if anything. @param {LivePage} page */
export function stageCover({ media, signals, sound }) {
  if (media.status.name === "reconnecting" || (signals.media === "down" && media.status.name !== "off")) {
    return html`<p class="notice attention" role="status">${icon("network")}<span>${t("Sound and picture were lost. They come back by themselves.")}</span></p>`;
  }
  if (sound.isBlocked && media.status.name === "connected") {
    return button({ label: t("Turn on sound"), icon: "speaker", look: "primary large", onClick: () => void sound.turn(true) });
  }
  return undefined;
}
