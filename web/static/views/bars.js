/** Results as labelled bars, with the same as a table. */

import { html, nothing } from "lit";
import { n, number, percent, t } from "../i18n.js";

/** @typedef {import("../../types/messages").Poll} Poll */

/** Of `rooms/polls.py`: fewer answers than this to an anonymous poll would tell what one person answered. */
export const LEAST_ANSWERS = 3;

/** How many have answered so far. @param {Poll} poll @param {number | undefined} answered unknown: too few to tell, or none yet */
export function answeredText(poll, answered) {
  if (answered === undefined && poll.anonymous) return t("Fewer than {least} have answered", { least: LEAST_ANSWERS });
  return n("{count} has answered", "{count} have answered", answered ?? 0);
}

/** @param {Poll} poll counted @param {number} [ownOption] */
export function resultsView(poll, ownOption) {
  const counts = poll.counts ?? [];
  if (!counts.length) return tooFewView();
  const total = counts.reduce((sum, count) => sum + count, 0);
  return html`<div class="results">
    <ul class="bars" role="list">
      ${poll.options.map((option, index) => barView(option, counts[index] ?? 0, total, index === ownOption))}
    </ul>
    <p class="muted small tabular">${n("{count} answer", "{count} answers", total)}</p>
    <details class="as-table">
      <summary>${t("Show as table")}</summary>
      ${tableView(poll, counts, total)}
    </details>
  </div>`;
}

function tooFewView() {
  return html`<p class="muted">${t("Fewer than {least} have answered. The result of an anonymous poll would tell what one of them answered, so nobody gets to see it.", { least: LEAST_ANSWERS })}</p>`;
}

/** @param {string} label @param {number} count @param {number} total @param {boolean} isOwn */
function barView(label, count, total, isOwn) {
  return html`<li class="bar ${isOwn ? "mine" : ""}">
    <span class="bar-label">${label}${isOwn ? html` <span class="muted small">(${t("your answer")})</span>` : nothing}</span>
    <span class="bar-value">${share(count, total)} (${number(count)})</span>
    <progress max=${Math.max(1, total)} value=${count} aria-hidden="true"></progress>
  </li>`;
}

/** @param {Poll} poll @param {number[]} counts @param {number} total */
function tableView(poll, counts, total) {
  return html`<div class="table-scroll" tabindex="0" role="region" aria-label=${poll.title}>
    <table class="table">
      <caption>${poll.title}</caption>
      <thead>
        <tr><th scope="col">${t("Option")}</th><th scope="col" class="number">${t("Answers")}</th><th scope="col" class="number">${t("Share")}</th></tr>
      </thead>
      <tbody>
        ${poll.options.map(
          (option, index) => html`<tr>
            <th scope="row">${option}</th>
            <td class="number">${number(counts[index] ?? 0)}</td>
            <td class="number">${share(counts[index] ?? 0, total)}</td>
          </tr>`,
        )}
      </tbody>
      <tfoot><tr><th scope="row">${t("Total")}</th><td class="number">${number(total)}</td><td></td></tr></tfoot>
    </table>
  </div>`;
}

/** @param {number} count @param {number} total */
function share(count, total) {
  return total ? percent(count / total) : "–";
}
