/** Small pieces that every live view is put together from. */

import { html, nothing, svg } from "lit";
import { t } from "../i18n.js";

/** @typedef {import("./actions.js").Actions} Actions */

/** A decoration beside words. @param {string} name an id in `icons.svg` */
export function icon(name) {
  return html`<svg class="icon" aria-hidden="true">${svg`<use href=${`/static/icons.svg#${name}`}></use>`}</svg>`;
}

/**
 * A button with words.
 * @param {{label: string, onClick: () => void, icon?: string, look?: string, isPressed?: boolean, isBusy?: boolean,
 *   isDisabled?: boolean, describedBy?: string, name?: string}} options `look`: further classes; `isPressed` makes it a toggle;
 *   `name`: what it is called for a screen reader, where the words need their surroundings
 */
export function button({ label, onClick, icon: image, look = "", isPressed, isBusy, isDisabled, describedBy, name }) {
  return html`<button
    type="button"
    class="button ${look}"
    aria-pressed=${isPressed === undefined ? nothing : String(isPressed)}
    aria-busy=${isBusy ? "true" : nothing}
    aria-disabled=${isBusy ? "true" : nothing}
    aria-describedby=${describedBy ?? nothing}
    aria-label=${name ?? nothing}
    ?disabled=${isDisabled ?? false}
    @click=${isBusy ? nothing : onClick}
  >
    ${image ? icon(image) : nothing}<span>${label}</span>
  </button>`;
}

/** The refusal of a control, read aloud when it comes. @param {Actions} actions @param {string} key */
export function problem(actions, key) {
  const text = actions.problem(key);
  return html`<p class="field-error" role="alert" id=${`problem-${key}`} ?hidden=${!text}>${text ? html`${icon("warning")} ${text}` : nothing}</p>`;
}

/**
 * What is happening, until when, and what one can do.
 * @param {{icon: string, title: string, text?: unknown, more?: unknown}} options
 */
export function empty({ icon: image, title, text, more }) {
  return html`<div class="empty">
    ${icon(image)}
    <h2>${title}</h2>
    ${text ? html`<p>${text}</p>` : nothing} ${more ?? nothing}
  </div>`;
}

/** A word that something is under way, with its time. @param {string} word @param {string} [look] */
export function badge(word, look = "") {
  return html`<span class="badge ${look}">${word}</span>`;
}

/**
 * Tabs of a panel, by arrow keys too (WAI-ARIA, tabs pattern).
 * @param {{label: string, tabs: {id: string, label: string, count?: number, isNew?: boolean, note?: string}[], chosen: string,
 *   choose: (id: string) => void, controls: string}} options `note`: what a count that `isNew` counts, read aloud
 */
export function tabs({ label, tabs: all, chosen, choose, controls }) {
  /** @param {KeyboardEvent} event @param {number} index */
  const move = (event, index) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const next = (index + step + all.length) % all.length;
    choose(/** @type {{id: string}} */ (all[next]).id);
    const list = /** @type {HTMLElement} */ (event.currentTarget).parentElement;
    /** @type {HTMLElement | null | undefined} */ (list?.children[next])?.focus();
  };
  return html`<div class="tabs" role="tablist" aria-label=${label}>
    ${all.map(
      ({ id, label: word, count, isNew, note = t("New") }, index) => html`<button
        type="button"
        role="tab"
        id=${`tab-${id}`}
        aria-controls=${controls}
        aria-selected=${String(id === chosen)}
        tabindex=${id === chosen ? "0" : "-1"}
        @click=${() => choose(id)}
        @keydown=${(/** @type {KeyboardEvent} */ event) => move(event, index)}
      >
        ${word}${count ? html` <span class="count ${isNew ? "new" : ""}">${count}</span>` : nothing}
        ${isNew ? html`<span class="visually-hidden">${note}</span>` : nothing}
      </button>`,
    )}
  </div>`;
}
