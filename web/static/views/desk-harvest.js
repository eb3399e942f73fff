/**
 * What breakout rooms leave behind, at the desk: their points, to be gathered and voted on, and their notes, to be read and shown. It
 * holds the notes as they were fetched last, and gives the commands. Neighbour: `harvest.js` draws the points.
 */

import { html, nothing } from "lit";
import { inTouch, moved, named, toGather } from "../harvest.js";
import { number, t } from "../i18n.js";
import { roomName, roomTitle } from "./breakout-words.js";
import { deskHarvestView } from "./harvest.js";
import { button, icon, problem } from "./parts.js";

/** How often the notes are fetched while they are looked at. */
const LOOK_MS = 10_000;

/** @typedef {{room_id: string, title: string, topic: string, text: string}} RoomNotes */

export class DeskHarvest {
  #page;
  /** @type {RoomNotes[] | null} */
  #notes = null;
  #lookedAt = -Infinity;
  #hasFailed = false;
  /** @type {Promise<unknown>} */
  #turn = Promise.resolve();

  /** @param {import("./live-page.js").LivePage} page */
  constructor(page) {
    this.#page = page;
  }

  get #rooms() {
    return this.#page.away.state;
  }

  /** How many points wait to be gathered. */
  get waiting() {
    return toGather(this.#rooms, this.#page.room.harvest).flat().length;
  }

  /** True if there is, or was, any room. */
  get isOffered() {
    return Boolean(Object.keys(this.#rooms.rooms).length || this.#page.room.harvest);
  }

  view() {
    this.#look();
    const { actions, room, signals, phase } = this.#page;
    return html`${deskHarvestView({
      ...{ harvest: room.harvest, waiting: this.waiting, votes: signals.votes, isLive: phase === "live", actions },
      roomOf: (id) => (this.#rooms.rooms[id] ? roomName(/** @type {import("../../types/breakouts").BreakoutRoom} */ (this.#rooms.rooms[id])) : ""),
      gather: () => void this.#gather(),
      move: (point, goal) => this.#arrange((harvest) => moved(harvest, point, goal)),
      name: (group, title) => this.#arrange((harvest) => named(harvest, group, title)),
      show: () => void actions.run("harvest-show", () => this.#page.do({ type: "harvest.show" })),
      vote: () => void actions.run("harvest-vote", () => this.#page.do({ type: "harvest.vote" })),
    })}
    ${this.#notesView()} ${this.#inTouchView()}
    ${Object.values(this.#rooms.rooms).length
      ? html`<p class="stack tight"><a class="button" href=${`/api/breakouts/${this.#page.data.session_id}/list`} download>${icon("download")}<span>${t("The groups as a list (CSV)")}</span></a>
          <span class="field-help">${t("To continue with the same groups another day, import the list there as “From a list”.")}</span></p>`
      : nothing}`;
  }

  async #gather() {
    const { actions, room } = this.#page;
    await actions.run("gather", async () => {
      for (const points of toGather(this.#rooms, room.harvest)) await this.#page.do({ type: "harvest.gather", points });
    });
  }

  /** One change after the other, each of the groups as they are by then. @param {(harvest: import("../../types/messages").Harvest) => import("../harvest.js").Sheaf[]} change */
  #arrange(change) {
    const arrange = async () => {
      const { harvest } = this.#page.room;
      if (harvest) await this.#page.do({ type: "harvest.arrange", groups: change(harvest) });
    };
    this.#turn = this.#turn.then(() => this.#page.actions.run("harvest-arrange", arrange));
  }

  #notesView() {
    return html`<section class="stack" aria-labelledby="room-notes-title">
      <h2 class="kicker" id="room-notes-title">${t("Notes of the rooms")}</h2>
      ${this.#hasFailed ? html`<p class="field-error">${t("The notes could not be fetched.")}</p>` : nothing}
      ${this.#notes && !this.#notes.length ? html`<p class="muted small">${t("No room has written notes yet.")}</p>` : nothing}
      ${(this.#notes ?? []).map((notes) => this.#roomNotes(notes))}
      ${problem(this.#page.actions, "show-notes")}
    </section>`;
  }

  /** @param {RoomNotes} notes */
  #roomNotes({ room_id, text }) {
    const { actions, away, phase, connection } = this.#page;
    const room = this.#rooms.rooms[room_id];
    if (!room) return nothing;
    const isShown = this.#rooms.showing?.room_id === room_id;
    const show = () => void actions.run("show-notes", () => connection.do(away.stream, { type: "breakout.show_notes", on: !isShown, room_id }));
    const title = roomTitle(room);
    return html`<details class="room-notes">
      <summary>${title}</summary>
      <p class="notes-read">${text}</p>
      ${phase === "live" ? button({ label: isShown ? t("Take off the stage") : t("Show on the stage"), name: `${isShown ? t("Take off the stage") : t("Show on the stage")}: ${title}`, icon: "screen", isPressed: isShown, isBusy: actions.isBusy("show-notes"), onClick: show }) : nothing}
    </details>`;
  }

  /** Who agreed to stay in touch, so that somebody can help them to. */
  #inTouchView() {
    const { nameOf, data } = this.#page;
    const rooms = inTouch(this.#rooms);
    if (!rooms.length) return nothing;
    return html`<section class="stack tight" aria-labelledby="in-touch-title">
      <h2 class="kicker" id="in-touch-title">${t("Groups that want to stay in touch")}</h2>
      <ul class="stack tight" role="list">
        ${rooms.map((room) => html`<li><strong>${roomTitle(room)}</strong> <span class="muted small">${t("Round {number}", { number: number(room.round) })}</span><br />${room.in_touch.map(nameOf).join(", ")}</li>`)}
      </ul>
      <p><a class="button" href=${`/api/breakouts/${data.session_id}/list?in_touch=1`} download>${icon("download")}<span>${t("These groups as a list (CSV)")}</span></a></p>
    </section>`;
  }

  #look() {
    if (document.hidden || Date.now() - this.#lookedAt < LOOK_MS) return;
    this.#lookedAt = Date.now();
    void this.#fetch();
  }

  async #fetch() {
    try {
      const response = await fetch(`/api/breakouts/${encodeURIComponent(this.#page.data.session_id)}/notes`);
      this.#hasFailed = !response.ok;
      if (response.ok) this.#notes = (await response.json()).notes;
    } catch {
      this.#hasFailed = true;
    }
    this.#page.refresh();
  }
}
