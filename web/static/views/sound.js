/**
 * The sound of the stage, and of a breakout room: one element a receive slot, outside the document. Browsers may refuse sound until
 * somebody has pressed something; then `isBlocked` is true and the page shows one big button. Event: `change`.
 */

/** How loud a room is while somebody speaks to all rooms. */
const UNDER_A_VOICE = 0.25;


export class Sound extends EventTarget {
  isOn = true;
  isBlocked = false;
  /** @type {Map<string, HTMLAudioElement>} */
  #elements = new Map();
  /** @type {WeakMap<HTMLAudioElement, boolean>} */
  #silent = new WeakMap();

  /**
   * Plays what the slots bring.
   * @param {Map<string, MediaStreamTrack>} slots
   * @param {(slot: string) => boolean} isSilent true for a slot that brings one's own voice back, or what is not for this moment
   * @param {{of?: "stage" | "room", isUnder?: boolean}} [how] `of`: which connection's; `isUnder`: a voice to all is heard over it
   */
  play(slots, isSilent, { of = "stage", isUnder = false } = {}) {
    for (const [slot, track] of slots) {
      if (!slot.startsWith("audio")) continue;
      const key = `${of} ${slot}`;
      const element = this.#elements.get(key) ?? new Audio();
      this.#elements.set(key, element);
      const stream = /** @type {MediaStream | null} */ (element.srcObject);
      if (stream?.getAudioTracks()[0] !== track) {
        element.srcObject = new MediaStream([track]);
        void this.#start(element);
      }
      const muted = isSilent(slot);
      this.#silent.set(element, muted);
      element.muted = !this.isOn || muted;
      element.volume = isUnder ? UNDER_A_VOICE : 1;
    }
    if (slots.size === 0) this.#forget(of);
  }

  /** Must be called from something pressed where sound was refused. @param {boolean} on */
  async turn(on) {
    this.isOn = on;
    for (const element of this.#elements.values()) element.muted = !on || Boolean(this.#silent.get(element));
    if (on) await Promise.all([...this.#elements.values()].map((element) => this.#start(element)));
    this.#changed();
  }

  /** @param {HTMLAudioElement} element */
  async #start(element) {
    try {
      await element.play();
      this.#block(false);
    } catch (error) {
      if (error instanceof DOMException && error.name === "NotAllowedError") this.#block(true);
    }
  }

  /** @param {string} of */
  #forget(of) {
    for (const [key, element] of this.#elements) {
      if (!key.startsWith(`${of} `)) continue;
      element.srcObject = null;
      this.#elements.delete(key);
    }
    if (!this.#elements.size) this.#block(false);
  }

  /** @param {boolean} blocked */
  #block(blocked) {
    if (blocked === this.isBlocked) return;
    this.isBlocked = blocked;
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new CustomEvent("change"));
  }
}
