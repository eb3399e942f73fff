/**
 * The twin of `rooms`' `apply`: the state of a stream after an event. Pure; neighbours: `protocol.js`, which feeds it.
 * A test (`tests/web/test_state_twin.py`) holds it against the Python original for every audience.
 *
 * @import {BreakoutsEvent} from "../types/breakouts"
 * @import {ConferenceEvent, ConferenceState, Event, Harvest, HarvestEvent, PollEvent, Poll, Question, QuestionEvent, Recording, RecordingEvent,
 *   RoomEvent, RoomState, SessionPlan, SessionRun, StageEvent, StageMember, State} from "../types/messages"
 */

import { applyBreakouts, noBreakouts } from "./breakouts_state.js";

/** @type {SessionRun} */
const PLANNED = { phase: "planned", backstage_at: null, live_at: null, ended_at: null };

/**
 * The state of a stream in which nothing has happened.
 * @param {string} stream
 * @returns {State}
 */
export function emptyState(stream) {
  if (stream === "conference") {
    return { type: "conference", programme: null, runs: {}, survey: { phase: "planned", opened_at: null, closed_at: null } };
  }
  if (stream.startsWith("breakouts/")) return noBreakouts();
  return { type: "room", stage: {}, polls: {}, questions: {}, recordings: {}, harvest: null };
}

/**
 * The state after `event`. Unknown events change nothing: a newer server may tell more than this page shows.
 * @template {State} S
 * @param {S} state
 * @param {Event} event
 * @returns {S}
 */
export function apply(state, event) {
  return /** @type {S} */ (applyAny(state, event));
}

/** @param {State} state @param {Event} event @returns {State} */
function applyAny(state, event) {
  if (state.type === "conference") return applyConference(state, /** @type {ConferenceEvent} */ (event));
  if (state.type === "breakouts") return applyBreakouts(state, /** @type {BreakoutsEvent} */ (event));
  return applyRoom(state, /** @type {RoomEvent} */ (event));
}

/** How far a session has come. @param {ConferenceState} state @param {string} sessionId @returns {SessionRun} */
export function runOf(state, sessionId) {
  return Object.hasOwn(state.runs, sessionId) ? /** @type {SessionRun} */ (state.runs[sessionId]) : PLANNED;
}

/** The plan of a session. @param {ConferenceState} state @param {string} sessionId @returns {SessionPlan | undefined} */
export function planOf(state, sessionId) {
  return state.programme?.sessions.find((plan) => plan.id === sessionId);
}

/**
 * The session to go to after (or instead of) one: the live one, else the next that is planned and not over by the clock;
 * breaks are nothing to go to.
 * @param {ConferenceState} state
 * @param {string} sessionId
 * @param {number} now milliseconds since 1970
 * @returns {SessionPlan | undefined}
 */
export function nextSession(state, sessionId, now) {
  const others = (state.programme?.sessions ?? []).filter((plan) => plan.id !== sessionId && plan.kind !== "break");
  const live = others.find((plan) => runOf(state, plan.id).phase === "live");
  return live ?? others.find((plan) => runOf(state, plan.id).phase === "planned" && Date.parse(plan.ends_at) > now);
}

/** The break that goes on now or comes before a session. @param {ConferenceState} state @param {SessionPlan} next @param {number} now */
export function breakBefore(state, next, now) {
  return (state.programme?.sessions ?? []).find(
    (plan) => plan.kind === "break" && Date.parse(plan.ends_at) > now && Date.parse(plan.ends_at) <= Date.parse(next.starts_at),
  );
}

/** @param {ConferenceState} state @param {ConferenceEvent} event @returns {ConferenceState} */
function applyConference(state, event) {
  switch (event.type) {
    case "programme.published":
      return { ...state, programme: event.programme };
    case "session.prepared":
      return withRun(state, event.session_id, { phase: "backstage", backstage_at: event.at });
    case "session.went_live":
      return withRun(state, event.session_id, { phase: "live", live_at: event.at });
    case "session.ended":
      return withRun(state, event.session_id, { phase: "ended", ended_at: event.at });
    case "survey.opened":
      return { ...state, survey: { phase: "open", opened_at: event.at, closed_at: null } };
    case "survey.closed":
      return { ...state, survey: { ...state.survey, phase: "closed", closed_at: event.at } };
    default:
      return state;
  }
}

/** @param {ConferenceState} state @param {string} sessionId @param {Partial<SessionRun>} changes @returns {ConferenceState} */
function withRun(state, sessionId, changes) {
  return { ...state, runs: { ...state.runs, [sessionId]: { ...runOf(state, sessionId), ...changes } } };
}

