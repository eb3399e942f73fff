/** The messages of `rooms/messages/breakout*.py` as they look on the wire. Nothing here exists at run time. */

import type { Rule, Strength } from "./grouping";

export type BreakoutWay = "composed" | "chosen" | "drawn" | "again" | "list" | "topics" | "tables" | "pairs";

export interface BreakoutWish {
  rule: Rule;
  strength: Strength;
  weight: number;
}

export interface BreakoutPlan {
  way: BreakoutWay;
  minutes: number;
  count: number;
  per_room: number;
  capacity: number;
  rounds: number;
  wishes: BreakoutWish[];
  topics: string[];
  together: string[][];
  apart: string[][];
  left_out: string[];
  seed: number;
  places_late: boolean;
  pairs: boolean;
  sound: boolean;
}

export interface DraftRoom {
  title: string;
  topic: string;
  capacity: number;
  people: string[];
  facilitator: string;
  locked: boolean;
  fixed: string[];
}

export interface BreakoutsDraft {
  plan: BreakoutPlan;
  rooms: DraftRoom[];
  later: DraftRound[];
}

/** After the next. `by_hand`: changed since it was composed. */
export interface DraftRound {
  rooms: DraftRoom[];
  left_out: string[];
  by_hand: boolean;
}

/** One's own: the one that has oneself in `people`. Others' are empty from `people` on. */
export interface BreakoutRoom {
  id: string;
  number: number;
  title: string;
  topic: string;
  capacity: number;
  is_open: boolean;
  is_pair: boolean;
  round: number;
  people: string[];
  facilitator: string;
  ends_at: string | null;
  help_since: string | null;
  visitors: string[];
  points: string[];
  in_touch: string[];
  closed_at: string | null;
}

export interface BreakoutsState {
  type: "breakouts";
  reader: string;
  phase: "none" | "running" | "over";
  number: number;
  way: BreakoutWay;
  started_at: string | null;
  ends_at: string | null;
  places_late: boolean;
  pairs: boolean;
  sound: boolean;
  rooms: Record<string, BreakoutRoom>;
  plan: BreakoutPlan | null;
  draft: BreakoutsDraft | null;
  topics: string[];
  topic_choices: Record<string, string[]>;
  willing: string[];
  waiting: string[];
  outside: Record<string, string>;
  barred: string[];
  met: string[][];
  news: { author_id: string; text: string; at: string } | null;
  speaking: string;
  showing: { room_id: string; title: string; number: number } | null;
}

export type BreakoutsEvent =
  | { type: "breakouts.topics_asked"; topics: string[] }
  | { type: "breakouts.wished"; person_id: string; topics: string[] }
  | { type: "breakouts.offered"; person_id: string; willing: boolean }
  | { type: "breakouts.planned"; draft: BreakoutsDraft }
  | { type: "breakouts.discarded" }
  | {
      type: "breakouts.opened";
      number: number;
      way: BreakoutWay;
      at: string;
      ends_at: string | null;
      places_late: boolean;
      pairs: boolean;
      sound: boolean;
      rooms: BreakoutRoom[];
    }
  | { type: "breakout.seated" | "breakout.paired" | "breakout.end_set" | "breakout.ended" | "breakout.forgotten"; room: BreakoutRoom }
  | { type: "breakout.appointed" | "breakout.points_set"; room: BreakoutRoom }
  | { type: "breakout.entered" | "breakout.visited" | "breakout.touched"; room: BreakoutRoom; person_id: string }
  | { type: "breakout.help_asked" | "breakout.help_answered"; room: BreakoutRoom; person_id: string }
  | { type: "breakout.muted"; room: BreakoutRoom; person_id: string; by: string }
  | { type: "breakout.left"; room: BreakoutRoom; person_id: string; is_moved: boolean; way_back: string }
  | { type: "breakouts.end_set"; ends_at: string }
  | { type: "breakouts.closed"; room_ids: string[]; at: string; is_over: boolean }
  | { type: "breakouts.told"; news: { author_id: string; text: string; at: string } }
  | { type: "breakouts.speaking"; person_id: string }
  | { type: "breakout.barred" | "breakout.unbarred"; person_id: string }
  | { type: "breakouts.waiting"; person_id: string; waits: boolean }
  | { type: "breakouts.notes_shown"; showing: { room_id: string; title: string; number: number } | null };

export type BreakoutsCommand =
  | { type: "breakouts.ask_topics" | "breakouts.wish"; topics: string[] }
  | { type: "breakouts.plan"; plan: Partial<BreakoutPlan>; rooms: Partial<DraftRoom>[]; later?: DraftRound[]; after?: number }
  | { type: "breakouts.discard" | "breakouts.open" | "breakout.leave" | "breakout.ask_help" | "breakout.withdraw_help" }
  | { type: "breakouts.close"; at_once: boolean }
  | { type: "breakouts.extend"; minutes: number; room_id?: string }
  | { type: "breakout.move"; person_id: string; room_id: string }
  | { type: "breakout.exchange"; person_id: string; other_id: string }
  | { type: "breakouts.tell"; text: string }
  | { type: "breakouts.speak" | "breakouts.pair" | "breakouts.offer"; on: boolean }
  | { type: "breakout.bar" | "breakout.unbar" | "breakout.mute"; person_id: string }
  | { type: "breakout.visit" | "breakout.answer_help" | "breakout.choose"; room_id: string }
  | { type: "breakout.appoint"; room_id: string; person_id: string }
  | { type: "breakout.touch"; agrees: boolean; room_id?: string }
  | { type: "breakout.set_points"; points: string[]; room_id?: string }
  | { type: "breakout.show_notes"; on: boolean; room_id?: string };
