/**
 * The messages of `rooms/messages.py` as they look on the wire: what the browser's modules are typed by.
 * Times are RFC 3339 in UTC. Nothing here exists at run time.
 */

import type { BreakoutsCommand, BreakoutsEvent, BreakoutsState } from "./breakouts";

export type Role = "attendee" | "speaker" | "moderator" | "board" | "organiser";
export type Kind = "plenary" | "breakouts" | "assembly" | "break";
export type Phase = "planned" | "backstage" | "live" | "ended";

export interface SessionPlan {
  id: string;
  title: string;
  kind: Kind;
  starts_at: string;
  ends_at: string;
  room: string;
  theme: string;
  speakers: string[];
  host: string;
}

export interface Programme {
  name: string;
  organiser: string;
  time_zone: string;
  languages: string[];
  goals: { participants: number; satisfied_share: number; mean: number };
  rooms: { id: string; title: string }[];
  sessions: SessionPlan[];
}

export interface SessionRun {
  phase: Phase;
  backstage_at: string | null;
  live_at: string | null;
  ended_at: string | null;
}

export interface Survey {
  phase: "planned" | "open" | "closed";
  opened_at: string | null;
  closed_at: string | null;
}

export interface StageMember {
  person_id: string;
  entered_at: string;
  camera: boolean;
  microphone: boolean;
  screen: boolean;
}

export interface Poll {
  id: string;
  title: string;
  options: string[];
  anonymous: boolean;
  phase: "draft" | "open" | "closed" | "shown";
  opened_at: string | null;
  closed_at: string | null;
  counts: number[] | null;
}

export interface Question {
  id: string;
  author_id: string;
  text: string;
  asked_at: string;
  status: "pending" | "published" | "answered" | "dismissed";
  published_at: string | null;
}

export interface Recording {
  id: string;
  status: "running" | "stopped" | "available" | "failed" | "erased";
  started_at: string;
  started_by: string;
  stopped_at: string | null;
  duration: number | null;
  reason: string;
}

export interface ConferenceState {
  type: "conference";
  programme: Programme | null;
  runs: Record<string, SessionRun>;
  survey: Survey;
}

/** What breakout rooms brought home: points by id, and how they are grouped. */
export interface Harvest {
  points: Record<string, HarvestPoint>;
  groups: HarvestGroup[];
  shown: boolean;
}

export interface HarvestPoint {
  id: string;
  room_id: string;
  text: string;
}

export interface HarvestGroup {
  id: string;
  title: string;
  points: string[];
  question_id: string;
}

export interface RoomState {
  type: "room";
  stage: Record<string, StageMember>;
  polls: Record<string, Poll>;
  questions: Record<string, Question>;
  recordings: Record<string, Recording>;
  harvest: Harvest | null;
}

export type State = ConferenceState | RoomState | BreakoutsState;

export type ConferenceEvent =
  | { type: "programme.published"; programme: Programme }
  | { type: "session.prepared" | "session.went_live" | "session.ended"; session_id: string; at: string }
  | { type: "survey.opened" | "survey.closed"; at: string };

export type StageEvent =
  | { type: "stage.entered"; person_id: string; at: string }
  | { type: "stage.media_set"; person_id: string; camera: boolean; microphone: boolean; screen: boolean }
  | { type: "stage.left"; person_id: string };

export type PollEvent =
  | { type: "poll.drafted" | "poll.opened"; poll: Poll }
  | { type: "poll.discarded"; poll_id: string }
  | { type: "poll.closed"; poll_id: string; at: string }
  | { type: "poll.counted" | "poll.shown"; poll_id: string; counts: number[] };

export type QuestionEvent =
  | { type: "question.asked" | "question.published"; question: Question }
  | { type: "question.dismissed"; question_id: string; author_id: string; was_published: boolean }
  | { type: "question.answered"; question_id: string };

export type RecordingEvent =
  | { type: "recording.started"; recording_id: string; by: string; at: string }
  | { type: "recording.stopped"; recording_id: string; at: string; reason: string }
  | { type: "recording.available"; recording_id: string; duration: number }
  | { type: "recording.failed"; recording_id: string; reason: string; at: string }
  | { type: "recording.erased"; recording_id: string };

