/**
 * What time it is at the server, and how times are written. A laptop's clock may be minutes wrong; countdowns and
 * "now" follow the server's, as told by the page and again by every `welcome`.
 */

import { locale, n, t } from "./i18n.js";

export class Clock {
  /** @param {() => number} [source] milliseconds since 1970 by the visitor's own clock */
  constructor(source = Date.now) {
    this.source = source;
    this.offset = 0;
  }

  /** Sets the clock by the server's. @param {string | undefined} serverTime RFC 3339 */
  correct(serverTime) {
    const told = Date.parse(serverTime ?? "");
    if (!Number.isNaN(told)) this.offset = told - this.source();
  }

  /** Milliseconds since 1970 at the server. */
  now() {
    return this.source() + this.offset;
  }
}

/** The visitor's own time zone, as an IANA name. */
export const visitorZone = new Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

/** @typedef {string | number | Date} Instant RFC 3339, or milliseconds since 1970 */

/** "14:05", in every language as the server writes it (Danish has "14.05" too). @param {Instant} at @param {string} zone */
export function timeOf(at, zone) {
  return new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: zone }).format(new Date(at));
}

/** "14:05–15:00". @param {Instant} from @param {Instant} to @param {string} zone */
export function rangeOf(from, to, zone) {
  return `${timeOf(from, zone)}–${timeOf(to, zone)}`;
}

/** "Wednesday 25 March". @param {Instant} at @param {string} zone */
export function dayOf(at, zone) {
  const day = new Intl.DateTimeFormat(locale, { weekday: "long", day: "numeric", month: "long", timeZone: zone }).format(new Date(at));
  return day.charAt(0).toLocaleUpperCase(locale) + day.slice(1);
}

/** What begins on each day of a zone, days and items in the order given. @template {{starts_at: string}} T @param {readonly T[]} items @param {string} zone @returns {[day: string, items: T[]][]} */
export function byDay(items, zone) {
  /** @type {Map<string, T[]>} */
  const days = new Map();
  for (const item of items) {
    const day = dayOf(item.starts_at, zone);
    days.set(day, [...(days.get(day) ?? []), item]);
  }
  return [...days];
}

/** True if clocks in the two zones show different times at an instant. @param {Instant} at @param {string} a @param {string} b */
export function zonesDiffer(at, a, b) {
  const show = (/** @type {string} */ zone) =>
    new Intl.DateTimeFormat("en", { dateStyle: "short", timeStyle: "short", timeZone: zone }).format(new Date(at));
  return a !== b && show(a) !== show(b);
}

/** "4:05" or "1:04:05" until or since something, never negative. @param {number} milliseconds */
export function countdown(milliseconds) {
  const total = Math.max(0, Math.ceil(milliseconds / 1000));
  const hours = Math.floor(total / 3600);
  const minutes = Math.floor(total / 60) % 60;
  const seconds = String(total % 60).padStart(2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${seconds}` : `${minutes}:${seconds}`;
}

/** The same in words for sentences and screen readers: "in 25 minutes". @param {number} milliseconds */
export function untilInWords(milliseconds) {
  const minutes = Math.round(milliseconds / 60000);
  if (minutes < 1) return t("in a moment");
  if (minutes < 90) return n("in {count} minute", "in {count} minutes", minutes);
  const hours = Math.round(minutes / 60);
  if (hours < 36) return n("in {count} hour", "in {count} hours", hours);
  return n("in {count} day", "in {count} days", Math.round(hours / 24));
}

/**
 * Calls back now and at every full step of the clock, so that all countdowns of a page tick together.
 * @param {Clock} clock
 * @param {number} step milliseconds
 * @param {(now: number) => void} callback
 * @returns {() => void} stops it
 */
export function everyStep(clock, step, callback) {
  /** @type {ReturnType<typeof setTimeout>} */
  let timer;
  const tick = () => {
    callback(clock.now());
    timer = setTimeout(tick, step - (clock.now() % step) + 5);
  };
  tick();
  return () => clearTimeout(timer);
}
