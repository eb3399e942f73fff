/** What rooms, rules and ways are called. Everything here is text for people; nothing decides. */

import { countdown } from "../clock.js";
import { n, number, t } from "../i18n.js";

/**
 * @typedef {import("../../types/breakouts").BreakoutRoom} BreakoutRoom
 * @typedef {import("../../types/breakouts").BreakoutWay} Way
 * @typedef {import("../../types/grouping").Rule} Rule
 */

/** "Room 3", or its title where it has one of its own. @param {{number: number, title: string}} room */
export function roomName(room) {
  return room.title || t("Room {number}", { number: number(room.number) });
}

/** "Room 3: Budget". @param {{number: number, title: string, topic: string}} room */
export function roomTitle(room) {
  return room.topic ? t("{room}: {topic}", { room: roomName(room), topic: room.topic }) : roomName(room);
}

/** @param {number} round counted from 1 */
export function roundName(round) {
  return t("Round {number}", { number: number(round) });
}

/** For a clock that is looked at. @param {number} left milliseconds */
export function leftOnClock(left) {
  return countdown(left);
}

/** For sentences and screen readers. @param {number} left milliseconds */
export function leftInWords(left) {
  const minutes = Math.ceil(left / 60_000);
  return left <= 0 ? t("The time is up.") : n("{count} minute left.", "{count} minutes left.", minutes);
}

/** @param {Way} way @returns {string} */
export function wayWord(way) {
  switch (way) {
    case "composed":
      return t("Composed");
    case "chosen":
      return t("Participants choose");
    case "drawn":
      return t("Drawn at random");
    case "again":
      return t("As last time");
    case "list":
      return t("From a list");
    case "topics":
      return t("By topic");
    case "tables":
      return t("Open tables");
    default:
      return t("One to one");
  }
}

/** @param {Way} way @returns {string} */
export function wayHelp(way) {
  switch (way) {
    case "composed":
      return t("Groups are made according to your wishes below.");
    case "chosen":
      return t("Everybody chooses a room, as long as there are seats.");
    case "drawn":
      return t("Groups of even size, drawn at random.");
    case "again":
      return t("The groups of the last round, with the same people.");
    case "list":
      return t("Groups from a CSV file that you have made.");
    case "topics":
      return t("Participants choose topics, and meet those who chose the same.");
    case "tables":
      return t("Tables for informal talk that stay open. Everybody comes and goes as they like.");
    default:
      return t("Everybody who wants to meets somebody drawn at random, for five minutes.");
  }
}

/** What opening the rooms will do. @param {Pick<import("../../types/breakouts").BreakoutPlan, "way" | "places_late">} plan @returns {string} */
export function openingWords({ way, places_late }) {
  if (way === "chosen" || way === "tables") return t("Nobody is moved: everybody chooses where to go.");
  if (way === "pairs") return t("Nobody is moved: whoever wants a conversation asks for one.");
  const moved = t("Everybody who is here is taken to their room at once.");
  return places_late ? `${moved} ${t("Whoever comes later is given a place.")}` : moved;
}

/** The words of the composer's rules, as `server/grouping_words.py` has them. @param {Rule} rule @returns {string} */
export function ruleWord(rule) {
  switch (rule) {
    case "size_same":
      return t("Municipalities of the same size");
    case "size_neighbouring":
      return t("Municipalities of similar size");
    case "size_mixed":
      return t("Small and large municipalities mixed");
    case "experience":
      return t("New with experienced");
    case "county":
      return t("From different counties");
    case "topic":
      return t("The topic they chose");
    case "field":
      return t("Within the same professional field");
    case "turnout":
      return t("People who may not come, spread out");
    case "never_met":
      return t("Nobody they have met before");
    case "teams_together":
      return t("Teams stay together");
    case "teams_apart":
      return t("Teams go to different rooms");
    default:
      return t("A facilitator in every room");
  }
}
