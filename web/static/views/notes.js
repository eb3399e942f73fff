/**
 * Shared notes in a text field like any other: by keyboard, by voice, with a screen reader. What others write appears in it
 * without moving the caret. Neighbour: `../notes.js`, which keeps them in step with the server.
 */

import { html, nothing } from "lit";
import { ref } from "lit/directives/ref.js";
import { t } from "../i18n.js";
import { shifted } from "../note-text.js";
import { MOST_CHARACTERS, Notes, exchangeAt } from "../notes.js";
import { icon } from "./parts.js";

/** Between two words that others have written, for who cannot see it. */
const WORD_MS = 20_000;

export class NotesField {
  /** Whose notes are open. */
  roomId = "";
  #refresh;
  /** @type {Notes | undefined} */
  #notes;
  /** @type {HTMLTextAreaElement | undefined} */
  #field;
  /** What others have written while a character is being put together (IME) waits. */
  #isComposing = false;
  #saidAt = -Infinity;

  /** @param {import("../protocol.js").Connection} connection @param {() => void} refresh */
  constructor(connection, refresh) {
    this.#refresh = refresh;
    connection.addEventListener("signal", (event) => {
      const { type, room_id, update } = /** @type {CustomEvent} */ (event).detail;
      if (type === "notes" && room_id === this.roomId) this.#notes?.heed(update);
    });
    connection.addEventListener("status", () => connection.status.name === "connected" && this.#notes?.look());
    addEventListener("online", () => this.#notes?.look());
    addEventListener("pagehide", () => this.#notes?.close());
  }

  /** @param {string} sessionId @param {string} roomId "" closes what is open */
  open(sessionId, roomId) {
    if (roomId === this.roomId) return;
    this.#notes?.close();
    this.roomId = roomId;
    this.#notes = undefined;
    if (!roomId) return;
    const notes = new Notes(exchangeAt(`/api/breakouts/${encodeURIComponent(sessionId)}/notes/${encodeURIComponent(roomId)}`));
    this.#notes = notes;
    notes.addEventListener("change", (event) => {
      if (this.#notes !== notes) return;
      this.#take(/** @type {CustomEvent} */ (event).detail.delta);
      this.#refresh();
    });
    void notes.open();
  }

  /** Brings what was written last, before one leaves. */
  async flush() {
    await this.#notes?.flush();
  }

  /** @param {{mayWrite: boolean}} options */
  view({ mayWrite }) {
    const notes = this.#notes;
    if (!notes) return nothing;
    const isOthers = Date.now() - this.#saidAt < WORD_MS;
    return html`<section class="notes" aria-labelledby="notes-title">
      <h2 class="kicker" id="notes-title">${t("Shared notes")}</h2>
      <textarea
        class="input notes-text"
        rows="10"
        maxlength=${MOST_CHARACTERS}
        aria-labelledby="notes-title"
        aria-describedby="notes-help"
        placeholder=${mayWrite ? t("Everybody in the room writes here.") : nothing}
        ?readonly=${!mayWrite || !notes.isReady}
        ${ref((element) => this.#attach(/** @type {HTMLTextAreaElement | undefined} */ (element)))}
        @input=${() => this.#write()}
        @keydown=${(/** @type {KeyboardEvent} */ event) => this.#key(event)}
        @compositionstart=${() => (this.#isComposing = true)}
        @compositionend=${() => this.#composed()}
      ></textarea>
      <p class="field-help" id="notes-help">${t("Your group and the moderators can read them, and nobody else unless you show them on the stage.")}</p>
      <p class="muted small">${stateWords(notes.status)}</p>
      <p class="field-error" role="alert" ?hidden=${!notes.problem}>${notes.problem ? html`${icon("warning")} ${notes.problem}` : nothing}</p>
      <p class="visually-hidden" role="status">${isOthers ? t("Somebody else has written in the notes.") : nothing}</p>
    </section>`;
  }

  /** @param {HTMLTextAreaElement | undefined} field */
  #attach(field) {
    if (field === this.#field) return;
    this.#field = field;
    if (field) this.#take();
  }

  #write() {
    const field = this.#field;
    if (field) this.#notes?.write(field.value, field.selectionEnd);
  }

  #composed() {
    this.#isComposing = false;
    this.#write();
    this.#take();
  }

  /** Taking back takes back one's own words only. @param {KeyboardEvent} event */
  #key(event) {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || event.key.toLowerCase() !== "z") return;
    event.preventDefault();
    if (this.#field?.readOnly) return;
    if (event.shiftKey) this.#notes?.redo();
    else this.#notes?.undo();
    this.#take();
  }

  /** Shows what the notes are now. @param {import("../note-text.js").Delta} [delta] what others did */
  #take(delta) {
    const [field, notes] = [this.#field, this.#notes];
    if (delta && notes?.status !== "loading") this.#saidAt = Date.now();
    if (!field || !notes || this.#isComposing || field.value === notes.text) return;
    const [start, end, top] = [field.selectionStart, field.selectionEnd, field.scrollTop];
    field.value = notes.text;
    if (delta) field.setSelectionRange(shifted(start, delta), shifted(end, delta));
    field.scrollTop = top;
  }
}

/** The notes that a room shows to everybody. @param {{title: string, text: string}} shown */
export function stageNotesView({ title, text }) {
  return html`<section class="stage-notes" aria-labelledby="stage-notes-title" tabindex="0">
    <h2 class="kicker" id="stage-notes-title">${t("Notes of {room}", { room: title })}</h2>
    <p class="notes-read">${text || t("Nothing has been written yet.")}</p>
  </section>`;
}

/** @param {import("../notes.js").NotesStatus} status */
function stateWords(status) {
  if (status === "loading") return t("The notes are being fetched…");
  if (status === "offline") return t("No contact with the server. What you write is kept on this page, and saved as soon as contact is back.");
  if (status === "saving") return t("Saving…");
  return status === "saved" ? t("Saved") : nothing;
}
