/**
 * The device check: sound, network, camera and microphone, each in words with what to do. Nothing leaves the browser but
 * the network's own test, which is answered in a room where nobody else is.
 */

import { chosenDevice, devicesOf, DeviceProblem, openDevice, rememberDevice } from "../devices.js";
import { find, setText } from "../dom.js";
import { t } from "../i18n.js";
import { LevelMeter } from "../level.js";
import { tryPath } from "../network-check.js";
import { pageData } from "../page.js";
import { relays } from "../relays.js";
import { playTestSound } from "../test-sound.js";
import { explainDevice } from "./words.js";

/** @typedef {"sound" | "network" | "camera"} Part */
/** @typedef {"good" | "attention" | "danger" | ""} Tone */

const preview = find("[data-preview]", HTMLVideoElement);
const level = find("[data-level]", HTMLMeterElement);
const meter = new LevelMeter(() => {
  level.value = meter.level;
  if (meter.level > 0.35) setText(find("[data-level-words]", HTMLElement), t("We hear you."));
});
/** @type {{camera: MediaStreamTrack | null, microphone: MediaStreamTrack | null}} */
const tracks = { camera: null, microphone: null };

/** Says how a part stands. @param {Part} part @param {Tone} tone @param {string} word @param {string} advice */
function report(part, tone, word, advice) {
  const badge = find(`[data-badge="${part}"]`, HTMLElement);
  badge.hidden = !word;
  badge.className = `badge ${tone}`;
  setText(badge, word);
  const place = find(`[data-advice="${part}"]`, HTMLElement);
  place.hidden = !advice;
  place.className = `advice ${tone}`;
  setText(place, advice);
}

/** @param {string} name @param {(button: HTMLButtonElement) => unknown} work */
function onClick(name, work) {
  const button = find(`[data-do="${name}"]`, HTMLButtonElement);
  button.disabled = false; // as it stands in the page nobody would hear it
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await work(button);
    } finally {
      button.disabled = false;
    }
  });
}

// --- sound ---

onClick("play", async () => {
  report("sound", "", "", "");
  await playTestSound();
  find('[data-question="sound"]', HTMLElement).hidden = false;
});
onClick("heard", () => report("sound", "good", t("Works"), ""));
onClick("not-heard", () =>
  report("sound", "attention", t("Not heard"), t("Turn up the computer's volume, see which loudspeaker or headset is chosen, and that this tab is not muted. Then play the sound again.")),
);

// --- network ---

/** @typedef {import("../network-check.js").Path} Path */

/** @param {Path} path @param {string} text @param {string} [state] */
function showPath(path, text, state = "") {
  const place = find(`[data-path="${path}"] [data-path-state]`, HTMLElement);
  place.className = `path-state ${state || "muted"}`;
  setText(place, text);
}

const hasRelays = pageData().turn;
const getRelays = relays(hasRelays);

/** @param {Path} path */
async function checkPath(path) {
  showPath(path, t("trying…"));
  const finding = await tryPath(path, { relays: getRelays });
  const words = { works: t("works"), blocked: t("blocked"), unavailable: t("could not be tried") };
  showPath(path, words[finding], finding);
  return finding;
}

onClick("network", async () => {
  report("network", "", "", "");
  showPath("tcp", t("waiting"));
  const udp = await checkPath("udp");
  if (hasRelays) showPath("relay", t("waiting"));
  const tcp = await checkPath("tcp");
  const relay = hasRelays ? await checkPath("relay") : "blocked";
  if (udp === "works") {
    report("network", "good", t("Works"), t("Sound and picture reach you the fast way. You need not do anything."));
  } else if (tcp === "works") {
    report("network", "good", t("Works, the slower way"), t("Your network blocks UDP, so sound and picture go over TCP. That works, but they may stop for a moment on a poor line. Your IT department can open UDP to this server."));
  } else if (relay === "works") {
    report("network", "good", t("Works, the slower way"), t("Your network lets sound and picture through only over a relay. That works, but they may stop for a moment on a poor line. Your IT department can open UDP to this server."));
  } else if (udp === "unavailable" && tcp === "unavailable") {
    report("network", "attention", t("Could not be tried"), t("The server's sound and picture could not be reached just now. Try again in a minute; if it stays like this, tell the organiser."));
  } else {
    report("network", "danger", t("Blocked"), t("None of the ways is open: you can read, ask and answer, but not see and hear. Try another network, for example your phone's, and ask your IT department to open this server."));
  }
});

