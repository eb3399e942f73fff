/** Asks before what cannot be taken back. The dialog is the browser's own: focus, Escape and the rest of the page are its business. */

import { html, nothing, render } from "lit";
import { t } from "../i18n.js";

/**
 * @param {{title: string, text: string, action: string, isDangerous?: boolean, points?: readonly string[]}} options `points`: what is to be known first
 * @returns {Promise<boolean>} true if confirmed
 */
export function confirm({ title, text, action, isDangerous = false, points = [] }) {
  const dialog = document.createElement("dialog");
  dialog.className = "dialog";
  dialog.setAttribute("aria-labelledby", "confirm-title");
  render(
    html`<form method="dialog">
      <h2 id="confirm-title">${title}</h2>
      ${points.length ? html`<ul class="points-first">${points.map((point) => html`<li>${point}</li>`)}</ul>` : nothing}
      <p>${text}</p>
      <footer class="actions">
        <button class="button primary ${isDangerous ? "danger" : ""}" value="yes">${action}</button>
        <button class="button" value="" autofocus>${t("Cancel")}</button>
      </footer>
    </form>`,
    dialog,
  );
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
  });
}
