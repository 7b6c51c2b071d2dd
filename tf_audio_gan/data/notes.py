"""A folder of single notes, whose labels are their pitches."""

import hashlib
import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

from tf_audio_gan.data import pitches as pitches_of
from tf_audio_gan.data.labels import plain_path
from tf_audio_gan.data.scan import bar
from tf_audio_gan.data.sounds import Sounds, chosen

SPLITS = ("", "train", "test")
_UNKNOWN = "without a pitch"


class Notes(Sounds):
    """Notes from a folder of audio files (or of shards), as `Sounds`; labels are MIDI pitches, all of a range.

    NSynth's JSON/WAV form is such a folder; of its TFRecords `extract_nsynth` makes one. What is left out is counted in
    `summary`; notes without a pitch are named in `skipped`.

    Args:
        path, sample_rate, length, channels, normalize, decoder, cache_mb, seed, progress: as of `Sounds`.
        augment_gain, augment_shift, augment_polarity: as of `Sounds`, whose change of speed would make pitches wrong.
        crop: "start", or "random".
        weighting: "file", or "duration".
        labels: where pitches are from: "pitch": the file's name (`pitches.of_name`); a CSV table with the columns
            path,pitch and perhaps source and split; NSynth's examples.json; "estimate": heard by pYIN, which errs by
            octaves, so that listening to some is worth the while.
        pitches: (lowest, highest) MIDI pitch; others are left out.
        sources: of instruments, e.g. ("acoustic",), where names or tables say it; empty: all.
        split: "train" or "test" of the table's column; where there is none, the fifth of the notes whose names' SHA-256
            is a multiple of 5 is "test"; empty: all.

    Attributes:
        left_out: {reason: number of notes}.

    Raises:
        ValueError: a setting out of range, or no note left.
    """

    def __init__(
        self, path, *, sample_rate=16000, length=64000, channels=1, crop="start", normalize="none", labels="pitch",
        pitches=(24, 84), sources=(), split="", weighting="file", decoder="soundfile", cache_mb=512, seed=0,
        augment_gain=0.0, augment_shift=0.0, augment_polarity=False, progress=None,
    ):  # fmt: skip
        low, high = _checked(pitches, split, labels)
        super().__init__(
            path, sample_rate=sample_rate, length=length, channels=channels, crop=crop, normalize=normalize,
            weighting=weighting, decoder=decoder, cache_mb=cache_mb, seed=seed, progress=progress,
            augment_gain=augment_gain, augment_shift=augment_shift, augment_polarity=augment_polarity,
        )  # fmt: skip
        self.estimated, found = labels == "estimate", self._known(labels, progress)
        both = list(zip(self.clips, found, strict=True))
        reasons = [_reason(clip, note, low, high, sources, split) for clip, note in both]
        self.left_out = dict(Counter(reason for reason in reasons if reason))
        self.skipped += [(clip.path, _UNKNOWN) for clip, note in both if note.pitch is None]
        kept = [i for i, reason in enumerate(reasons) if not reason]
        if not kept:
            raise ValueError(f"{path} has no note left of {len(reasons)}: {self._lost()}. {_remedy(labels)}")
        self._source, self.rates = chosen(self._source, kept), [self.rates[i] for i in kept]
        self.clips = [replace(self.clips[i], label=found[i].pitch - low) for i in kept]
        self.label_names = [str(pitch) for pitch in range(low, high + 1)]
        self._deal()

    @property
    def histogram(self):
        """{MIDI pitch: notes}, of those that there are."""
        counts = Counter(int(self.label_names[clip.label]) for clip in self.clips)
        return dict(sorted(counts.items()))

    def summary(self):
        """As of `Sounds`, with what pitches there are and what was left out."""
        counts = self.histogram
        rarest, commonest = min(counts, key=counts.get), max(counts, key=counts.get)
        text = (
            f"{super().summary()} Notes of {len(counts)} pitches from {min(counts)} to {max(counts)}, from "
            f"{counts[rarest]} (pitch {rarest}) to {counts[commonest]} (pitch {commonest}) of each; entropy "
            f"{pitches_of.entropy(counts):.4f} nats of at most {math.log(len(self.label_names)):.4f}."
        )
        if self.left_out:
            text += f" Left out: {self._lost()}."
        if self.estimated:
            text += " Warning: pitches are estimated and may be octaves off; a table (path,pitch) is surer."
        return text

    def _lost(self):
        return ", ".join(f"{n} {reason}" for reason, n in self.left_out.items())

    def _known(self, labels, progress):
        """What is known of each clip: list of `Known`."""
        if labels == "pitch":
            return [pitches_of.of_name(clip.path) for clip in self.clips]
        if labels == "estimate":
            numbers = bar(range(len(self.clips)), len(self.clips), "Estimating pitches", progress)
            return [self._heard(i) for i in numbers]
        if str(labels).lower().endswith(".json"):
            table = pitches_of.of_examples(labels)
            return [table.get(Path(clip.path).stem, pitches_of.Known(None)) for clip in self.clips]
        table = pitches_of.of_table(labels)
        return [table.get(plain_path(clip.path), pitches_of.Known(None)) for clip in self.clips]

    def _heard(self, number):
        samples = self.read(number, 0, self.clips[number].length)
        pitch = None if samples is None else pitches_of.estimated(samples.mean(axis=1), self.sample_rate)
        return replace(pitches_of.of_name(self.clips[number].path), pitch=pitch)


def _reason(clip, note, low, high, sources, split):
    """Why a note is left out; an empty text: it is not."""
    if note.pitch is None:
        return _UNKNOWN
    if not low <= note.pitch <= high:
        return f"below pitch {low} or above {high}"
    if sources and note.source not in sources:
        return f"not {' or '.join(sources)}"
    return f"not of the {split} split" if split and split != (note.split or _drawn_split(clip.path)) else ""


def _drawn_split(path):
    return "train" if int(hashlib.sha256(Path(path).stem.encode()).hexdigest(), 16) % 5 else "test"


def _remedy(labels):
    if labels == "pitch":
        return "Name files like violin_055.flac or piano_A4.wav, give labels= a table (path,pitch), or estimate"
    return f"See {labels}" if labels != "estimate" else "Give labels= a table (path,pitch)"


def _checked(pitches, split, labels):
    if split not in SPLITS:
        raise ValueError(f"split must be one of 'train', 'test' or empty. Received: split={split!r}")
    low, high = pitches if len(pitches) == 2 else (1, 0)
    if not 0 <= low < high <= 127:
        raise ValueError(f"pitches must be the lowest and the highest MIDI pitch, 0 to 127. Received: {list(pitches)}")
    if labels not in pitches_of.RULES and not str(labels).lower().endswith((".csv", ".json")):
        rules = ", ".join(pitches_of.RULES)
        raise ValueError(f"labels of notes must be one of {rules}, a .csv or examples.json. Received: {labels!r}")
    return int(low), int(high)
