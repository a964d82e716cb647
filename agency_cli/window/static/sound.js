// One sound for each verdict, made here: two rising notes, one low note, two equal notes.
const NOTES = { accept: [660, 880], reject: [196], refused: [196], indeterminate: [440, 440] };
let context;

export function play(verdict) {
  context ??= new AudioContext();
  (NOTES[verdict] ?? []).forEach((frequency, i) => {
    const note = context.createOscillator();
    const volume = context.createGain();
    note.frequency.value = frequency;
    volume.gain.value = 0.15;
    note.connect(volume).connect(context.destination);
    note.start(context.currentTime + i * 0.16);
    note.stop(context.currentTime + i * 0.16 + 0.14);
  });
}
