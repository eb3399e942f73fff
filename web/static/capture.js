/**
 * What this person sends: microphone, camera and screen, each switched by itself. No DOM access, no connection:
 * `media.js` puts the tracks into its senders whenever `change` is told, and again after every reconnect.
 *
 * Events: `change` when a track or a switch has changed; `lost` {kind, instead} when a device was unplugged or the sharing ended by
 * itself. Who speaks goes on with another microphone, whose name is `instead`; another camera shows what nobody chose to show.
 */

import { openDevice, openScreen, rememberDevice, rememberNoise } from "./devices.js";

/**
 * @typedef {import("./devices.js").DeviceKind} DeviceKind
 * @typedef {{camera: boolean, microphone: boolean, screen: boolean}} Switches
 * @typedef {{camera: MediaStreamTrack | null, microphone: MediaStreamTrack | null, screen: MediaStreamTrack | null}} Tracks
 */

export class Capture extends EventTarget {
  /** @type {MediaStreamTrack | null} */
  #microphone = null;
  /** @type {MediaStreamTrack | null} */
  #camera = null;
  /** @type {{picture: MediaStreamTrack, sound: MediaStreamTrack | null} | null} */
  #screen = null;
  /** @type {Mixer | null} */
  #mixer = null;
  /** What was switched last: a device that has been opening meanwhile does not come on when it is wished off. @type {Switches} */
  #wished = { camera: false, microphone: false, screen: false };
  /** How often everything has been switched off: what was still being opened then is closed again. */
  #stops = 0;

