"""A set of sounds as the metrics of sets take it, and a measured number as they give it."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Measured:
    """One number, how sure it is, and of how many clips.

    Attributes:
        value: NaN where it could not be measured; `note` says why.
        low: lower end of the 95 % interval, or None.
        high: upper end, or None.
        n: clips that the number is of.
        note: what a reader should know; empty if nothing.
        per_clip: float64 ``[clips]`` of the generated set in its order where the number is their mean, NaN for clips
            left out; otherwise None.
    """

    value: float
    low: float | None
    high: float | None
    n: int
    note: str = ""
    per_clip: np.ndarray | None = field(default=None, repr=False, compare=False)


@dataclass(eq=False)
class SoundSet:
    """Sounds of one length and rate, with what a judge said of them.

    Attributes:
        audio: float32 ``[clips, samples, channels]`` in [-1, 1].
        sample_rate: in Hz.
        names: list of str, one a clip; by default their numbers.
        labels: int ``[clips]``, the class that each clip is of, or was asked to be; or None.
        features: what was computed from the set already, by name; do not replace the audio afterwards.
        probabilities: ``[clips, classes]`` from a classifier, or None.
        judge_features: ``[clips, dim]`` of the classifier's last hidden layer, or None.
        pitches: float ``[clips]``, the MIDI pitch that each clip is of, or was asked to be (60 = middle C); or None.

    Raises:
        ValueError: for another rank, no clips, NaN, or parts of another length than the audio.
    """

    audio: np.ndarray
    sample_rate: int
    names: list[str] | None = None
    labels: np.ndarray | None = None
    features: dict = field(default_factory=dict, repr=False)
    probabilities: np.ndarray | None = None
    judge_features: np.ndarray | None = None
    pitches: np.ndarray | None = None

    def __post_init__(self):
        self.audio = np.asarray(self.audio, np.float32)
        if self.audio.ndim != 3 or not self.audio.size:
            raise ValueError(f"audio has shape {self.audio.shape}; expected [clips, samples, channels], none of them 0")
        if not np.isfinite(self.audio).all():
            bad = np.flatnonzero(~np.isfinite(self.audio).all(axis=(1, 2)))
            raise ValueError(
                f"clips {bad[:8].tolist()} hold NaN or infinite samples; expected finite numbers in [-1, 1]"
            )
        if not self.sample_rate > 0:
            raise ValueError(f"sample_rate = {self.sample_rate}; expected Hz, above 0")
        if self.names is None:
            self.names = [str(i) for i in range(len(self.audio))]
        for name in ("names", "labels", "probabilities", "judge_features", "pitches"):
            part = getattr(self, name)
            if part is not None and len(part) != len(self.audio):
                raise ValueError(f"{len(part)} {name} for {len(self.audio)} clips; expected one for each")

    def __len__(self):
        return len(self.audio)

    def cached(self, key, compute, other=None):
        """`compute()`, once for each `key` and `other` set: the result is kept in `features`.

        Of results that depend on another set, only that with the last one is kept.
        """
        held = self.features.get(key)
        if held is None or held[0] is not other:
            held = self.features[key] = (other, compute())
        return held[1]


@dataclass(frozen=True)
class SetMetric:
    """A metric of a set of generated sounds, most often against real ones.

    Attributes:
        name: its key in `SET_METRICS`.
        unit: of its value; empty for a plain number.
        better: `"higher"`, `"lower"`, or None where neither is: compare with the row of the real sounds.
        needs: beyond audio: `"judge"` = probabilities and judge features of the sets, `"labels"` = those and the
            labels of the generated set, `"pitch"` = the pitches of the generated set; else `"audio"`.
        function: of the real set, the generated set and a keyword `seed`: a dict from column to `Measured`. Every
            metric here has one column, of its own name.
        about: what it asks, in one line.
        inputs: the attributes of the sets that it reads beyond audio, as `"fake.labels"`.
        fewest: clips that it needs in each set; with fewer it gives a `Measured` of NaN that says so.
    """

    name: str
    unit: str
    better: str | None
    needs: str
    function: Callable[..., dict[str, Measured]]
    about: str = ""
    inputs: tuple[str, ...] = ()
    fewest: int = 1


def unmeasured(n, note):
    """A `Measured` that says why there is no number."""
    return Measured(math.nan, None, None, n, note)
