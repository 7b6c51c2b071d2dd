"""Levels of whole sounds, measured when they are first asked for and kept."""

import numpy as np

from tf_audio_gan.audio.mixing import LevelMeter

_WINDOW = 2**20  # samples that are read at a time
_STEPS_PER_SECOND = 100  # of the table of a noise's energy
_QUIETEST = 0.01  # of a sound's mean square: the least that one of its excerpts counts as
_LEAST = 1e-20  # for a file that became silent since it was scanned


class Levels:
    """Levels of the clips of mono `Sounds`, not normalised; None for a clip that cannot be read any more.

    Args:
        sounds: `Sounds` with one channel.
    """

    def __init__(self, sounds):
        self.sounds, self._speech, self._energy = sounds, {}, {}
        self._step = max(1, sounds.sample_rate // _STEPS_PER_SECOND)

    def speech(self, number):
        """The active speech level of a clip in dBov, by ITU-T P.56."""
        if number not in self._speech:
            meter = LevelMeter(self.sounds.sample_rate)
            whole = self._each_window(number, meter.add)
            self._speech[number] = meter.result()[0] if whole else None
        return self._speech[number]

    def power(self, number, start, count):
        """The mean square of `count` samples of a clip from `start`, of the clip in a loop; within 10 ms of its edges.

        An excerpt that is almost silent counts as 20 dB below its whole clip.
        """
        if number not in self._energy:
            sums = []
            whole = self._each_window(number, lambda block: sums.append(self._sums(block)))
            self._energy[number] = np.cumsum(np.concatenate([[0.0], *sums])) if whole else None
        table = self._energy[number]
        if table is None:
            return None
        length = self.sounds.clips[number].length
        power = (self._until(table, start + count, length) - self._until(table, start, length)) / count
        return max(power, _QUIETEST * table[-1] / length, _LEAST)

    def _sums(self, block):
        energy = np.square(block, dtype=np.float64)
        return np.add.reduceat(energy, np.arange(0, len(energy), self._step))

    def _until(self, table, end, length):
        """Energy of the first `end` samples of a clip in a loop."""
        rounds, rest = divmod(end, length)
        step, part = divmod(rest, self._step)
        samples = min(self._step, length - step * self._step)  # the last step may be shorter
        return rounds * table[-1] + table[step] + part / samples * (table[step + 1] - table[step])

    def _each_window(self, number, take):
        """Gives a whole clip to `take` in blocks of `[samples]`; returns whether it could be read."""
        length, window = self.sounds.clips[number].length, _WINDOW // self._step * self._step
        for start in range(0, length, window):
            samples = self.sounds.read(number, start, min(window, length - start))
            if samples is None:
                return False
            take(samples[:, 0])
        return True
