/** A soft sound that says something about time: for those who look away from the page. Neighbour: `test-sound.js`. */

/** In Hz: one note to be told of, two that fall for the end. */
const NOTES = { warning: [587], end: [587, 392] };
const NOTE_SECONDS = 0.5;
const LOUDNESS = 0.15;

/** @param {keyof typeof NOTES} what Where the browser allows no sound there is none: the words are there too. */
export async function chime(what) {
  const context = new AudioContext();
  setTimeout(() => void context.close(), 3_000);
  try {
    await context.resume();
  } catch {
    return; // closed before it was allowed
  }
  NOTES[what].forEach((frequency, index) => playNote(context, frequency, context.currentTime + 0.05 + index * NOTE_SECONDS));
}

/** @param {AudioContext} context @param {number} frequency @param {number} at seconds of the context's clock */
function playNote(context, frequency, at) {
  const oscillator = new OscillatorNode(context, { type: "sine", frequency });
  const volume = new GainNode(context, { gain: 0 });
  volume.gain.setTargetAtTime(LOUDNESS, at, 0.03);
  volume.gain.setTargetAtTime(0, at + NOTE_SECONDS * 0.5, 0.12);
  oscillator.connect(volume).connect(context.destination);
  oscillator.start(at);
  oscillator.stop(at + NOTE_SECONDS + 0.5);
}
