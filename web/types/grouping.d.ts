/** What `rooms/grouping/model.py` is asked for. Nothing here exists at run time. */

export type Rule =
  | "size_same"
  | "size_neighbouring"
  | "size_mixed"
  | "experience"
  | "county"
  | "topic"
  | "field"
  | "turnout"
  | "never_met"
  | "teams_together"
  | "teams_apart"
  | "facilitator";
export type Strength = "wish" | "must";
