/** Who is here, a page at a time, for moderators. The list is fetched, never pushed: see the n² rule in `docs/`. */

import { html, nothing } from "lit";
import { n, number, t } from "../i18n.js";
import { badge, button, empty, icon } from "./parts.js";

/**
 * @typedef {{id: string, name: string, municipality: string, title: string, visible: boolean}} Person
 * @typedef {{total: number, page: number, per_page: number, people: Person[]}} PeoplePage
 * @typedef {{list: PeoplePage | null, hasFailed: boolean, signals: import("../../types/messages").Signals, turn: (page: number) => void}} Props
 */

/** @param {string} sessionId @param {number} page @returns {Promise<PeoplePage>} rejects when it cannot be fetched */
export async function fetchPeople(sessionId, page) {
  const response = await fetch(`/api/people?session=${encodeURIComponent(sessionId)}&page=${page}`);
  if (!response.ok) throw new Error(`people: ${response.status}`);
  return response.json();
}

/** @param {Props} props */
export function deskPeopleView({ list, hasFailed, signals, turn }) {
  if (hasFailed) return empty({ icon: "warning", title: t("The list could not be fetched"), more: button({ label: t("Try again"), onClick: () => turn(0) }) });
  if (!list) return html`<p class="muted">${t("Fetching the list…")}</p>`;
  if (!list.total) return empty({ icon: "people", title: t("Nobody is here yet") });
  const pages = Math.ceil(list.total / list.per_page);
  return html`
    <p class="presence">${icon("people")}<span><strong class="tabular">${n("{count} present", "{count} present", signals.present)}</strong>
      ${signals.background ? html`<span class="muted small">${n("{count} of them with the page in the background", "{count} of them with the page in the background", signals.background)}</span>` : nothing}</span></p>
    <ul class="people" role="list">${list.people.map(personView)}</ul>
    ${pages > 1
      ? html`<nav class="cluster apart" aria-label=${t("Pages of the list")}>
          ${button({ label: t("Previous page"), isDisabled: list.page === 0, onClick: () => turn(list.page - 1) })}
          <span class="small tabular">${t("Page {page} of {pages}", { page: number(list.page + 1), pages: number(pages) })}</span>
          ${button({ label: t("Next page"), isDisabled: list.page + 1 >= pages, onClick: () => turn(list.page + 1) })}
        </nav>`
      : nothing}
  `;
}

/** @param {Person} person */
function personView({ name, municipality, title, visible }) {
  const about = [title, municipality].filter(Boolean).join(", ");
  return html`<li>
    <span>${name}</span> <span class="muted small">${about}</span> ${visible ? nothing : badge(t("In the background"), "planned")}
  </li>`;
}
