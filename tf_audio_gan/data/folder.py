"""Clips that are read from a folder of audio files."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tf_audio_gan.data.cache import Cache
from tf_audio_gan.data.decoders import UnreadableSound, reason_of
from tf_audio_gan.data.files import find_files
from tf_audio_gan.data.labels import label_sounds
from tf_audio_gan.data.resample import read_whole, read_window, resampled_length
from tf_audio_gan.data.scan import Probe, scan

WHOLE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Clip:
    """One usable sound.

    Attributes:
        path: relative to the folder, with `/`.
        length: samples at the wanted rate.
        label: class number (0 without labels).
        peak: largest magnitude of the source, after channel conversion.
        rms: its root mean square.
    """

    path: str
    length: int
    label: int
    peak: float
    rms: float


class FolderSource:
    """Scans a folder once, then reads windows of its clips.

    Clips up to 60 seconds are decoded whole into a cache. Of longer ones only the window is decoded, and also of those
    that need no resampling when the cache cannot hold all clips.

    Args:
        root: a folder of audio files.
        sample_rate: Hz.
        channels: channel count.
        labels: see `tf_audio_gan.data.labels`.
        open_sound: a decoder.
        cache_mb: limit of the cache, in units of 2**20 bytes.
        progress: show a bar while scanning; None = on a terminal.

    Raises:
        ValueError: nothing in the folder can be used, or labels are missing.
    """

    def __init__(self, root, sample_rate, channels, labels, open_sound, cache_mb=512, progress=None):
        self.root, self.sample_rate, self.channels = Path(root), sample_rate, channels
        self._open, self._cache = open_sound, Cache(cache_mb)
        files, self.skipped = find_files(root)
        found = list(zip(files, scan(root, files, open_sound, channels, progress), strict=True))
        self.skipped = sorted(self.skipped + [(path, why) for path, why in found if isinstance(why, str)])
        found = [(path, probe) for path, probe in found if isinstance(probe, Probe)]
        if not found:
            raise ValueError(nothing_usable(root, len(files), self.skipped))
        numbers, self.label_names = label_sounds([path for path, _ in found], labels)
        self.clips = [
            Clip(path, resampled_length(p.frames, p.rate, sample_rate), label, p.peak, p.rms)
            for (path, p), label in zip(found, numbers, strict=True)
        ]
        self.rates = [probe.rate for _, probe in found]
        self._crowded = self._size() > self._cache.limit

    def _size(self):
        """Bytes that the cache would need for all clips: 16 bits at their own rate, else float32."""
        sizes = (
            clip.length * (2 if rate == self.sample_rate else 4)
            for clip, rate in zip(self.clips, self.rates, strict=True)
        )
        return sum(sizes) * self.channels

    @property
    def reads_whole(self):
        """Whether all clips are decoded whole: the window of a long file may differ from that in the last bit."""
        longest = max(clip.length for clip in self.clips)
        crowded = self._crowded and self.sample_rate in self.rates
        return longest <= WHOLE_SECONDS * self.sample_rate and not crowded

    def read(self, number, start, count):
        """Reads a window of a clip.

        Args:
            number: index into `clips`.
            start: first sample, at `sample_rate`.
            count: samples; the window must lie inside the clip.

        Returns:
            float32 `[count, channels]`, not normalised.

        Raises:
            UnreadableSound: the file is gone or broken.
        """
        clip = self.clips[number]
        window = self._cache.get(number, start, count)
        if window is not None:
            return window
        path = self.root / clip.path
        try:
            with self._open(path) as reader:
                if reader.rate != self.rates[number]:
                    raise UnreadableSound(
                        f"changed since it was scanned: {reader.rate} Hz, was {self.rates[number]} Hz"
                    )
                native = reader.rate == self.sample_rate
                if clip.length > WHOLE_SECONDS * self.sample_rate or (native and self._crowded):
                    return read_window(reader, start, count, self.sample_rate, self.channels)
                samples = read_whole(reader, clip.length, self.sample_rate, self.channels)
        except UnreadableSound:
            raise
        except Exception as error:  # decoders raise many kinds; each means that this file cannot be used now
            reason = "disappeared" if not path.exists() else f"cannot be decoded any more: {reason_of(error, path)}"
            raise UnreadableSound(reason) from error
        if not np.isfinite(samples).all():
            raise UnreadableSound("changed since it was scanned: NaN or infinite samples now")
        self._cache.put(number, samples)
        return samples[start : start + count].copy()


def nothing_usable(root, count, skipped):
    """The message for a folder without a single usable sound."""
    if not count and not skipped:
        return (
            f"{root} holds no audio files; name a folder with WAV, FLAC, Ogg or MP3 files in it or in its sub-folders"
        )
    first = "; ".join(f"{path}: {reason}" for path, reason in skipped[:3])
    return (
        f"none of the {len(skipped)} files in {root} can be used ({first}); "
        "convert them to WAV or FLAC, or name another folder"
    )
