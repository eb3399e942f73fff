/** What codes and states are called. Everything here is text for people; nothing decides. */

import { DeviceProblem } from "../devices.js";
import { t } from "../i18n.js";
import { Refusal } from "../protocol.js";

/** @param {unknown} error @returns {string} */
export function explain(error) {
  if (error instanceof DeviceProblem) return explainDevice(error.code);
  if (error instanceof Refusal) return error.message || explainRefusal(error.code);
  return t("Something went wrong. Please try again.");
}

/** @param {string} code of the browser's own @returns {string} */
function explainRefusal(code) {
  switch (code) {
    case "queue_full":
      return t("Too much is waiting to be sent. Please wait until contact is back.");
    case "too_large":
      return t("The message is too large.");
    case "not_signed_in":
      return t("You are no longer signed in. Open your personal link again.");
    default:
      return t("Something went wrong. Please try again.");
  }
}

/** @param {import("../devices.js").ProblemCode} code @returns {string} */
export function explainDevice(code) {
  switch (code) {
    case "denied":
      return t("The browser may not use it. Allow it by the icon in the address bar, then try again.");
    case "missing":
      return t("No such device was found. Connect one and try again.");
    case "busy":
      return t("Another program is using the device. Close it and try again.");
    case "insecure":
      return t("Cameras and microphones need a secure address (https).");
    default:
      return t("The device could not be started. Try another one.");
  }
}

/** What somebody asked, unless it was erased. @param {{text: string}} question @returns {string} */
export function questionText({ text }) {
  return text || t("The text has been erased.");
}

/** Who asked; what breakout rooms brought home is nobody's. @param {{author_id: string}} question @param {(id: string) => string} nameOf */
export function askedBy({ author_id }, nameOf) {
  return author_id ? nameOf(author_id) : t("From the breakout rooms");
}

/** @param {import("../../types/messages").Phase} phase @returns {string} */
export function phaseWord(phase) {
  switch (phase) {
    case "backstage":
      return t("Backstage");
    case "live":
      return t("Live");
    case "ended":
      return t("Ended");
    default:
      return t("Planned");
  }
}

/** How well sound and picture arrive. @param {import("../quality.js").Level} level @returns {string} */
export function qualityWord(level) {
  switch (level) {
    case "poor":
      return t("Poor connection");
    case "lost":
      return t("No sound and picture");
    default:
      return t("Good connection");
  }
}

/** @param {string} kind camera, microphone or screen @param {string} instead what is used now, "" if nothing @returns {string} */
export function lostDevice(kind, instead) {
  if (instead) return t("The microphone was disconnected. {name} is used now.", { name: instead });
  switch (kind) {
    case "camera":
      return t("The camera was disconnected.");
    case "microphone":
      return t("The microphone was disconnected.");
    default:
      return t("You no longer share your screen.");
  }
}

/** "A", "AB": two letters of a name, for a tile without a picture. @param {string} name @returns {string} */
export function initials(name) {
  const words = name.trim().split(/\s+/);
  const letters = words.length > 1 ? [words[0], words[words.length - 1]] : words;
  return letters.map((word) => [...(word ?? "")][0] ?? "").join("").toLocaleUpperCase();
}
