/** How loud a microphone is, ten times a second, for the meter in the backstage. */

const PERIOD_MS = 100;

export class LevelMeter {
  #changed;
  /** @type {AudioContext | null} */
  #context = null;
  /** @type {MediaStreamTrack | null} */
  #track = null;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;
  /** 0..1 */
  level = 0;

  /** @param {() => void} changed */
  constructor(changed) {
    this.#changed = changed;
  }

  /** Listens to a track, or to nothing. @param {MediaStreamTrack | null} track */
  listen(track) {
    if (track === this.#track) return;
    this.#stop();
    this.#track = track;
    if (!track) return;
    this.#context = new AudioContext();
    const analyser = new AnalyserNode(this.#context, { fftSize: 1024 });
    this.#context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    this.#timer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      this.#show(Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length));
    }, PERIOD_MS);
  }

  #stop() {
    clearInterval(this.#timer);
    void this.#context?.close();
    this.#context = null;
    this.level = 0;
  }

  /** Loudness is heard in decibels: -60 dB is the left end. @param {number} amplitude */
  #show(amplitude) {
    const level = amplitude > 0 ? Math.min(1, Math.max(0, 1 + (20 * Math.log10(amplitude)) / 60)) : 0;
    if (Math.abs(level - this.level) < 0.02) return;
    this.level = level;
    this.#changed();
  }
}
