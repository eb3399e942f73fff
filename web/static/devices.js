/**
 * Cameras, microphones and screens: what there is, which was chosen, and opening one. Errors become `DeviceProblem`s
 * with a code of few; `views/words.js` says them. No DOM access.
 */

/** @typedef {"camera" | "microphone"} DeviceKind */
/** @typedef {"denied" | "missing" | "busy" | "insecure" | "failed"} ProblemCode */

export class DeviceProblem extends Error {
  /** @param {ProblemCode} code @param {string} detail */
  constructor(code, detail = "") {
    super(detail || code);
    this.code = code;
  }
}

const KINDS = /** @type {const} */ ({ camera: "videoinput", microphone: "audioinput" });
const CAMERA = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 25, max: 30 } };
const MICROPHONE = { echoCancellation: true, autoGainControl: true };
/** A shared screen is read, not watched: few pictures, all the sharpness. */
const SCREEN = { frameRate: { ideal: 10, max: 15 } };
/** Its sound as it is, without what this page itself plays: everybody would hear themselves. (Browsers pass over what they do not know.) */
const SCREEN_SOUND = /** @type {MediaTrackConstraints} */ ({ echoCancellation: false, noiseSuppression: false, autoGainControl: false, restrictOwnAudio: true });

/** The devices of a kind. Their names are empty until one has been opened. @param {DeviceKind} kind @returns {Promise<MediaDeviceInfo[]>} */
export async function devicesOf(kind) {
  const all = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
  return all.filter((device) => device.kind === KINDS[kind] && device.deviceId);
}

/** The device chosen last time, or "". @param {DeviceKind} kind @returns {string} */
export function chosenDevice(kind) {
  try {
    return localStorage.getItem(`plenum.${kind}`) ?? "";
  } catch {
    return ""; // storage can be switched off: then the browser's default is used
  }
}

/** @param {DeviceKind} kind @param {string} deviceId */
export function rememberDevice(kind, deviceId) {
  try {
    localStorage.setItem(`plenum.${kind}`, deviceId);
  } catch {
    // nothing is lost but the convenience
  }
}

/** The browser takes noise out of what the microphone hears, unless that was switched off: it takes music for noise. */
export function suppressesNoise() {
  try {
    return localStorage.getItem("plenum.noise") !== "keep";
  } catch {
    return true;
  }
}

/** @param {boolean} isSuppressed */
export function rememberNoise(isSuppressed) {
  try {
    localStorage.setItem("plenum.noise", isSuppressed ? "" : "keep");
  } catch {
    // nothing is lost but the convenience
  }
}

/**
 * Opens the chosen device of a kind, or any other if it is gone. As a mere wish (`ideal`) the choice is nothing to Chromium: it
 * opens the default microphone.
 * @param {DeviceKind} kind @returns {Promise<MediaStreamTrack>}
 */
export async function openDevice(kind) {
  const chosen = chosenDevice(kind);
  if (!chosen) return open(kind, {});
  try {
    return await open(kind, { deviceId: { exact: chosen } });
  } catch (error) {
    if (error instanceof DeviceProblem && error.code === "missing") return open(kind, {});
    throw error;
  }
}

/** @param {DeviceKind} kind @param {MediaTrackConstraints} which @returns {Promise<MediaStreamTrack>} */
async function open(kind, which) {
  const constraints = { ...(kind === "camera" ? CAMERA : { ...MICROPHONE, noiseSuppression: suppressesNoise() }), ...which };
  const stream = await ask((devices) => devices.getUserMedia(kind === "camera" ? { video: constraints } : { audio: constraints }));
  return /** @type {MediaStreamTrack} */ (stream.getTracks()[0]);
}

/**
 * Lets the person choose a screen, window or tab; `null` if they changed their mind.
 * @returns {Promise<{picture: MediaStreamTrack, sound: MediaStreamTrack | null} | null>}
 */
export async function openScreen() {
  try {
    const stream = await ask((devices) => devices.getDisplayMedia({ video: SCREEN, audio: SCREEN_SOUND }));
    const picture = /** @type {MediaStreamTrack} */ (stream.getVideoTracks()[0]);
    picture.contentHint = "detail";
    return { picture, sound: stream.getAudioTracks()[0] ?? null };
  } catch (error) {
    if (error instanceof DeviceProblem && error.code === "denied") return null;
    throw error;
  }
}

/** True where the browser can share a screen at all (phones mostly cannot). */
export function canShareScreen() {
  return typeof navigator.mediaDevices?.getDisplayMedia === "function";
}

/** @param {(devices: MediaDevices) => Promise<MediaStream>} question @returns {Promise<MediaStream>} */
async function ask(question) {
  if (!navigator.mediaDevices) throw new DeviceProblem("insecure");
  try {
    return await question(navigator.mediaDevices);
  } catch (error) {
    const { name = "", message = "" } = error instanceof Error ? error : {};
    throw new DeviceProblem(PROBLEMS[name] ?? "failed", message);
  }
}

/** @type {Record<string, ProblemCode>} Media Capture and Streams, 10.2.5 */
const PROBLEMS = {
  NotAllowedError: "denied",
  SecurityError: "denied",
  NotFoundError: "missing",
  OverconstrainedError: "missing",
  NotReadableError: "busy",
  AbortError: "busy",
};