/** @param {RoomState} state @param {RoomEvent} event @returns {RoomState} */
function applyRoom(state, event) {
  const kind = event.type.split(".", 1)[0];
  switch (kind) {
    case "stage":
      return { ...state, stage: applyStage(state.stage, /** @type {StageEvent} */ (event)) };
    case "poll":
      return { ...state, polls: applyPolls(state.polls, /** @type {PollEvent} */ (event)) };
    case "question":
      return { ...state, questions: applyQuestions(state.questions, /** @type {QuestionEvent} */ (event)) };
    case "harvest":
      return { ...state, harvest: applyHarvest(state.harvest, /** @type {HarvestEvent} */ (event)) };
    case "recording":
      return { ...state, recordings: applyRecordings(state.recordings, /** @type {RecordingEvent} */ (event)) };
    default:
      return state;
  }
}

/** @param {Record<string, StageMember>} stage @param {StageEvent} event @returns {Record<string, StageMember>} */
function applyStage(stage, event) {
  const id = event.person_id;
  switch (event.type) {
    case "stage.entered": {
      const off = { camera: false, microphone: false, screen: false };
      return { ...stage, [id]: { person_id: id, entered_at: event.at, ...off } };
    }
    case "stage.media_set":
      return change(stage, id, { camera: event.camera, microphone: event.microphone, screen: event.screen });
    case "stage.left":
      return without(stage, id);
    default:
      return stage;
  }
}

/** @param {Record<string, Poll>} polls @param {PollEvent} event @returns {Record<string, Poll>} */
function applyPolls(polls, event) {
  switch (event.type) {
    case "poll.drafted":
    case "poll.opened":
      return { ...polls, [event.poll.id]: event.poll };
    case "poll.discarded":
      return without(polls, event.poll_id);
    case "poll.closed":
      return change(polls, event.poll_id, { phase: "closed", closed_at: event.at });
    case "poll.counted":
      return change(polls, event.poll_id, { counts: event.counts });
    case "poll.shown":
      return change(polls, event.poll_id, { phase: "shown", counts: event.counts });
    default:
      return polls;
  }
}

/** @param {Record<string, Question>} questions @param {QuestionEvent} event @returns {Record<string, Question>} */
function applyQuestions(questions, event) {
  switch (event.type) {
    case "question.asked":
    case "question.published":
      return { ...questions, [event.question.id]: event.question };
    case "question.dismissed":
      return change(questions, event.question_id, { status: "dismissed" });
    case "question.answered":
      return change(questions, event.question_id, { status: "answered" });
    default:
      return questions;
  }
}

/** @param {Harvest | null} harvest @param {HarvestEvent} event @returns {Harvest | null} */
function applyHarvest(harvest, event) {
  const held = harvest ?? { points: {}, groups: [], shown: false };
  switch (event.type) {
    case "harvest.gathered":
      return { ...held, points: { ...held.points, ...Object.fromEntries(event.points.map((point) => [point.id, point])) }, groups: [...held.groups, ...event.groups] };
    case "harvest.arranged":
      return { ...held, groups: event.groups };
    case "harvest.shown":
      return event.harvest;
    default:
      return harvest;
  }
}

/** @param {Record<string, Recording>} recordings @param {RecordingEvent} event @returns {Record<string, Recording>} */
function applyRecordings(recordings, event) {
  const id = event.recording_id;
  switch (event.type) {
    case "recording.started": {
      const rest = { stopped_at: null, duration: null, reason: "" };
      return { ...recordings, [id]: { id, status: "running", started_at: event.at, started_by: event.by, ...rest } };
    }
    case "recording.stopped":
      return change(recordings, id, { status: "stopped", stopped_at: event.at, reason: event.reason });
    case "recording.available":
      return change(recordings, id, { status: "available", duration: event.duration });
    case "recording.failed": {
      const stopped_at = recordings[id]?.stopped_at ?? event.at;
      return change(recordings, id, { status: "failed", reason: event.reason, stopped_at });
    }
    case "recording.erased":
      return change(recordings, id, { status: "erased" });
    default:
      return recordings;
  }
}

/**
 * @template T
 * @param {Record<string, T>} items
 * @param {string} id
 * @param {Partial<T>} changes
 * @returns {Record<string, T>}
 */
function change(items, id, changes) {
  return { ...items, [id]: { .../** @type {T} */ (items[id]), ...changes } };
}

/**
 * @template T
 * @param {Record<string, T>} items
 * @param {string} id
 * @returns {Record<string, T>}
 */
function without(items, id) {
  return Object.fromEntries(Object.entries(items).filter(([key]) => key !== id));
}
