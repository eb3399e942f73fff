/**
 * What a page advises its viewer about sound and picture: only what has lasted, and not again what was put away. No DOM access.
 * Neighbours: `quality.js` judges; `views/advice.js` says it in words.
 *
 * @typedef {import("./quality.js").Level} Level
 * @typedef {import("./quality.js").Reason} Reason
 * @typedef {{name: string, codec: string}} Unshown
 * @typedef {{level: Level, reasons: readonly Reason[], unshown: Unshown[], isLean: boolean, hasCamera: boolean}} Facts `isLean`: sound
 *   alone is wished; `hasCamera`: one's own camera is being sent
 * @typedef {{kind: "codec", unshown: Unshown[]}
 *   | {kind: "poor", reasons: readonly Reason[], offer: "sound" | "camera" | ""}
 *   | {kind: "better"}} Advice `offer`: what can be given up at once
 */

/** A network that hiccups, or publishers that are just changing their codec, are not worth a word. */
const LASTING_MS = 6_000;
const CODEC_MS = 2_500;
/** So long without trouble, and what was said about it is over. */
const CALM_MS = 15_000;
/** Sound alone, and all well: pictures may be tried again. */
const BETTER_MS = 60_000;
/** What was put away is not said again for so long. */
const PUT_AWAY_MS = 600_000;

export class Adviser {
  /** @type {Advice | null} */
  advice = null;
  #poorSince = 0;
  #goodSince = 0;
  #unshownSince = 0;
  /** @type {readonly Reason[]} */
  #reasons = [];
  /** Sound alone was chosen here, not as a taste. */
  #isLeanByAdvice = false;
  /** @type {Map<string, number>} until when something is not said */
  #putAway = new Map();

  /** @param {Facts} facts @param {number} now milliseconds @returns {Advice | null} */
  heed(facts, now) {
    this.#weigh(facts, now);
    if (!facts.isLean) this.#isLeanByAdvice = false;
    const found = [this.#codec(facts, now), this.#poor(facts, now), this.#better(facts, now)];
    this.advice = found.find((each) => each && (this.#putAway.get(keyOf(each)) ?? 0) <= now) ?? null;
    return this.advice;
  }

  /** What is said now has been read. @param {number} now */
  putAway(now) {
    if (this.advice) this.#putAway.set(keyOf(this.advice), now + PUT_AWAY_MS);
    this.advice = null;
  }

  /** The offer of sound alone was taken. */
  takeSound() {
    this.#isLeanByAdvice = true;
    this.#poorSince = this.#goodSince = 0;
  }

  /** @param {Facts} facts @param {number} now */
  #weigh({ level, reasons, unshown }, now) {
    this.#unshownSince = unshown.length ? this.#unshownSince || now : 0;
    if (level === "poor") {
      this.#goodSince = 0;
      this.#poorSince ||= now;
      if (reasons.length) this.#reasons = reasons;
    } else if (level === "good") {
      this.#goodSince ||= now;
      if (now - this.#goodSince >= CALM_MS) this.#poorSince = 0;
    } else {
      this.#goodSince = 0;
    }
  }

  /** @param {Facts} facts @param {number} now @returns {Advice | null} */
  #codec({ unshown }, now) {
    return unshown.length && now - this.#unshownSince >= CODEC_MS ? { kind: "codec", unshown } : null;
  }

  /** @param {Facts} facts @param {number} now @returns {Advice | null} */
  #poor({ level, isLean, hasCamera }, now) {
    if (level === "lost" || !this.#poorSince || now - this.#poorSince < LASTING_MS || !this.#reasons.length) return null;
    return { kind: "poor", reasons: this.#reasons, offer: hasCamera ? "camera" : isLean ? "" : "sound" };
  }

  /** @param {Facts} facts @param {number} now @returns {Advice | null} */
  #better({ isLean, level }, now) {
    const isWell = level === "good" && this.#goodSince > 0 && now - this.#goodSince >= BETTER_MS;
    return isLean && this.#isLeanByAdvice && isWell ? { kind: "better" } : null;
  }
}

/** @param {Advice} advice another codec is another matter */
function keyOf(advice) {
  return advice.kind === "codec" ? `codec ${advice.unshown.map(({ codec }) => codec).join(" ")}` : advice.kind;
}
