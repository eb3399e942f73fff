/**
 * What a connection holds of one stream: its state and sequence number, the latest signals, and what only this person
 * knows. Pure but for changing what it is given. Neighbours: `protocol.js`, which keeps these; `state.js`, which applies events.
 *
 * @import {Command, Mine, SignalFrame, Signals, State} from "../types/messages"
 */

/** @typedef {{seq: number, state: State | undefined, signals: Signals, mine: Mine}} Stream */

/** @returns {Stream} */
export function newStream() {
  return {
    seq: 0,
    state: undefined,
    signals: { present: 0, background: 0, answered: {}, votes: {}, slots: {}, codecs: {}, speaking: "", media: "", delayed: false, rooms: {}, ...noRooms() },
    mine: { answers: {}, votes: [] },
  };
}

/** What signals say of breakout rooms before any came. */
function noRooms() {
  return { counts: {}, away: /** @type {string[]} */ ([]), silent: /** @type {string[]} */ ([]), stageNotes: { roomId: "", text: "" } };
}

/** Takes in a signal; tallies tell changes, all others the whole. False for one of a newer server. @param {Signals} signals @param {SignalFrame} frame */
export function heedSignal(signals, frame) {
  switch (frame.type) {
    case "presence":
      Object.assign(signals, { present: frame.present, background: frame.background });
      return true;
    case "tally":
      signals.answered = { ...signals.answered, ...frame.answered };
      signals.votes = { ...signals.votes, ...frame.votes };
      return true;
    case "slots":
      Object.assign(signals, { slots: frame.slots, codecs: frame.codecs ?? {} });
      return true;
    case "speaking":
      signals.speaking = frame.person_id;
      return true;
    case "media":
      signals.media = frame.status;
      return true;
    case "breakout_media":
      signals.rooms = { ...signals.rooms, [frame.room_id]: { slots: frame.slots, codecs: frame.codecs, speaking: frame.speaking, muted: frame.muted } };
      return true;
    case "updates":
      signals.delayed = frame.delayed;
      return true;
    case "rooms":
      signals.counts = frame.counts;
      return true;
    case "rooms_life":
      Object.assign(signals, { away: frame.away, silent: frame.silent });
      return true;
    case "stage_notes":
      signals.stageNotes = { roomId: frame.room_id, text: frame.text };
      return true;
    case "notes": // whoever has those notes open takes them in
      return true;
    default:
      return false;
  }
}

/** What one has answered and voted for, after a command has been acknowledged. @param {Mine} mine @param {Command} command @returns {Mine} */
export function remember(mine, command) {
  if (command.type === "poll.answer") return { ...mine, answers: { ...mine.answers, [command.poll_id]: command.option } };
  if (command.type !== "question.vote") return mine;
  const others = mine.votes.filter((id) => id !== command.question_id);
  return { ...mine, votes: command.up ? [...others, command.question_id] : others };
}
