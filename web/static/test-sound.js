/** Three soft rising notes, to find out whether sound is heard. */

const NOTES = [392, 494, 587]; // G4, B4, D5, in Hz
const NOTE_SECONDS = 0.45;
const LOUDNESS = 0.25;

/** Plays the notes; resolves when they have ended. Must follow a click, or browsers stay silent. */
export async function playTestSound() {
  const context = new AudioContext();
  await context.resume();
  const start = context.currentTime + 0.05;
  NOTES.forEach((frequency, index) => playNote(context, frequency, start + index * NOTE_SECONDS));
  await new Promise((resolve) => setTimeout(resolve, (NOTES.length * NOTE_SECONDS + 0.3) * 1000));
  await context.close();
}

/** @param {AudioContext} context @param {number} frequency @param {number} at seconds of the context's clock */
function playNote(context, frequency, at) {
  const oscillator = new OscillatorNode(context, { type: "sine", frequency });
  const volume = new GainNode(context, { gain: 0 });
  volume.gain.setTargetAtTime(LOUDNESS, at, 0.02);
  volume.gain.setTargetAtTime(0, at + NOTE_SECONDS * 0.6, 0.08);
  oscillator.connect(volume).connect(context.destination);
  oscillator.start(at);
  oscillator.stop(at + NOTE_SECONDS + 0.3);
}
