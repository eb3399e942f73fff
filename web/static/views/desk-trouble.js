/** Who is having trouble with sound and picture, and what to advise them. The list is fetched, never pushed, while it is looked at. */

import { html, nothing } from "lit";
import { n, number, t } from "../i18n.js";
import { codecWord } from "./advice.js";
import { badge } from "./parts.js";

/**
 * @typedef {{name: string, person_id: string, level: "good" | "poor" | "lost", reasons: string[], sends: boolean, transport: string,
 *   round_trip_ms: number, loss_up: number, loss_down: number, estimate_bps: number, undecodable: string[]}} Row
 * @typedef {{name: string, codec: string, recorded_in: string}} Gap a picture that the recording leaves out
 * @typedef {{total: number, troubled: number, people: Row[], unrecorded: Gap[], node: string}} Trouble  node: on which of several the session's media is
 */

/** @param {string} sessionId @returns {Promise<Trouble>} rejects when it cannot be fetched */
export async function fetchTrouble(sessionId) {
  const response = await fetch(`/api/trouble?session=${encodeURIComponent(sessionId)}`);
  if (!response.ok) throw new Error(`trouble: ${response.status}`);
  return response.json();
}

/** Above the list of participants; nothing while nobody receives anything. @param {Trouble | null} trouble */
export function deskTroubleView(trouble) {
  if (!trouble?.total) return nothing;
  const rows = trouble.people.filter(({ level }) => level !== "good");
  return html`<section class="stack tight" aria-labelledby="trouble-title">
    <h3 id="trouble-title" class="small">${t("Sound and picture")}</h3>
    <p class="muted small">
      ${n("{count} person receives sound and picture.", "{count} people receive sound and picture.", trouble.total)}
      ${trouble.troubled ? n("{count} of them has trouble:", "{count} of them have trouble:", trouble.troubled) : t("Nobody has trouble.")}
      ${trouble.node ? t("On node {node}.", { node: trouble.node }) : nothing}
    </p>
    ${rows.length ? html`<ul class="people trouble" role="list">${rows.map(rowView)}</ul>` : nothing}
    ${trouble.troubled > rows.length ? html`<p class="muted small">${t("The worst are shown.")}</p>` : nothing}
  </section>`;
}

/** @param {Row} row */
function rowView(row) {
  const { name, level, reasons, sends, undecodable } = row;
  return html`<li>
    <span><strong>${name}</strong></span> ${level === "lost" ? badge(t("No contact"), "danger") : badge(isCodecAlone(row) ? t("Pictures missing") : t("Poor connection"), "attention")}
    ${sends ? badge(t("On stage"), "live") : nothing}
    <p class="small">${reasons.map((reason) => reasonWord(reason, undecodable)).join(" ")} ${adviceOf(row)}</p>
    <details class="as-table small">
      <summary>${t("Figures")}</summary>
      <p class="muted tabular">${figuresOf(row).join(" · ")}</p>
    </details>
  </li>`;
}

/** Nothing is wrong with the network. @param {Row} row */
function isCodecAlone({ reasons }) {
  return reasons.every((reason) => reason === "codec");
}

/** @param {string} reason a code of `server/trouble.py` @param {string[]} undecodable @returns {string} */
export function reasonWord(reason, undecodable) {
  switch (reason) {
    case "codec":
      return t("Their browser cannot show {codecs}, which somebody on stage sends.", { codecs: undecodable.map(codecWord).join(", ") });
    case "silent":
      return t("Nothing has been heard from their browser for a while.");
    case "loss_up":
      return t("Much of what they send is lost on the way.");
    case "loss_down":
      return t("Much of what is sent to them is lost on the way.");
    case "narrow":
      return t("Their network is too narrow for pictures.");
    case "slow":
      return t("Their network is slow to answer.");
    case "tcp":
      return t("Their network blocks UDP, which makes it worse.");
    default:
      return "";
  }
}

/** What a moderator can tell somebody who has trouble. @param {Row} row @returns {string} */
export function adviceOf(row) {
  const { level, sends } = row;
  if (isCodecAlone(row)) return t("They hear everything. Advise them to use another browser. Software on stage should send VP8 if it can.");
  if (level === "lost") return t("They come back automatically when their network does.");
  if (sends) return t("Ask them to switch off their camera, or to sit closer to the router.");
  return t("Advise them to switch on Simpler mode, or to sit closer to the router.");
}

/** @param {Row} row @returns {string[]} */
function figuresOf({ round_trip_ms: roundTrip, loss_up: up, loss_down: down, estimate_bps: estimate, transport }) {
  const share = (/** @type {number} */ part) => number(part, { style: "percent", maximumFractionDigits: 1 });
  return [
    t("round trip {ms} ms", { ms: number(Math.round(roundTrip)) }),
    t("lost from them {share}", { share: share(up) }),
    t("lost to them {share}", { share: share(down) }),
    ...(estimate ? [t("room for {rate} Mbit/s", { rate: number(estimate / 1e6, { maximumFractionDigits: 1 }) })] : []),
    ...(transport ? [transport.toUpperCase()] : []),
  ];
}
