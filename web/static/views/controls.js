/** A speaker's own controls: the backstage with its preview, and the switches while on stage. Shared by session and desk. */

import { html, nothing } from "lit";
import { canShareScreen } from "../devices.js";
import { t } from "../i18n.js";
import { button, icon, problem } from "./parts.js";
import { picture } from "./stage.js";

/**
 * @typedef {import("../devices.js").DeviceKind} DeviceKind
 * @typedef {import("../speaker.js").Device} Device
 * @typedef {{speaker: import("../speaker.js").Speaker, actions: import("./actions.js").Actions, isOpen: boolean, isQuiet: boolean, level: number,
 *   devices: {camera: MediaDeviceInfo[], microphone: MediaDeviceInfo[]}, chosen: (kind: DeviceKind) => string,
 *   open: (isOpen: boolean) => void, talk: import("../push-to-talk.js").PushToTalk, suppressesNoise: () => boolean, suppress: (on: boolean) => void,
 *   set: (device: Device, on: boolean) => void, choose: (kind: DeviceKind, id: string) => void,
 *   enter: () => void, leave: () => void}} Props `isOpen`: the backstage (or, on stage, the choice of devices) is
 *   shown; `isQuiet`: going on stage is not what the page is for
 */

/** @param {Props} props */
export function controlsView(props) {
  const { speaker } = props;
  if (speaker.isHere) return html`${onStageView(props)} ${props.isOpen ? devicesView(props) : nothing}`;
  return props.isOpen ? backstageView(props) : offStageView(props);
}

/** @param {Props} props */
function offStageView({ speaker, open, actions, isQuiet }) {
  return html`<div class="controls">
    ${button({ label: t("Go on stage…"), icon: "camera", look: isQuiet ? "" : "primary large", onClick: () => open(true) })}
    <p class="muted small">${speaker.isOnStage ? t("You are on stage from another tab or device.") : t("First you see yourself. Nobody else does yet.")}</p>
    ${problem(actions, "stage")}
  </div>`;
}

/** @param {Props} props */
function backstageView(props) {
  const { speaker, actions, enter, open } = props;
  const { camera } = speaker.capture.switches;
  return html`<section class="backstage-panel panel" aria-label=${t("Backstage")}>
    <div class="backstage-look">
      <figure class="preview stage-ground">
        ${camera && speaker.capture.tracks.camera
          ? picture(speaker.capture.tracks.camera)
          : html`<div class="no-picture">${icon("camera-off")}<p>${t("Your camera is off")}</p></div>`}
        <figcaption>${t("Only you see this")}</figcaption>
      </figure>
    </div>
    <div class="stack tight">
      <h2>${t("Backstage")}</h2>
      <div class="cluster">${switchView("microphone", props)} ${switchView("camera", props)}</div>
      ${problem(actions, "microphone")} ${problem(actions, "camera")} ${levelView(props)} ${choicesView(props)}
      <div class="actions">
        ${button({ label: t("Go on stage"), icon: "arrow-right", look: "primary large", onClick: enter, isBusy: actions.isBusy("stage") })}
        ${button({ label: t("Not now"), look: "plain", onClick: () => open(false) })}
      </div>
      ${problem(actions, "stage")}
    </div>
  </section>`;
}

/** @param {Props} props */
function onStageView(props) {
  const { actions, leave, open, isOpen } = props;
  return html`<div class="controls is-on-stage" role="group" aria-label=${t("You on stage")}>
    ${microphoneView(props)} ${switchView("camera", props)} ${canShareScreen() ? switchView("screen", props) : nothing}
    ${button({ label: t("Devices"), icon: "more", isPressed: isOpen, onClick: () => open(!isOpen) })}
    ${button({ label: t("Leave the stage"), icon: "leave", look: "danger", onClick: leave, isBusy: actions.isBusy("stage") })}
    ${problem(actions, "microphone")} ${problem(actions, "camera")} ${problem(actions, "screen")} ${problem(actions, "stage")}
  </div>`;
}

/** @param {Props} props */
function devicesView(props) {
  return html`<section class="panel devices" aria-label=${t("Devices")}>${levelView(props)} ${choicesView(props)} ${habitsView(props)}</section>`;
}

/** How one speaks: push to talk, and what the browser does with noise. @param {Props} props */
function habitsView({ talk, suppressesNoise, suppress, actions }) {
  return html`<div class="stack tight">
    <label class="check">
      <input type="checkbox" .checked=${talk.isChosen} @change=${(/** @type {Event} */ event) => talk.choose(isChecked(event))} />
      <span>${t("Push to talk: the microphone is on only while I hold the space bar or the button")}</span>
    </label>
    <label class="check">
      <input type="checkbox" .checked=${suppressesNoise()} @change=${(/** @type {Event} */ event) => suppress(isChecked(event))} />
      <span>${t("Take background noise out (switch it off for music)")}</span>
    </label>
    ${problem(actions, "noise")}
  </div>`;
}

