/**
 * Push to talk: the microphone is on while the space bar or a button is held, and off otherwise. A choice that the browser keeps.
 * Neighbours: `capture.js`, whose microphone it switches; `views/controls.js`, which has the button.
 *
 * Events: `change` when the choice, or whether one talks, has changed; `problem` {error} when the microphone did not open.
 */

const KEY = "plenum.push-to-talk";
/** Where a space bar means something already. */
const TAKEN = "input, textarea, select, button, summary, a[href], video, audio, [contenteditable], [role=button], [role=tab], [role=option], [role=slider], [tabindex]:not([tabindex='-1'])";

export class PushToTalk extends EventTarget {
  /** @type {boolean} */
  isChosen = remembered();
  /** It is being held. */
  isHeld = false;
  #capture;
  #mayTalk;

  /** @param {import("./capture.js").Capture} capture @param {() => boolean} mayTalk somebody would hear it @param {EventTarget & {hidden?: boolean}} [page] */
  constructor(capture, mayTalk, page = document) {
    super();
    this.#capture = capture;
    this.#mayTalk = mayTalk;
    page.addEventListener("keydown", (event) => this.#keyDown(/** @type {KeyboardEvent} */ (event)));
    page.addEventListener("keyup", (event) => /** @type {KeyboardEvent} */ (event).code === "Space" && this.hold(false));
    page.addEventListener("visibilitychange", () => this.hold(false));
    globalThis.addEventListener?.("blur", () => this.hold(false));
  }

  /** @param {boolean} isChosen from now on: chosen, the microphone is off until it is held */
  choose(isChosen) {
    this.isChosen = isChosen;
    remember(isChosen);
    if (isChosen && this.#capture.switches.microphone) void this.#set(false);
    this.dispatchEvent(new CustomEvent("change"));
  }

  /** @param {boolean} isHeld */
  hold(isHeld) {
    const wanted = isHeld && this.isChosen && this.#mayTalk();
    if (wanted === this.isHeld) return;
    this.isHeld = wanted;
    void this.#set(wanted);
    this.dispatchEvent(new CustomEvent("change"));
  }

  /** @param {KeyboardEvent} event */
  #keyDown(event) {
    if (event.code !== "Space" || event.ctrlKey || event.altKey || event.metaKey || !this.isChosen || !this.#mayTalk()) return;
    const { target } = event;
    const isButton = target instanceof Element && Boolean(target.closest("[data-talk]"));
    if (!isButton && target instanceof Element && target.closest(TAKEN)) return;
    event.preventDefault(); // neither scrolls nor clicks
    if (!event.repeat) this.hold(true);
  }

  /** @param {boolean} on let go before the microphone was open, it does not come on */
  async #set(on) {
    try {
      await this.#capture.setMicrophone(on);
      if (on && !this.isHeld) await this.#capture.setMicrophone(false);
    } catch (error) {
      this.dispatchEvent(new CustomEvent("problem", { detail: { error } }));
    }
  }
}

function remembered() {
  try {
    return localStorage.getItem(KEY) === "yes";
  } catch {
    return false; // storage can be switched off
  }
}

/** @param {boolean} isChosen */
function remember(isChosen) {
  try {
    localStorage.setItem(KEY, isChosen ? "yes" : "");
  } catch {
    // nothing is lost but the convenience
  }
}
