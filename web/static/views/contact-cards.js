/** Contact cards of those of a group who agreed to stay in touch, as the server gives them to whoever agreed too. */

import { html, nothing } from "lit";
import { t } from "../i18n.js";
import { empty, icon } from "./parts.js";

/**
 * @typedef {{name: string, title: string, municipality: string, email: string}} Card
 * @typedef {{room_id: string, cards: Card[]}} Group
 */

const RETRY_MS = 5_000;

export class Cards {
  #sessionId;
  #refresh;
  /** What was asked for last. */
  #asked = "";
  /** @type {Group[] | null} */
  #groups = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** They could not be had, and are asked for again soon. */
  hasFailed = false;

  /** @param {string} sessionId @param {() => void} refresh */
  constructor(sessionId, refresh) {
    this.#sessionId = sessionId;
    this.#refresh = refresh;
  }

  /** Fetches them, once for each state of things. @param {string} state */
  look(state) {
    if (state === this.#asked) return;
    this.#asked = state;
    void this.#fetch();
  }

  /** @param {string} roomId @returns {Card[] | null} null: not known yet */
  of(roomId) {
    return this.#groups && (this.#groups.find(({ room_id }) => room_id === roomId)?.cards ?? []);
  }

  async #fetch() {
    clearTimeout(this.#timer);
    try {
      const response = await fetch(`/api/breakouts/${encodeURIComponent(this.#sessionId)}/cards`);
      if (!response.ok) throw new Error(String(response.status));
      this.#groups = (await response.json()).groups;
      this.hasFailed = false;
    } catch {
      this.hasFailed = true;
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#again(), RETRY_MS);
    }
    this.#refresh();
  }

  #again() {
    this.#asked = ""; // looked at anew as soon as the page is drawn
    this.#refresh();
  }
}

/** @param {Cards} found @param {string} sessionId @param {string} roomId */
export function cardsView(found, sessionId, roomId) {
  const cards = found.of(roomId);
  const trouble = found.hasFailed ? html`<p class="notice attention" role="status">${icon("warning")}<span>${t("The contact cards could not be fetched. Another attempt is made automatically.")}</span></p>` : nothing;
  if (!cards || (!cards.length && found.hasFailed)) return trouble;
  if (!cards.length) return empty({ icon: "people", title: t("No cards yet"), text: t("Nobody else has agreed so far. You can leave this page: the cards are under Me.") });
  return html`${trouble}<ul class="cards" role="list">
      ${cards.map(
        ({ name, title, municipality, email }) => html`<li class="card">
          <strong>${name}</strong>
          <span class="muted small">${[title, municipality].filter(Boolean).join(", ")}</span>
          ${email ? html`<a href=${`mailto:${email}`}>${email}</a>` : nothing}
        </li>`,
      )}
    </ul>
    <p><a class="button" href=${`/api/breakouts/${sessionId}/cards/${roomId}.vcf`} download>${icon("people")}<span>${t("Save as contacts (vCard)")}</span></a></p>`;
}
