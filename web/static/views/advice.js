/** What one can do about sound and picture, in words, with what can be done at once. Neighbour: `../advice.js` decides when. */

import { html, nothing } from "lit";
import { t } from "../i18n.js";
import { button, icon } from "./parts.js";

/**
 * @typedef {import("../advice.js").Advice} Advice
 * @typedef {{soundOnly: () => void, cameraOff: () => void, pictures: () => void, putAway: () => void}} Steps
 */

/** An empty region while there is nothing to say, so that it is read aloud when it fills. @param {Advice | null} advice @param {Steps} steps */
export function adviceView(advice, steps) {
  return html`<div class="advice" role="status">${advice ? noticeView(advice, steps) : nothing}</div>`;
}

/** @param {Advice} advice @param {Steps} steps */
function noticeView(advice, steps) {
  return html`<div class="notice ${advice.kind === "better" ? "good" : "attention"}">
    ${icon(advice.kind === "codec" ? "camera-off" : "network")}
    <div class="advice-words">${wordsOf(advice)}</div>
    <div class="advice-steps">${stepView(advice, steps)} ${button({ label: t("Hide this advice"), look: "plain", onClick: steps.putAway })}</div>
  </div>`;
}

/** @param {Advice} advice */
function wordsOf(advice) {
  switch (advice.kind) {
    case "codec":
      return html`<p><strong>${advice.unshown.map(({ name, codec }) => unshownWords(name, codec)).join(" ")}</strong> ${t("The sound goes on.")} ${remedyFor(advice.unshown)}</p>`;
    case "poor":
      return html`<p><strong>${advice.reasons.map(reasonForViewer).join(" ")}</strong> ${remedy(advice)}</p>`;
    default:
      return html`<p><strong>${t("Your connection is good again.")}</strong> ${t("You get sound alone now.")}</p>`;
  }
}

/** @param {string} name @param {string} codec as it is written: "H264" @returns {string} */
export function unshownWords(name, codec) {
  return t("Your browser cannot show the picture of {name} ({codec}).", { name, codec: codecWord(codec) });
}

/** @param {string} codec @returns {string} */
export function codecWord(codec) {
  return codec === "H264" ? "H.264" : codec;
}

/** @param {import("../advice.js").Unshown[]} unshown @returns {string} */
function remedyFor(unshown) {
  return unshown.some(({ codec }) => codec === "H264")
    ? t("Firefox fetches what is missing some minutes after its first start: load the page again then. Chrome, Edge and Safari show the picture at once.")
    : t("Open the page in another browser, for instance Chrome, Edge or Firefox.");
}

/** @param {import("../quality.js").Reason} reason @returns {string} */
export function reasonForViewer(reason) {
  switch (reason) {
    case "loss_up":
      return t("Much of what you send is lost on the way.");
    case "loss_down":
      return t("Much of what is sent to you is lost on the way.");
    case "narrow":
      return t("Your network is too narrow for all the pictures: some of them stand still.");
    case "narrow_up":
      return t("Your network is too narrow for your camera.");
    case "slow":
      return t("Your network is slow to answer: everything comes late.");
    case "busy":
      return t("Your computer cannot keep up with your camera.");
    case "frozen":
      return t("Pictures stand still now and then.");
    default:
      return t("Your network blocks UDP, which makes it worse.");
  }
}

/** @param {Extract<Advice, {kind: "poor"}>} advice @returns {string} */
function remedy({ reasons, offer }) {
  if (reasons[0] === "busy") return t("Close other programs and plug in the charger: a battery saver slows the computer down. Or switch your camera off.");
  if (offer === "camera") return t("Sit closer to the router or use a cable. Without your camera you are heard better.");
  if (offer === "sound") return t("Sit closer to the router or use a cable. Sound alone needs very little.");
  return t("Sit closer to the router or use a cable. Close other programs that use the network.");
}

/** @param {Advice} advice @param {Steps} steps */
function stepView(advice, { soundOnly, cameraOff, pictures }) {
  if (advice.kind === "better") return button({ label: t("Show the pictures again"), icon: "camera", onClick: pictures });
  if (advice.kind !== "poor") return nothing;
  if (advice.offer === "camera") return button({ label: t("Camera off for now"), icon: "camera-off", onClick: cameraOff });
  return advice.offer === "sound" ? button({ label: t("Only sound for now"), icon: "speaker", onClick: soundOnly }) : nothing;
}