/** @param {Event} event */
function isChecked({ target }) {
  return /** @type {HTMLInputElement} */ (target).checked;
}

/** In a breakout room: one's own switches, and nothing to go on or off. @param {Props} props */
export function roomControlsView(props) {
  const { actions, open, isOpen } = props;
  return html`<div class="controls is-on-stage" role="group" aria-label=${t("You in the room")}>
      ${microphoneView(props)} ${switchView("camera", props)} ${canShareScreen() ? switchView("screen", props) : nothing}
      ${button({ label: t("Devices"), icon: "more", isPressed: isOpen, onClick: () => open(!isOpen) })}
      ${problem(actions, "microphone")} ${problem(actions, "camera")} ${problem(actions, "screen")}
    </div>
    ${isOpen ? devicesView(props) : nothing}`;
}

/** @param {Props} props */
function microphoneView(props) {
  return props.talk.isChosen ? talkView(props.talk) : switchView("microphone", props);
}

/** Held, not pressed: by finger, mouse, or the space bar; who can only press it presses it again. @param {import("../push-to-talk.js").PushToTalk} talk */
function talkView(talk) {
  return html`<button
    type="button"
    class="button switch is-microphone is-talk ${talk.isHeld ? "is-on" : "is-off"}"
    data-talk
    aria-pressed=${talk.isHeld ? "true" : "false"}
    @pointerdown=${(/** @type {PointerEvent} */ event) => {
      /** @type {HTMLElement} */ (event.currentTarget).setPointerCapture(event.pointerId);
      talk.hold(true);
    }}
    @pointerup=${() => talk.hold(false)}
    @pointercancel=${() => talk.hold(false)}
    @click=${(/** @type {MouseEvent} */ event) => event.detail === 0 && talk.hold(!talk.isHeld)}
    @contextmenu=${(/** @type {Event} */ event) => event.preventDefault()}
  >
    ${icon(talk.isHeld ? "microphone" : "microphone-off")}<span>${talk.isHeld ? t("You are heard") : t("Hold to talk")}</span>
  </button>`;
}

/** The words say what pressing does; the look says what is on. @param {Device} device @param {Props} props */
function switchView(device, { speaker, actions, set }) {
  const isOn = speaker.capture.switches[device];
  const [onIcon, offIcon] = /** @type {[string, string]} */ ({
    microphone: ["microphone", "microphone-off"],
    camera: ["camera", "camera-off"],
    screen: ["screen", "screen"],
  }[device]);
  return button({
    label: switchWord(device, isOn),
    icon: isOn ? onIcon : offIcon,
    look: `switch is-${device} ${isOn ? "is-on" : "is-off"}`,
    isBusy: actions.isBusy(device),
    onClick: () => set(device, !isOn),
  });
}

/** @param {Device} device @param {boolean} isOn @returns {string} */
function switchWord(device, isOn) {
  if (device === "microphone") return isOn ? t("Mute") : t("Unmute");
  if (device === "camera") return isOn ? t("Turn off camera") : t("Turn on camera");
  return isOn ? t("Stop sharing") : t("Share screen");
}

/** @param {Props} props */
function levelView({ speaker, level }) {
  if (!speaker.capture.switches.microphone) return nothing;
  return html`<label class="field">
    <span class="field-label small">${t("Speak: the bar moves when the microphone hears you")}</span>
    <meter class="level" min="0" max="1" .value=${level}></meter>
  </label>`;
}

/** @param {Props} props */
function choicesView(props) {
  return html`<div class="device-choices">${choiceView("microphone", t("Microphone"), props)} ${choiceView("camera", t("Camera"), props)}</div>`;
}

/** @param {DeviceKind} kind @param {string} label @param {Props} props */
function choiceView(kind, label, { devices, chosen, choose, actions }) {
  const known = devices[kind].filter((device) => device.label);
  if (!known.length) return nothing; // names come with the first permission
  const current = chosen(kind);
  return html`<label class="field">
      <span class="field-label small">${label}</span>
      <select class="input" @change=${(/** @type {Event} */ event) => choose(kind, /** @type {HTMLSelectElement} */ (event.target).value)}>
        ${known.map(({ deviceId, label: name }) => html`<option value=${deviceId} ?selected=${deviceId === current}>${name}</option>`)}
      </select>
    </label>
    ${problem(actions, `choose-${kind}`)}`;
}