// --- camera and microphone ---

/** @param {"camera" | "microphone"} kind @param {number} mine how often they had been closed when it was asked for */
async function open(kind, mine) {
  if (mine !== closes) return;
  tracks[kind]?.stop();
  tracks[kind] = null;
  const track = await openDevice(kind);
  if (mine === closes) tracks[kind] = track;
  else track.stop();
}

/** How often they have been closed: what was still being opened then is closed again, and what waited for its turn is not opened. */
let closes = 0;

function close() {
  closes += 1;
  for (const kind of /** @type {const} */ (["camera", "microphone"])) {
    tracks[kind]?.stop();
    tracks[kind] = null;
  }
  showTracks();
}

function showTracks() {
  const { camera, microphone } = tracks;
  preview.srcObject = camera ? new MediaStream([camera]) : null;
  find("[data-preview-empty]", HTMLElement).hidden = Boolean(camera);
  meter.listen(microphone);
  level.value = 0;
  const isOn = Boolean(camera || microphone);
  setText(find("[data-camera-text]", HTMLElement), isOn ? t("Turn off camera and microphone") : t("Turn on camera and microphone"));
}

/** @param {"videoinput" | "audioinput"} name @param {"camera" | "microphone"} kind */
async function fillSelect(name, kind) {
  const select = find(`[data-select="${name}"]`, HTMLSelectElement);
  const chosen = tracks[kind]?.getSettings().deviceId ?? chosenDevice(kind);
  const options = (await devicesOf(kind)).map(({ deviceId, label }) => new Option(label || deviceId, deviceId, false, deviceId === chosen));
  select.replaceChildren(...options);
  select.disabled = options.length < 2;
}

/** @type {Promise<unknown>} */
let turn = Promise.resolve();

/** Chosen fast, one after the other is opened: two at once would leave one of them on. */
function openInTurn() {
  const mine = closes;
  const opened = turn.then(() => openBoth(mine));
  turn = opened.catch(() => undefined); // one that failed keeps none from being tried
  return opened;
}

/** @param {number} mine */
async function openBoth(mine) {
  /** @type {string[]} */
  const problems = [];
  for (const kind of /** @type {const} */ (["camera", "microphone"])) {
    try {
      await open(kind, mine);
    } catch (error) {
      const reason = explainDevice(error instanceof DeviceProblem ? error.code : "failed");
      problems.push(kind === "camera" ? t("Camera: {reason}", { reason }) : t("Microphone: {reason}", { reason }));
    }
  }
  if (mine !== closes) return;
  showTracks();
  await Promise.all([fillSelect("videoinput", "camera"), fillSelect("audioinput", "microphone")]);
  find("[data-devices]", HTMLElement).hidden = problems.length === 2;
  if (problems.length) report("camera", "attention", t("Does not work yet"), problems.join(" "));
  else report("camera", "good", t("Works"), "");
}

onClick("camera", async () => {
  if (!tracks.camera && !tracks.microphone) return openInTurn();
  report("camera", "", "", "");
  return close();
});

for (const [name, kind] of /** @type {const} */ ([["videoinput", "camera"], ["audioinput", "microphone"]])) {
  find(`[data-select="${name}"]`, HTMLSelectElement).addEventListener("change", (event) => {
    if (event.target instanceof HTMLSelectElement) rememberDevice(kind, event.target.value);
    void openInTurn();
  });
}
addEventListener("pagehide", close);
