// Apart from the tunes, for the screen whose tap unlocks it comes long before the first verdict.
let audio: AudioContext | undefined;

/** Browsers let a page sound only after a touch: called by the tap on "Start". */
export function unlockSound(): void {
  try {
    audio ??= new AudioContext();
    void audio.resume();
  } catch {
    // No sound: colour, icon, word and vibration are left.
  }
}

export const sound = () => audio;