export type HarvestEvent =
  | { type: "harvest.gathered"; shown: boolean; points: HarvestPoint[]; groups: HarvestGroup[] }
  | { type: "harvest.arranged"; shown: boolean; groups: HarvestGroup[] }
  | { type: "harvest.shown"; harvest: Harvest };

export type RoomEvent = StageEvent | PollEvent | QuestionEvent | RecordingEvent | HarvestEvent;
export type Event = ConferenceEvent | RoomEvent | BreakoutsEvent;

export type Command =
  | BreakoutsCommand
  | { type: "session.prepare" | "session.go_live" | "session.end"; session_id: string }
  | { type: "survey.open" | "survey.close" | "stage.enter" | "stage.leave" | "recording.start" | "recording.stop" }
  | { type: "stage.set_media"; camera: boolean; microphone: boolean; screen: boolean }
  | { type: "stage.remove"; person_id: string }
  | { type: "poll.draft"; title: string; options: string[]; anonymous: boolean }
  | { type: "poll.discard" | "poll.open" | "poll.close" | "poll.show"; poll_id: string }
  | { type: "poll.answer"; poll_id: string; option: number }
  | { type: "question.ask"; text: string }
  | { type: "question.publish" | "question.dismiss" | "question.mark_answered"; question_id: string }
  | { type: "question.vote"; question_id: string; up: boolean }
  | { type: "harvest.gather"; points: HarvestPoint[] }
  | { type: "harvest.arrange"; groups: Omit<HarvestGroup, "question_id">[] }
  | { type: "harvest.show" | "harvest.vote" };

/** What only this person knows of a session. */
export interface Mine {
  answers: Record<string, number>;
  votes: string[];
}

/** The latest ephemeral values of a session. */
export interface Signals {
  present: number;
  background: number;
  answered: Record<string, number>;
  votes: Record<string, number>;
  slots: Record<string, string>;
  codecs: Record<string, string>;
  speaking: string;
  media: "" | "reset" | "down";
  delayed: boolean;
  /** On the stream of breakout rooms: how many are in each that is open to anybody; for moderators, who is not connected and where it is silent. */
  counts: Record<string, number>;
  away: string[];
  silent: string[];
  /** The notes that are on the stage; `roomId` empty: none. */
  stageNotes: { roomId: string; text: string };
  /** Of breakout rooms that one is in, or moderates, by id. */
  rooms: Record<string, BreakoutMedia>;
}

/** Who is seen in which slot of a breakout room, who speaks, and whose microphone is off. */
export interface BreakoutMedia {
  slots: Record<string, string>;
  codecs: Record<string, string>;
  speaking: string;
  muted: string[];
}

export type ServerFrame =
  | { type: "welcome"; person_id: string; name: string; roles: Role[]; server_time: string; epoch: string }
  | { type: "snapshot"; stream: string; seq: number; state: State; people: Record<string, string> }
  | { type: "event"; stream: string; seq: number; at: string; event: Event; people: Record<string, string> }
  | { type: "caught_up"; stream: string; seq: number }
  | { type: "mine"; stream: string; answers: Record<string, number>; votes: string[] }
  | { type: "ack"; id: number; result?: Record<string, unknown> }
  | { type: "refused"; id: number | null; code: string; message: string }
  | { type: "resync"; reason: string }
  | SignalFrame;

export type SignalFrame =
  | { type: "presence"; stream: string; present: number; background: number }
  | { type: "tally"; stream: string; answered: Record<string, number>; votes: Record<string, number> }
  | { type: "slots"; stream: string; slots: Record<string, string>; codecs?: Record<string, string> }
  | { type: "speaking"; stream: string; person_id: string }
  | { type: "media"; stream: string; status: "reset" | "down" }
  | { type: "updates"; stream: string; delayed: boolean }
  | { type: "rooms"; stream: string; counts: Record<string, number> }
  | { type: "rooms_life"; stream: string; away: string[]; silent: string[] }
  | { type: "notes"; stream: string; room_id: string; update: string }
  | { type: "stage_notes"; stream: string; room_id: string; text: string }
  | ({ type: "breakout_media"; stream: string; room_id: string } & BreakoutMedia);
