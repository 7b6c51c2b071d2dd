"""FAD, DNSMOS and UTMOS among the other metrics, by model files that the user brings."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tf_audio_gan.metrics import external
from tf_audio_gan.metrics.sets import Measured, SetMetric
from tf_audio_gan.metrics.statistics import bootstrap_interval
from tf_audio_gan.runtimes import local_network

DNSMOS = ("dnsmos_sig", "dnsmos_bak", "dnsmos_ovrl")


@dataclass(frozen=True)
class LocalModels:
    """Paths of model files, or None; a wrong one is found on opening.

    Attributes:
        fad: an embedding model, [samples] -> [frames, dims].
        fad_rate: at which it listens, in Hz.
        dnsmos: sig_bak_ovr.onnx.
        utmos: [1, samples] at 16 kHz -> a score.
    """

    fad: Path | None = None
    fad_rate: int | None = None
    dnsmos: Path | None = None
    utmos: Path | None = None

    def __post_init__(self):
        if (self.fad is None) != (self.fad_rate is None):
            raise ValueError("fad and fad_rate go together: the embedding model's file, and its sample rate in Hz")
        self.hashes()

    def hashes(self):
        """{file name: sha256}: values compare between runs with the same files only."""
        given = [path for path in (self.fad, self.dnsmos, self.utmos) if path is not None]
        return {Path(path).name: local_network(path).sha256 for path in given}

    def columns(self):
        """{column: (unit, better)} of `of_clip`."""
        names = (DNSMOS if self.dnsmos is not None else ()) + (("utmos",) if self.utmos is not None else ())
        return {name: ("MOS", "higher") for name in names}

    def of_clip(self, audio, sample_rate):
        """{column: float} of one clip, float [samples]."""
        row = {}
        if self.dnsmos is not None:
            row |= external.dnsmos(audio, sample_rate, self.dnsmos)
        if self.utmos is not None:
            row["utmos"] = external.utmos(audio, sample_rate, self.utmos)
        return row

    def set_metrics(self):
        """`SetMetric`s of the files given."""
        found = []
        if self.fad is not None:
            found.append(SetMetric("fad", "", "lower", "audio", self._fad))
        if self.dnsmos is not None or self.utmos is not None:
            found.append(SetMetric("opinion", "MOS", "higher", "audio", self._opinions))
        return found

    def _fad(self, real, fake, *, seed):
        clips = [sounds.audio.mean(axis=-1) for sounds in (real, fake)]
        found = external.fad(*clips, real.sample_rate, self.fad, self.fad_rate)
        return {"fad": Measured(found.value, None, None, len(fake.names), f"by {found.embedding}")}

    def _opinions(self, real, fake, *, seed):
        rows = [self.of_clip(clip.mean(axis=-1), fake.sample_rate) for clip in fake.audio]
        columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
        means = {name: bootstrap_interval(values, seed=seed) for name, values in columns.items()}
        return {
            name: Measured(mean.value, mean.low, mean.high, len(rows), per_clip=columns[name])
            for name, mean in means.items()
        }
