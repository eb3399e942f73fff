/**
 * The lobby, kept up to date: the server has rendered it, this changes texts and states in place. Without JavaScript the
 * page stays as useful as it was when it was opened. Neighbours: `focus.js`, `templates/lobby.html` with the same words.
 *
 * @import {ConferenceState, Phase} from "../../types/messages"
 * @import {Focus} from "../focus.js"
 */

import { Clock, countdown, everyStep, rangeOf, timeOf, untilInWords, visitorZone, zonesDiffer } from "../clock.js";
import { find, setText } from "../dom.js";
import { focusOf } from "../focus.js";
import { locale, t } from "../i18n.js";
import { connectPage, pageData } from "../page.js";
import { toast } from "../toast.js";
import { runOf } from "../state.js";

const FOLLOW = "plenum.follow"; // in this tab: "lead me in when it starts"
const COUNTDOWN_MS = 90 * 60_000; // nearer than this a session has a countdown
const SPREAD_MS = 8_000; // everybody's lobby reloads when the programme changes: not all at once

const data = pageData();
const zone = data.time_zone || "UTC";
const clock = new Clock();
clock.correct(/** @type {{server_time?: string}} */ (data).server_time);

const hero = find(".hero", HTMLElement);
const follow = find('[data-slot="follow-box"]', HTMLInputElement);
const connection = connectPage(["conference"]);

/** @param {string} name @returns {HTMLElement} */
const slot = (name) => find(`[data-slot="${name}"]`, HTMLElement);

/** @returns {ConferenceState | undefined} */
function conference() {
  const state = connection.state("conference");
  return state?.type === "conference" ? state : undefined;
}

/** @param {ConferenceState} state */
function showSessions(state) {
  for (const row of document.querySelectorAll("[data-session]")) {
    if (!(row instanceof HTMLElement)) continue;
    const { phase } = runOf(state, row.dataset.session ?? "");
    if (row.dataset.phase === phase) continue;
    row.dataset.phase = phase;
    const badge = find("[data-phase-badge]", HTMLElement, row);
    badge.className = `badge ${phase}`;
    badge.hidden = phase === "planned";
    setText(badge, phaseWord(phase));
  }
  slot("survey").hidden = state.survey.phase !== "open";
}

/** @param {Phase} phase */
function phaseWord(phase) {
  if (phase === "live") return t("Live");
  if (phase === "backstage") return t("Starts soon");
  return phase === "ended" ? t("Ended") : t("Planned");
}

/** @param {Focus} focus @param {number} now */
function showFocus(focus, now) {
  const { step, plan, then } = focus;
  hero.dataset.step = step;
  slot("live").hidden = step !== "live";
  setText(slot("kicker"), kicker(focus));
  setText(slot("title"), plan?.title ?? (step === "over" ? t("The programme is over") : t("The programme is on its way")));
  setText(slot("times"), plan ? when(plan.starts_at, plan.ends_at, now) : "");
  setText(slot("people"), plan?.speakers.join(", ") ?? "");
  setText(slot("message"), message(step));
  find('a[data-slot="go"]', HTMLAnchorElement).href = plan ? `/session/${plan.id}` : step === "over" ? "/library" : "/check";
  setText(slot("go-text"), goText(focus));
  slot("follow").hidden = !(step === "waiting" || step === "backstage");
  slot("next").hidden = !then;
  if (then) setText(slot("next"), t("After that: {time} {title}", { time: timeOf(then.starts_at, zone), title: then.title }));
}

/** @param {Focus} focus */
function kicker({ step, during }) {
  if (step === "live") return t("Going on now");
  if (step === "backstage") return t("Starts soon");
  if (during) return t("Break until {time}. Then:", { time: timeOf(during.ends_at, zone) });
  if (step === "waiting") return t("Next");
  return step === "over" ? t("Thank you for taking part") : t("Welcome");
}

/** @param {Focus} focus */
function goText({ step, plan }) {
  if (plan) return step === "live" ? t("Go to the session") : t("Go in and wait");
  return step === "over" ? t("To the recordings") : t("Check sound and picture");
}

/** @param {Focus["step"]} step */
function message(step) {
  if (step === "over") return t("You find what was recorded under Recordings.");
  return step === "empty" ? t("The organiser has not published it yet. This page shows it as soon as it is there.") : "";
}

/** @param {string} from @param {string} to @param {number} now */
function when(from, to, now) {
  const day = (/** @type {string | number} */ at) =>
    new Intl.DateTimeFormat(locale, { weekday: "long", day: "numeric", month: "long", timeZone: zone }).format(new Date(at));
  return (day(from) === day(now) ? "" : `${day(from)}, `) + rangeOf(from, to, zone);
}

/** @param {Focus} focus @param {number} now */
function showCountdown({ step, plan }, now) {
  const place = slot("countdown");
  const left = plan ? Date.parse(plan.starts_at) - now : 0;
  place.hidden = step !== "waiting" || left <= 0;
  if (place.hidden) return;
  const isFar = left > COUNTDOWN_MS;
  place.classList.toggle("in-words", isFar);
  slot("countdown-label").hidden = isFar;
  setText(slot("left"), isFar ? t("Starts {when}", { when: untilInWords(left) }) : countdown(left));
}

/** Times in the visitor's own zone, where it shows others. */
function showLocalTimes() {
  const city = visitorZone.replace(/^.*\//, "").replaceAll("_", " ");
  let differs = false;
  for (const times of document.querySelectorAll(".times")) {
    if (!(times instanceof HTMLElement)) continue;
    const { from = "", to = "" } = times.dataset;
    if (!zonesDiffer(from, zone, visitorZone)) continue;
    differs = true;
    const local = document.createElement("span");
    local.className = "local";
    local.textContent = `${rangeOf(from, to, visitorZone)} ${city}`;
    times.after(local);
  }
  const note = find("#zone-note", HTMLElement);
  if (differs) setText(note, t("{note}, the small ones in {city}", { note: note.textContent ?? "", city }));
}

/** The session the visitor was waiting for has begun. @param {string} sessionId @param {ConferenceState} state */
function wentLive(sessionId, state) {
  if (follow.checked && focusOf(state, clock.now()).plan?.id === sessionId) {
    location.assign(`/session/${sessionId}`);
    return;
  }
  hero.classList.remove("arrived");
  requestAnimationFrame(() => hero.classList.add("arrived"));
  const title = state.programme?.sessions.find((plan) => plan.id === sessionId)?.title ?? "";
  toast(t("{title} has begun.", { title }), { tone: "good" });
}

function show() {
  const state = conference();
  if (!state) return;
  const now = clock.now();
  showSessions(state);
  const focus = focusOf(state, now);
  showFocus(focus, now);
  showCountdown(focus, now);
}

function keepFollow() {
  try {
    follow.checked = sessionStorage.getItem(FOLLOW) === "yes";
    follow.addEventListener("change", () => sessionStorage.setItem(FOLLOW, follow.checked ? "yes" : "no"));
  } catch {
    // storage can be switched off: then the choice lasts as long as the page
  }
}

keepFollow();
showLocalTimes();
connection.addEventListener("change", show);
connection.addEventListener("event", (event) => {
  const { event: happened } = /** @type {CustomEvent} */ (event).detail;
  const state = conference();
  if (happened.type === "session.went_live" && state) wentLive(happened.session_id, state);
  if (happened.type === "programme.published") setTimeout(() => location.reload(), Math.random() * SPREAD_MS);
});
everyStep(clock, 1000, show);
