"""Batches of notes, each moved up or down by whole semitones and its label with it: many pitches from few notes."""

import numpy as np

from tf_audio_gan.data.batches import Batches


def pitch_numbers(names):
    """The label names as whole numbers (MIDI, or any count of semitones); ValueError names those that are none."""
    wrong = [name for name in names if not name.lstrip("-").isdecimal() or str(int(name)) != name]
    if wrong:
        raise ValueError(
            f"transposing needs labels that are pitches in semitones, e.g. 60. Received: {', '.join(wrong[:5])}. "
            "Leave transpose at 0, or name the pitches in a CSV table with the columns path,label."
        )
    return np.array([int(name) for name in names])


class Transposed(Batches):
    """`Batches` with labels, every sound played faster or slower by a whole number of semitones.

    The number is uniform over those from -semitones to semitones that keep the pitch within [lowest, highest], and
    depends on the sounds' seed and the step alone. The sound is read by linear interpolation; silence follows where a
    faster one is over.

    Args:
        sounds: `Sounds` whose label names are whole numbers.
        batch_size: examples in a batch.
        semitones: the most, 0 or more.
        lowest: label number 0 of the batches is this pitch.
        highest: no pitch above.
    """

    def __init__(self, sounds, batch_size, semitones, lowest, highest):
        super().__init__(sounds, batch_size, labels=True)
        self.semitones, self.lowest, self.highest = semitones, lowest, highest
        self._pitches = pitch_numbers(sounds.label_names)

    def __getitem__(self, index):
        """Float32 `[batch_size, length, channels]` and int32 `[batch_size]`: pitches above the lowest."""
        audio, labels = super().__getitem__(index)
        random, pitches = np.random.default_rng([self.sounds.seed, index]), self._pitches[labels]
        low = np.maximum(-self.semitones, self.lowest - pitches)
        steps = random.integers(low, np.minimum(self.semitones, self.highest - pitches), endpoint=True)
        moved = np.stack([_faster(sound, 2.0 ** (k / 12)) for sound, k in zip(audio, steps, strict=True)])
        return moved, (pitches + steps - self.lowest).astype(np.int32)


def _faster(sound, speed):
    """A sound [samples, channels] at another speed, cut or padded with silence to its length."""
    time = np.arange(len(sound))
    return np.stack([np.interp(time * speed, time, c, right=0.0) for c in sound.T], axis=1).astype(np.float32)
