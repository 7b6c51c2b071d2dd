"""Small changes to every example, so that few recordings do not come twice alike: drawn from (seed, step) alone."""

from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np

FEW = 500  # examples in a pass, below which fine-tuning changes them
FINE_TUNING = {"augment_gain": 3.0, "augment_shift": 0.01, "augment_polarity": True}
KEYS = ("augment_gain", "augment_shift", "augment_polarity", "augment_speed")  # of readers and recipes
_RANGES = {"gain": (0, 60, "dB"), "shift": (0, 10, "seconds"), "speed": (0, 0.5, "of the speed")}


class Changes(NamedTuple):
    """Of n examples: factors float32, delays int64 in samples, speeds float64; arrays [n], or their numbers of one."""

    factors: np.ndarray
    delays: np.ndarray
    speeds: np.ndarray

    def of(self, place):
        """Those of one example."""
        return Changes(*(values[place] for values in self))


@dataclass(frozen=True)
class Augment:
    """What is changed, and by how much.

    Attributes:
        gain: dB; the level is lowered by a number uniform from 0 to it.
        shift: seconds; a sound that an example holds from its start begins later by a time uniform from 0 to it, with
            silence before and its end cut.
        polarity: multiply by -1 in half of the examples.
        speed: share; a sound is played, and its pitch moved, by a factor from 1 / (1 + speed) to 1 + speed, uniform in
            its logarithm.
    """

    gain: float = 0.0
    shift: float = 0.0
    polarity: bool = False
    speed: float = 0.0

    def __post_init__(self):
        for name, (low, high, unit) in _RANGES.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
                raise ValueError(
                    f"augment_{name} must be a number from {low} to {high} {unit}. Received: augment_{name}={value!r}"
                )
        if not isinstance(self.polarity, bool):
            raise ValueError(f"augment_polarity must be true or false. Received: augment_polarity={self.polarity!r}")

    def __bool__(self):
        return bool(self.gain or self.shift or self.polarity or self.speed)

    @property
    def settings(self):
        """What is not 0, as a recipe's [data] table names it."""
        return {f"augment_{name}": value for name, value in asdict(self).items() if value}

    def draw(self, draws, examples, sample_rate):
        """The changes of examples.

        Args:
            draws: `Draws` of the sounds.
            examples: their numbers, counted over all steps.
            sample_rate: Hz.

        Returns:
            `Changes`.
        """
        gain, shift, polarity, speed = np.array([draws.own(int(e), 4) for e in examples]).reshape(-1, 4).T
        signs = np.where(polarity < 0.5, -1.0, 1.0) if self.polarity else 1.0
        return Changes(
            (signs * 10 ** (-self.gain * gain / 20)).astype(np.float32),
            np.rint(self.shift * sample_rate * shift).astype(np.int64),
            (1 + self.speed) ** (2 * speed - 1),
        )

    def longest_delay(self, sample_rate):
        """Samples."""
        return round(self.shift * sample_rate)

    def words(self):
        """What is done, for people."""
        parts = [f"level down to -{self.gain:g} dB"] * (self.gain > 0)
        parts += [f"up to {1000 * self.shift:g} ms later"] * (self.shift > 0) + ["polarity"] * self.polarity
        return ", ".join(parts + [f"speed and pitch by up to {100 * self.speed:g} %"] * (self.speed > 0))


def played(samples, speed, most):
    """Samples [count, channels] at another speed, band-limited (soxr): at most `most` of them."""
    if speed == 1:
        return samples[:most]
    import soxr

    return soxr.resample(np.ascontiguousarray(samples), speed, 1.0)[:most].astype(np.float32, copy=False)
