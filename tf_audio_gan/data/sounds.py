"""A folder of sounds as training examples."""

import copy
import hashlib
import json
import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

from tf_audio_gan.data.augment import Augment, played
from tf_audio_gan.data.decoders import UnreadableSound, decoder_named
from tf_audio_gan.data.draws import Draws
from tf_audio_gan.data.folder import FolderSource
from tf_audio_gan.data.shards import ShardSource, is_shards

TARGET_RMS = 0.1
CHOICES = {"crop": ("random", "start"), "normalize": ("none", "peak", "rms"), "weighting": ("duration", "file")}


class Sounds:
    """Fixed-length examples from a folder of audio files, or from a folder made by `prepare_sounds`.

    Every file is decoded once on opening (prepared shards are checked against their SHA-256 instead), so that what
    cannot be used is known before training: `skipped` names each such file and the reason. A file that breaks later
    is replaced by the next example of the same pass, and named there too. Crops of files over 60 seconds are decoded
    where they lie; prepare long MP3 files, in which seeking is slow.

    Args:
        path: a folder, nested as you like, of any mix of formats, sample rates and channel counts.
        sample_rate: Hz; sounds at other rates are resampled (soxr, as `librosa.load` does).
        length: samples of an example.
        channels: many become one by their mean, one becomes two by copying; other mismatches are skipped.
        crop: `"random"`: uniform over all places where `length` samples fit; `"start"`: always the first samples.
            Sounds shorter than `length` are padded with zeros on the right.
        normalize: per file, before cropping: `"none"`, `"peak"` (to 1.0) or `"rms"` (to 0.1, which is -20 dB, less
            where the peak would pass 1.0).
        labels: None, `"folder"`, `"prefix"` or a CSV table with the columns `path,label`.
        weighting: `"duration"`: a sound comes up once in a pass for each `length` samples that it has, at least once
            (just once with `crop="start"`); `"file"`: once.
        decoder: `"soundfile"`, `"tensorflow"` (16-bit PCM WAV only) or `"tensorflow-io"`; not used for shards.
        cache_mb: limit of the store of decoded sounds, in units of 2**20 bytes.
        seed: 0 ... 2**63 - 1; with the step, all that chance depends on.
        augment_gain, augment_shift, augment_polarity, augment_speed: changes to every example, none by default: dB,
            seconds, whether, and share of `augment.Augment`; the last moves pitch, too.
        progress: show a bar on opening; None = on a terminal.

    Attributes:
        augment: `Augment`.
        clips: list of `Clip` (path, length, label, peak, rms).
        seconds: of all clips together.
        label_names: list of str, empty without labels.
        rates: of each clip's file in Hz, before resampling; None where only the shards know it.
        skipped: list of `(path, reason)`.
        fingerprint: 16 hexadecimal digits over the names, lengths and labels of all clips and the settings; the same
            for a folder and for the shards made from it.

    Raises:
        FileNotFoundError: no such folder, or label table.
        ValueError: not a folder, no usable sound, sounds without label, a setting out of range, damaged shards.
        ImportError: tensorflow-io is asked for and not installed.
    """

    def __init__(
        self,
        path,
        *,
        sample_rate=16000,
        length=16384,
        channels=1,
        crop="random",
        normalize="none",
        labels=None,
        weighting="duration",
        decoder="soundfile",
        cache_mb=512,
        seed=0,
        augment_gain=0.0,
        augment_shift=0.0,
        augment_polarity=False,
        augment_speed=0.0,
        progress=None,
    ):
        for name, value in {"crop": crop, "normalize": normalize, "weighting": weighting}.items():
            if value not in CHOICES[name]:
                raise ValueError(f"{name} must be one of {', '.join(CHOICES[name])}; received {value!r}")
        numbers = {
            "sample_rate": sample_rate,
            "length": length,
            "channels": channels,
            "seed": seed,
            "cache_mb": cache_mb,
        }
        check_numbers(**numbers)
        self.augment = Augment(augment_gain, augment_shift, augment_polarity, augment_speed)
        self.path = folder_at(path)
        self.sample_rate, self.length, self.channels = sample_rate, length, channels
        self.crop, self.normalize, self.weighting, self.seed = crop, normalize, weighting, seed
        if is_shards(self.path):
            self._source = ShardSource(self.path, sample_rate, channels, labels)
        else:
            open_sound = decoder_named(decoder)
            self._source = FolderSource(self.path, sample_rate, channels, labels, open_sound, cache_mb, progress)
        self.clips, self.label_names = self._source.clips, self._source.label_names
        self.rates = self._source.rates
        self.skipped = list(self._source.skipped)
        self._deal()

    def _deal(self):
        """Gives every clip its slots in a pass."""
        lengths = np.array([clip.length for clip in self.clips])
        by_duration = self.weighting == "duration" and self.crop == "random"
        counts = np.maximum(1, np.rint(lengths / self.length)) if by_duration else np.ones(len(lengths))
        self._slots = np.repeat(np.arange(len(lengths)), counts.astype(int))
        self._draws = Draws(len(self._slots), self.seed)
        self._broken, self._lock = set(), threading.Lock()

    def subset(self, numbers, lengths=None):
        """Some of the clips, e.g. to validate on: the same settings, labels, decoded sounds and list of the skipped.

        Args:
            numbers: of the clips to keep, indices into `clips`; at least one.
            lengths: samples of each that are used, no more than it has; None: all.

        Returns:
            `Sounds`.
        """
        numbers = [int(n) for n in numbers]
        if not numbers:
            raise ValueError(f"a subset of {self.path} needs at least one of its {len(self)} clips; received none")
        part = copy.copy(self)
        lengths = [self.clips[n].length for n in numbers] if lengths is None else lengths
        part.clips = [replace(self.clips[n], length=int(size)) for n, size in zip(numbers, lengths, strict=True)]
        part.rates = [self.rates[n] for n in numbers]
        part._source = _Chosen(self._source, numbers)
        part._deal()
        return part

    def with_labels(self, names):
        """The same sounds with the numbers of labels that a model has learnt, or is to learn.

        Args:
            names: of the classes in the order of their numbers; the sounds may have fewer.

        Returns:
            `Sounds`.

        Raises:
            ValueError: sounds of a class that is not among them.
        """
        new = [name for name in self.label_names if name not in names]
        if new:
            raise ValueError(
                f"{self.path} has sounds of classes that the model has not: {', '.join(new[:10])}. "
                f"The model's: {', '.join(list(names)[:30])}. Take them out of the folder, or leave [model] labels out."
            )
        if list(names) == self.label_names:
            return self
        number = [list(names).index(name) for name in self.label_names]
        part = self.subset(range(len(self)))
        part.clips = [replace(clip, label=number[clip.label]) for clip in self.clips]
        part.label_names = list(names)
        return part

    def augmented(self, **settings):
        """The same sounds with changes to every example; settings are `augment_gain` and so on."""
        part = copy.copy(self)
        part.augment = Augment(**{name.removeprefix("augment_"): value for name, value in settings.items()})
        return part

    def __len__(self):
        return len(self.clips)

    @property
    def examples(self):
        """How many examples a pass over the data has."""
        return len(self._slots)

    def one_pass(self, batch_size=64):
        """Every example of the first pass once, as training sees it: a pure function of the data and the settings.

        Args:
            batch_size: examples at a time.

        Yields:
            float32 `[batch_size or less, length, channels]`.
        """
        for step in range(-(-self.examples // batch_size)):
            left = self.examples - step * batch_size
            yield self.batch(step, batch_size, np.arange(min(batch_size, left)))[0]

    @property
    def seconds(self):
        """Seconds of sound in all clips together."""
        return sum(clip.length for clip in self.clips) / self.sample_rate

    @property
    def fingerprint(self):
        """16 hexadecimal digits that stand for the data and the settings."""
        names = ("sample_rate", "length", "channels", "crop", "normalize", "weighting", "seed")
        clips = [(clip.path, clip.length, clip.label) for clip in self.clips]
        value = [{name: getattr(self, name) for name in names} | self.augment.settings, self.label_names, clips]
        return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def facts(self):
        """What a run and its preset write down about their data: a dict of plain values."""
        return {"fingerprint": self.fingerprint, "clips": len(self), "seconds": round(self.seconds, 3)}

    def batch(self, step, batch_size, rows=None):
        """The examples of one step: a pure function of the data, the settings, the seed and the step.

        Examples are drawn without replacement: a pass over the data is a fresh permutation, and no batch holds an
        example twice while there are as many examples as its size.

        Args:
            step: 0, 1, 2 ...
            batch_size: examples.
            rows: integers, to read these examples of the batch alone; None: all of them.

        Returns:
            `(audio, labels)`: float32 `[batch_size, length, channels]` in [-1, 1] and int32 `[batch_size]` (zeros
            without labels); `len(rows)` of them with `rows`.

        Raises:
            ValueError: a negative step or a batch size below 1.
            RuntimeError: not one sound can be read any more.
        """
        if step < 0 or batch_size < 1:
            raise ValueError(f"step must be at least 0 and batch_size at least 1; received {step}, {batch_size}")
        audio = np.zeros((batch_size if rows is None else len(rows), self.length, self.channels), np.float32)
        changes = self.changes(step, batch_size, rows)

        def take(place, *crop):
            return self._fill(audio[place], changes and changes.of(place), *crop)

        numbers = self.choose(step, batch_size, take, rows, changes)
        return audio, self.labels_of(numbers)

    def changes(self, step, batch_size, rows=None):
        """How the examples of one step are changed: `augment.Changes`, None if they are not; see `batch`."""
        if not self.augment:
            return None
        rows = np.arange(batch_size) if rows is None else np.asarray(rows)
        return self.augment.draw(self._draws, step * batch_size + rows, self.sample_rate)

    def choose(self, step, batch_size, take, rows=None, changes=None):
        """Which crops of which clips the examples of one step are; see `batch`.

        Args:
            step: 0, 1, 2 ...
            batch_size: examples.
            take: called with (place in the batch, number of the clip, first sample, samples) of every example; says
                whether that could be read. If not, it is called with the next clip of the same pass.
            rows: see `batch`.
            changes: of the examples; their speeds say how many samples of a clip an example needs.

        Returns:
            The numbers of the clips, list of int.
        """
        fractions = self._draws.fractions(step * batch_size, batch_size)
        slots = self._draws.batch(step, batch_size)
        numbers = []
        for place, row in enumerate(np.arange(batch_size) if rows is None else rows):
            number, drawn = int(self._slots[slots[row]]), (fractions[row], changes.speeds[place] if changes else 1.0)
            if not take(place, number, *self._crop(number, *drawn)):
                number = self._substitute(place, take, step * batch_size + row, batch_size, drawn)
            numbers.append(number)
        return numbers

    def labels_of(self, numbers):
        """Labels of clips: int32 array."""
        return np.array([self.clips[number].label for number in numbers], np.int32)

    def check_batches(self, batch_size, start_step, labels):
        """What every pipeline of batches refuses.

        Raises:
            ValueError: a batch size below 1, a negative step, or labels of sounds that have none.
        """
        if batch_size < 1 or start_step < 0:
            raise ValueError(
                f"batch_size must be at least 1 and start_step at least 0; received {batch_size}, {start_step}"
            )
        if labels and not self.label_names:
            raise ValueError(f"{self.path} has no labels; make Sounds with labels='folder', 'prefix' or a CSV table")

    def _substitute(self, place, take, example, batch_size, drawn):
        """Takes the next clip of the same pass that can be read; returns its number."""
        order = self._draws.order(example // len(self._slots), batch_size)
        for slot in np.roll(order, -(example % len(self._slots))):
            number = int(self._slots[slot])
            if take(place, number, *self._crop(number, *drawn)):
                return number
        raise RuntimeError(
            f"none of the {len(self.clips)} sounds in {self.path} can be read any more "
            f"(the last: {': '.join(self.skipped[-1])}); is the disk still mounted?"
        )

    def _crop(self, number, fraction, speed=1.0):
        """(first sample, samples) of a crop."""
        length = self.clips[number].length
        count = min(length, self.length if speed == 1 else round(self.length * speed))
        return (int(fraction * (length - count + 1)) if self.crop == "random" else 0), count

    def _fill(self, out, change, number, start, count):
        """Writes a crop of a clip into `out`, changed; returns whether it could be read."""
        samples = self.read(number, start, count)
        if samples is None:
            return False
        factor, later = self.gain(number), 0
        if change:
            samples = played(samples, change.speeds, self.length)
            factor, later = factor * change.factors, self.delay(number, change.delays)
        end = min(len(out), later + len(samples))
        out[later:end] = np.clip(samples[: end - later] * factor, -1, 1)
        return True

    def delay(self, number, drawn):
        """Samples of silence before an example of a clip: those drawn if it begins with the clip, else none."""
        return int(drawn) if self.crop == "start" or self.clips[number].length <= self.length else 0

    def read(self, number, start, count):
        """A window of a clip, not normalised: float32 `[count, channels]`; None if it cannot be read any more.

        The first time that happens to a clip it is added to `skipped`, and it is not tried again.
        """
        if number in self._broken:
            return None
        try:
            samples = self._source.read(number, start, count)
            if not np.isfinite(samples).all():
                raise UnreadableSound("changed since it was scanned: NaN or infinite samples now")
            return samples
        except UnreadableSound as error:
            with self._lock:
                if number not in self._broken:
                    self._broken.add(number)
                    self.skipped.append((self.clips[number].path, f"during training: {error}"))
            return None

    def gain(self, number):
        """The factor by which a clip is normalised: float32."""
        clip = self.clips[number]
        if self.normalize == "none":
            return np.float32(1)
        peak = 1 / clip.peak
        return np.float32(peak if self.normalize == "peak" else min(peak, TARGET_RMS / clip.rms))

    @property
    def reads_whole(self):
        """Whether every window that is read is a piece of the whole decoded clip, to the last bit."""
        return self._source.reads_whole

    def summary(self):
        """What is here, in one paragraph for people."""
        lengths = sorted(clip.length / self.sample_rate for clip in self.clips)
        text = (
            f"{self.path}: {len(self.clips)} sounds, {_duration(self.seconds)} at {self.sample_rate} Hz "
            f"({lengths[0]:.2f} s to {lengths[-1]:.2f} s, median {lengths[len(lengths) // 2]:.2f} s), "
            f"{self.examples} examples of {self.length} samples in a pass."
        )
        if self.label_names:
            names = ", ".join(self.label_names[:10]) + (", ..." if len(self.label_names) > 10 else "")
            text += f" {len(self.label_names)} labels: {names}."
        if self.augment:
            text += f" Every example is changed a little: {self.augment.words()}."
        if self.skipped:
            reasons = Counter(reason.split(":")[0] for _, reason in self.skipped).most_common(4)
            text += f" Skipped {len(self.skipped)} files: " + ", ".join(f"{n} {reason}" for reason, n in reasons) + "."
        if len(self.clips) < 100 or self.seconds < 60:
            text += (
                " Warning: that is little to learn from; a GAN may repeat it. Aim at hundreds of sounds and minutes."
            )
        return text


def chosen(source, numbers):
    """A source of some of the clips of another, under new numbers."""
    return _Chosen(source, numbers)


class _Chosen:
    """Some clips of a source under new numbers."""

    def __init__(self, source, numbers):
        self._source, self._numbers, self.reads_whole = source, numbers, source.reads_whole

    def read(self, number, start, count):
        return self._source.read(self._numbers[number], start, count)


def folder_at(path):
    """The folder at `path`, or an error that says what is there.

    Raises:
        FileNotFoundError: nothing is there.
        ValueError: it is a file.
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise FileNotFoundError(f"no folder at {path}; name a folder of audio files or of prepared shards")
    if not path.is_dir():
        raise ValueError(f"{path} is a file; name the folder that holds the audio files ({path.parent})")
    return path


def check_numbers(**values):
    """Refuses numbers out of range.

    Raises:
        ValueError: naming the setting, its range and what was received.
    """
    ranges = {"sample_rate": (1000, 768000), "length": (1, 2**31), "channels": (1, 1024)}
    ranges |= {"seed": (0, 2**63 - 1), "cache_mb": (0, 2**40)}
    for name, value in values.items():
        low, high = ranges[name]
        whole = name == "cache_mb" or isinstance(value, (int, np.integer))
        if isinstance(value, bool) or not whole or not low <= value <= high:
            raise ValueError(f"{name} must be a whole number from {low} to {high}; received {value!r}")


def _duration(seconds):
    if seconds >= 3600:
        return f"{seconds / 3600:.2f} hours"
    return f"{seconds / 60:.1f} minutes" if seconds >= 60 else f"{seconds:.1f} seconds"