  /** What is on. @returns {Switches} */
  get switches() {
    return { camera: Boolean(this.#camera), microphone: Boolean(this.#microphone?.enabled), screen: Boolean(this.#screen) };
  }

  /** What to send. A muted microphone stays open, so that it is back at once, and sends silence. @returns {Tracks} */
  get tracks() {
    return {
      microphone: this.#mixer?.track ?? this.#microphone,
      camera: this.#camera,
      screen: this.#screen?.picture ?? null,
    };
  }

  /** @param {boolean} on @returns {Promise<void>} raises `DeviceProblem` */
  async setMicrophone(on) {
    this.#wished.microphone = on;
    if (on && !this.#microphone) this.#useMicrophone(await this.#unlessStopped(openDevice("microphone")));
    if (this.#microphone) this.#microphone.enabled = this.#wished.microphone;
    this.#changed();
  }

  /** Off frees the device: its light goes out. @param {boolean} on @returns {Promise<void>} raises `DeviceProblem` */
  async setCamera(on) {
    this.#wished.camera = on;
    if (on === Boolean(this.#camera)) return;
    const track = on ? await this.#unlessStopped(openDevice("camera")) : null;
    if (on && !this.#wished.camera) return track?.stop();
    this.#useCamera(track);
    this.#changed();
  }

  /** @param {boolean} on @returns {Promise<void>} raises `DeviceProblem` */
  async setScreen(on) {
    this.#wished.screen = on;
    if (on === Boolean(this.#screen)) return;
    const screen = on ? await openScreen() : null;
    if (on && !this.#wished.screen) return end(screen);
    this.#useScreen(screen);
    this.#changed();
  }

  /** Uses another device from now on, also while it is running. @param {DeviceKind} kind @param {string} deviceId */
  async choose(kind, deviceId) {
    rememberDevice(kind, deviceId);
    if (kind === "camera" && this.#camera) {
      await this.#reopenCamera(this.#camera);
    } else if (kind === "microphone") {
      await this.#reopenMicrophone();
    }
    this.#changed();
  }

  /** Whether the browser takes noise out, from now on. @param {boolean} isSuppressed @returns {Promise<void>} raises `DeviceProblem` */
  async setNoiseSuppression(isSuppressed) {
    rememberNoise(isSuppressed);
    await this.#reopenMicrophone();
    this.#changed();
  }

  /** @param {MediaStreamTrack} before */
  async #reopenCamera(before) {
    before.stop(); // some cameras serve one at a time only
    try {
      const track = await this.#unlessStopped(openDevice("camera"));
      if (track && this.#wished.camera) this.#useCamera(track);
      else track?.stop();
    } catch (error) {
      if (this.#camera === before) this.#useCamera(null); // it shows nothing any more
      this.#changed();
      throw error;
    }
  }

  /** As it is wished now, muted if it is by then. */
  async #reopenMicrophone() {
    if (!this.#microphone) return;
    const track = await this.#unlessStopped(openDevice("microphone"));
    if (!track) return;
    track.enabled = this.#wished.microphone;
    this.#useMicrophone(track);
  }

  /** Switches everything off and frees every device. */
  stop() {
    this.#stops += 1;
    this.#wished = { camera: false, microphone: false, screen: false };
    this.#useMicrophone(null);
    this.#useCamera(null);
    this.#useScreen(null);
    this.#changed();
  }

  /** @param {Promise<MediaStreamTrack>} opening @returns {Promise<MediaStreamTrack | null>} */
  async #unlessStopped(opening) {
    const stops = this.#stops;
    const track = await opening;
    if (stops === this.#stops) return track;
    track.stop();
    return null;
  }

  /** @param {MediaStreamTrack | null} track */
  #useMicrophone(track) {
    this.#microphone?.stop();
    this.#microphone = track;
    if (track) {
      track.contentHint = "speech";
      this.#watch(track, "microphone", () => this.#useMicrophone(null), () => this.#another());
    }
    this.#mix();
  }

  /** @param {MediaStreamTrack | null} track */
  #useCamera(track) {
    this.#camera?.stop();
    this.#camera = track;
    if (track) this.#watch(track, "camera", () => this.#useCamera(null));
  }

  /** @param {{picture: MediaStreamTrack, sound: MediaStreamTrack | null} | null} screen */
  #useScreen(screen) {
    end(this.#screen);
    this.#screen = screen;
    if (screen) this.#watch(screen.picture, "screen", () => this.#useScreen(null));
    this.#mix();
  }

  /** There is one sound a person sends: the screen's is mixed into it. */
  #mix() {
    this.#mixer?.close();
    this.#mixer = this.#screen?.sound ? new Mixer([this.#screen.sound, this.#microphone]) : null;
  }

  /** @param {MediaStreamTrack} track @param {string} kind @param {() => void} forget @param {() => Promise<string>} [replace] */
  #watch(track, kind, forget, replace = async () => "") {
    track.onended = async () => {
      forget();
      this.#changed();
      const instead = await replace();
      this.dispatchEvent(new CustomEvent("lost", { detail: { kind, instead } }));
    };
  }

  /** Goes on with another microphone, muted if the first one was, or is meanwhile. @returns {Promise<string>} its name, "" if there is none */
  async #another() {
    const track = await this.#unlessStopped(openDevice("microphone")).catch(() => null);
    if (!track || this.#microphone) {
      track?.stop(); // another has been chosen meanwhile
      return "";
    }
    track.enabled = this.#wished.microphone;
    this.#useMicrophone(track);
    this.#changed();
    return track.label;
  }

  #changed() {
    this.dispatchEvent(new CustomEvent("change"));
  }
}

/** @param {{picture: MediaStreamTrack, sound: MediaStreamTrack | null} | null} screen */
function end(screen) {
  screen?.picture.stop();
  screen?.sound?.stop();
}

/** Several sounds as one track. */
class Mixer {
  #context = new AudioContext();
  #output = this.#context.createMediaStreamDestination();
  track = /** @type {MediaStreamTrack} */ (this.#output.stream.getAudioTracks()[0]);

  /** @param {(MediaStreamTrack | null)[]} tracks */
  constructor(tracks) {
    for (const track of tracks) {
      if (track) this.#context.createMediaStreamSource(new MediaStream([track])).connect(this.#output);
    }
  }

  close() {
    this.track.stop();
    void this.#context.close();
  }
}
