/**
 * What every live page does first: read its data, open the connection, and tell it about tabs and networks.
 * Neighbours: `protocol.js`, and the views that are built on it.
 */

import { connect } from "./protocol.js";

/**
 * @typedef {{person_id: string, session_id: string, turn: boolean, lang: string, time_zone: string, media?: Record<string, unknown>,
 *   whip?: {url: string, token: string} | null}} PageData
 */

/** The page's data, written by the server into `#page-data`. @returns {PageData} */
export function pageData() {
  return JSON.parse(document.getElementById("page-data")?.textContent ?? "{}");
}

/** Opens the page's connection. @param {string[]} follow streams @returns {import("./protocol.js").Connection} */
export function connectPage(follow) {
  const url = new URL("/socket", location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  const connection = connect({ follow, url: url.href, visible: document.visibilityState === "visible" });
  document.addEventListener("visibilitychange", () => connection.setVisible(document.visibilityState === "visible"));
  addEventListener("online", () => connection.nudge());
  addEventListener("offline", () => connection.nudge());
  return connection;
}

/**
 * Calls `render` once per picture however often it is asked for; in a background tab too, where no pictures are drawn. So what is
 * drawn is a little behind what is done: handlers ask for the state when they are called, and keep none from the drawing. A key
 * is pressed on the page as it is by then: Enter after a word finds the button that the word has enabled.
 * @param {() => void} render
 * @param {EventTarget} [keys]
 * @returns {() => void}
 */
export function coalesced(render, keys = globalThis) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const draw = () => {
    clearTimeout(timer);
    timer = undefined;
    render();
  };
  keys.addEventListener?.("keydown", () => timer !== undefined && draw(), { capture: true });
  return () => {
    timer ??= setTimeout(draw, 16);
  };
}
