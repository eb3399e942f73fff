/**
 * The session that the lobby leads to: the twin of `focus` in `server/programme_view.py`. Pure. A test
 * (`tests/web/test_lobby_focus.py`) holds the two against each other.
 *
 * @import {ConferenceState, SessionPlan} from "../types/messages"
 * @typedef {"live" | "backstage" | "waiting" | "over" | "empty"} Step
 * @typedef {{step: Step, plan?: SessionPlan, during?: SessionPlan, then?: SessionPlan}} Focus
 */

import { runOf } from "./state.js";

/** @param {ConferenceState} state @param {number} now milliseconds since 1970 @returns {Focus} */
export function focusOf(state, now) {
  const sessions = state.programme?.sessions ?? [];
  if (!sessions.length) return { step: "empty" };
  const current = currentSession(state, now);
  const phase = current && runOf(state, current.id).phase;
  if (current && (phase === "live" || phase === "backstage")) return { step: phase, plan: current, then: nextOf(state, now, current) };
  const following = nextOf(state, now);
  if (!following) return { step: "over" };
  const during = current?.kind === "break" ? current : undefined;
  return { step: "waiting", plan: following, during, then: nextOf(state, now, following) };
}

/** @param {ConferenceState} state @param {number} now @returns {SessionPlan | undefined} */
function currentSession(state, now) {
  const sessions = state.programme?.sessions ?? [];
  for (const phase of ["live", "backstage"]) {
    const found = sessions.find((plan) => runOf(state, plan.id).phase === phase && plan.kind !== "break");
    if (found) return found;
  }
  return sessions.find((plan) => Date.parse(plan.starts_at) <= now && now < Date.parse(plan.ends_at));
}

/**
 * The first session that people shall come to: planned, not passed by the clock, no break; after `than` if given.
 * @param {ConferenceState} state @param {number} now @param {SessionPlan} [than] @returns {SessionPlan | undefined}
 */
function nextOf(state, now, than) {
  return state.programme?.sessions.find((plan) => {
    const later = !than || (Date.parse(plan.starts_at) >= Date.parse(than.starts_at) && plan.id !== than.id);
    return later && plan.kind !== "break" && Date.parse(plan.ends_at) > now && runOf(state, plan.id).phase === "planned";
  });
}
