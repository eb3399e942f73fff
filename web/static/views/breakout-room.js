/**
 * A breakout room as those in it see it: where one is and until when, what the moderator tells everybody, who is there and why, and
 * what one can ask for. Pure functions of the page's model. Neighbours: `breakout-hall.js`, for whoever sits in no room;
 * `breakout-clock.js`; `breakouts-page.js`, which keeps what only the page knows.
 */

import { html, nothing } from "lit";
import { timeOf } from "../clock.js";
import { n, t } from "../i18n.js";
import { clockView, countView } from "./breakout-clock.js";
import { roomTitle } from "./breakout-words.js";
import { badge, button, icon, problem } from "./parts.js";

/**
 * @typedef {import("../../types/breakouts").BreakoutRoom} BreakoutRoom
 * @typedef {import("../../types/breakouts").BreakoutsState} BreakoutsState
 * @typedef {{state: BreakoutsState, room: BreakoutRoom, ownId: string, isModerator: boolean, left: number | null, zone: string, why: string, isSounding: boolean,
 *   understood: string, nameOf: (id: string) => string, actions: import("./actions.js").Actions, askHelp: (on: boolean) => void, leave: () => void,
 *   mute: (person: string) => void, sound: (on: boolean) => void, understand: () => void}} Props `understood`: the message that has been put away
 */

/** Over the stage. @param {Props} props */
export function roomHeadView(props) {
  const { room, left, actions, askHelp, leave } = props;
  const isAsking = Boolean(room.help_since);
  return html`<section class="room-head" aria-label=${t("Your breakout room")}>
    <div class="room-title">
      <h2>${roomTitle(room)}</h2>
      <p class="muted small">${icon("lock")}<span>${t("Only your group hears and sees you. Nothing is recorded here.")}</span></p>
    </div>
    ${clockView(left)}
    <div class="cluster">
      ${button({
        label: isAsking ? t("You have asked for help") : t("Ask for help"),
        icon: "hand",
        isPressed: isAsking,
        isBusy: actions.isBusy("help"),
        name: isAsking ? t("You have asked for help. Press if you need none any more.") : t("Ask for help: a moderator comes to you"),
        onClick: () => askHelp(!isAsking),
      })}
      ${button({ label: t("Back to the plenary"), icon: "leave", look: "plain", isBusy: actions.isBusy("leave-room"), onClick: leave })}
    </div>
    ${problem(actions, "help")} ${problem(actions, "leave-room")} ${visitorsView(props)}
    ${countView(left)}
  </section>`;
}

/** Nobody listens unseen. @param {Props} props */
function visitorsView({ room, nameOf }) {
  return html`<div role="status">${room.visitors.map((id) => html`<p class="visitor small">${icon("info")}<span>${t("{name} is visiting: they see and hear you.", { name: nameOf(id) })}</span></p>`)}</div>`;
}

/** What a moderator writes to all rooms, and that one speaks to them. Shown in every room and in the plenary. @param {Pick<Props, "state" | "zone" | "understood" | "nameOf" | "understand">} props */
export function toldView({ state, zone, understood, nameOf, understand }) {
  const { news, speaking } = state;
  return html`<div class="told" role="status">
    ${speaking ? html`<p class="notice attention">${icon("speaker")}<span>${t("{name} speaks to all rooms now.", { name: nameOf(speaking) })}</span></p>` : nothing}
    ${news && state.phase === "running" && news.at !== understood
      ? html`<div class="notice">
          ${icon("chat")}
          <p><strong>${t("{name} to all rooms, {time}:", { name: nameOf(news.author_id), time: timeOf(news.at, zone) })}</strong> ${news.text}</p>
          ${button({ label: t("I see"), look: "plain", onClick: understand })}
        </div>`
      : nothing}
  </div>`;
}

/** Who is there, and why. @param {Props} props */
export function groupView(props) {
  const { room, why, isSounding, sound } = props;
  return html`<div class="stack">
    ${why ? html`<p class="why">${icon("people")}<span>${why}</span></p>` : nothing}
    <section>
      <h2 class="kicker">${n("{count} in your group", "{count} in your group", room.people.length)}</h2>
      <ul class="group" role="list">${room.people.map((id) => memberView(id, props))}</ul>
      ${room.facilitator === props.ownId ? html`<p class="muted small">${t("You facilitate: you can switch off somebody's microphone. They can switch it on again.")}</p>` : nothing}
    </section>
    <label class="check">
      <input type="checkbox" .checked=${isSounding} @change=${(/** @type {Event} */ event) => sound(/** @type {HTMLInputElement} */ (event.target).checked)} />
      <span>${t("Sound a note when 5 minutes and 1 minute are left")}</span>
    </label>
  </div>`;
}

/** While nobody facilitates, everybody may. @param {Pick<Props, "room" | "ownId" | "isModerator">} props */
export function mayLead({ room, ownId, isModerator }) {
  return isModerator || !room.facilitator || room.facilitator === ownId;
}

/** @param {string} id @param {Props} props */
function memberView(id, props) {
  const { room, ownId, nameOf, actions, mute } = props;
  const name = nameOf(id);
  return html`<li>
    <span>${id === ownId ? t("{name} (you)", { name }) : name}</span>
    ${room.facilitator === id ? badge(t("Facilitates"), "good") : nothing}
    ${mayLead(props) && id !== ownId
      ? button({ label: t("Mute"), icon: "microphone-off", look: "plain", name: t("Mute {name}", { name }), isBusy: actions.isBusy(`mute-${id}`), onClick: () => mute(id) })
      : nothing}
    ${problem(actions, `mute-${id}`)}
  </li>`;
}
