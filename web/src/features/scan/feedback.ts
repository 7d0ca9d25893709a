// What a verdict sounds and feels like: told apart without looking, also by who cannot tell the colours.
import type { Outcome } from './scanner';
import { sound } from './sound';

/** Hertz and milliseconds of each tone; 0 Hz is a pause. */
type Tune = { wave: OscillatorType; tones: [number, number][]; shake: number[] };
export type Tone = 'admit' | 'used' | 'refuse' | 'saved';

const tunes: Record<Tone, Tune> = {
  admit: {
    wave: 'sine',
    tones: [
      [880, 90],
      [1320, 160],
    ],
    shake: [80],
  },
  saved: {
    wave: 'sine',
    tones: [
      [660, 90],
      [0, 40],
      [660, 90],
      [990, 140],
    ],
    shake: [60, 60, 60],
  },
  used: {
    wave: 'triangle',
    tones: [
      [520, 160],
      [0, 60],
      [520, 160],
    ],
    shake: [150, 80, 150],
  },
  refuse: { wave: 'square', tones: [[170, 500]], shake: [500] },
};

export function toneOf(outcome: Outcome): Tone {
  if (outcome === 'admit' || outcome === 'saved') return outcome;
  return outcome === 'already-used' ? 'used' : 'refuse';
}

export function feel(outcome: Outcome): void {
  const { wave, tones, shake } = tunes[toneOf(outcome)];
  navigator.vibrate?.(shake);
  const audio = sound();
  if (!audio) return;
  // A phone call or a locked screen suspends it.
  if (audio.state !== 'running') void audio.resume();
  let at = audio.currentTime + 0.01;
  for (const [pitch, ms] of tones) {
    const until = at + ms / 1000;
    if (pitch) {
      const tone = new OscillatorNode(audio, { type: wave, frequency: pitch });
      const volume = new GainNode(audio, { gain: wave === 'sine' ? 0.6 : 0.3 });
      // Faded in and out within 8 ms: a tone that is cut clicks.
      volume.gain.setValueAtTime(0, at);
      volume.gain.linearRampToValueAtTime(wave === 'sine' ? 0.6 : 0.3, at + 0.008);
      volume.gain.setValueAtTime(wave === 'sine' ? 0.6 : 0.3, until - 0.008);
      volume.gain.linearRampToValueAtTime(0, until);
      tone.connect(volume).connect(audio.destination);
      tone.start(at);
      tone.stop(until);
    }
    at = until;
  }
}
