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
    : empty({ icon: "clock", title: t("Nobody is on stage right now"), text: t("Sound and picture start automatically.") });
}

/** What a breakout room shows and says. @param {LivePage} page */
export function roomStage(page) {
  const { away, media } = page;
  return { layout: away.layout, slots: away.carrier.slots, ownCamera: media.capture.tracks.camera, message: roomMessage(page), cover: roomCover(page) };
}

/** @param {LivePage} page */
function roomMessage({ away }) {
  const status = away.carrier.media?.status;
  if (status?.name !== "refused") return undefined;
  return empty({ icon: "warning", title: t("No sound and picture"), text: status.message });
}

/** The others are heard at once; one's own devices come on when one wishes, and from then on by themselves. @param {LivePage} page */
function roomCover(page) {
  const { away, sound, actions, media } = page;
  const { carrier } = away;
  const { camera, microphone } = media.capture.switches;
  if (carrier.media?.status.name === "reconnecting") return lostView();
  if (!carrier.isVisiting && !carrier.hasJoined && !camera && !microphone) {
    const join = () => {
      void sound.turn(true);
      void actions.run("join-in", () => carrier.joinIn());
    };
    return html`<div class="join-in">
      <p>${t("Your group does not see or hear you yet.")}</p>
      ${button({ label: t("Join with camera and microphone"), icon: "camera", look: "primary large", isBusy: actions.isBusy("join-in"), onClick: join })}
    </div>`;
  }
  return sound.isBlocked ? unblockView(page) : undefined;
}

function lostView() {
  return html`<p class="notice attention" role="status">${icon("network")}<span>${t("Sound and picture were lost. They come back automatically.")}</span></p>`;
}

/** @param {LivePage} page */
function unblockView({ sound }) {
  return button({ label: t("Turn on sound"), icon: "speaker", look: "primary large", onClick: () => void sound.turn(true) });
}

/** What is said over the pictures, if anything. @param {LivePage} page */
export function stageCover(page) {
  const { media, signals, sound } = page;
  if (media.status.name === "reconnecting" || (signals.media === "down" && media.status.name !== "off")) return lostView();
  return sound.isBlocked && media.status.name === "connected" ? unblockView(page) : undefined;
}
