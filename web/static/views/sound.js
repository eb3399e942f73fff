/**
 * The sound of the stage: one element a receive slot, outside the document. Browsers may refuse sound until somebody has
 * pressed something; then `isBlocked` is true and the page shows one big button. Event: `change`.
 */

export class Sound extends EventTarget {
  isOn = true;
  isBlocked = false;
  /** @type {Map<string, HTMLAudioElement>} */
  #elements = new Map();

  /**
   * Plays what the slots bring.
   * @param {Map<string, MediaStreamTrack>} slots
   * @param {(slot: string) => boolean} isOwn true for a slot that brings one's own voice back
   */
  play(slots, isOwn) {
    for (const [slot, track] of slots) {
      if (!slot.startsWith("audio")) continue;
      const element = this.#elements.get(slot) ?? new Audio();
      this.#elements.set(slot, element);
      const stream = /** @type {MediaStream | null} */ (element.srcObject);
      if (stream?.getAudioTracks()[0] !== track) {
        element.srcObject = new MediaStream([track]);
        void this.#start(element);
      }
      element.muted = !this.isOn || isOwn(slot);
    }
    if (slots.size === 0) this.#forget();
  }

  /** Must be called from something pressed where sound was refused. @param {boolean} on */
  async turn(on) {
    this.isOn = on;
    for (const element of this.#elements.values()) element.muted = !on;
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

  #forget() {
    for (const element of this.#elements.values()) element.srcObject = null;
    this.#elements.clear();
    this.#block(false);
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
