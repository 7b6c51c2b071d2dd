"""Prepared sounds: TFRecord files of 16-bit samples and an index that says where each clip lies.

A record's payload is interleaved little-endian PCM16 and nothing else. A clip fills consecutive records of one shard,
each of `record_frames` frames but the last, so any window can be read straight from the file:
`tf.data.TFRecordDataset` and `numpy.memmap` read the same bytes.
"""

import contextlib
import hashlib
import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from tf_audio_gan.data.decoders import UnreadableSound
from tf_audio_gan.data.folder import Clip

INDEX, FORMAT, VERSION = "index.json", "tf_audio_gan shards", 1
PLAN = "plan.json"
FRAMING = 16  # bytes around a payload: length and its CRC before, CRC after
REMEDY = "delete that folder and run `tf-audio-gan prepare` again"


def is_shards(root):
    """Whether a folder holds prepared sounds.

    Raises:
        ValueError: it was begun and not finished.
    """
    if (Path(root) / INDEX).is_file():
        return True
    if (Path(root) / PLAN).is_file():
        raise ValueError(f"{root} is not finished: run `tf-audio-gan prepare` with the same arguments to continue it")
    return False


def read_index(root):
    """The index of a folder of prepared sounds, checked.

    Raises:
        ValueError: not an index, or one of another format version.
    """
    path = Path(root) / INDEX
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
        form, version = index["format"], index["version"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is not an index of prepared sounds ({error!r}); {REMEDY}") from error
    if (form, version) != (FORMAT, VERSION):
        raise ValueError(
            f"{path} has format {form!r} version {version}, this release reads {FORMAT!r} {VERSION}; {REMEDY}"
        )
    return index


class ShardSource:
    """Reads windows of prepared clips; every shard is checked against its SHA-256 once, when it is opened.

    Args:
        root: a folder made by `prepare_sounds`.
        sample_rate: Hz, must be that of the index.
        channels: must be those of the index.
        labels: None or the rule that was used when preparing; the labels are those of the index.

    Raises:
        ValueError: other settings than the index has, or a missing or damaged shard.
    """

    reads_whole = True  # see `FolderSource`

    def __init__(self, root, sample_rate, channels, labels=None):
        self.root = Path(root)
        index = read_index(root)
        self._check_settings(index, sample_rate, channels, labels)
        self.sample_rate, self.channels = sample_rate, channels
        self.label_names = index["label_names"]
        self.skipped = [tuple(item) for item in index["skipped"]]
        self._record_frames, self._shards, self._places = index["record_frames"], index["shards"], index["clips"]
        self.clips = [Clip(c["path"], c["frames"], c["label"], c["peak"], c["rms"]) for c in self._places]
        self.rates = [None] * len(self.clips)
        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
            list(pool.map(self._verify, self._shards))
        self._lock, self._maps = threading.Lock(), {}

    def _check_settings(self, index, sample_rate, channels, labels):
        have = {"sample_rate": index["sample_rate"], "channels": index["channels"]}
        want = {"sample_rate": sample_rate, "channels": channels}
        wrong = [name for name in want if want[name] != have[name]]
        if wrong:
            raise ValueError(
                f"{self.root} was prepared with "
                + " and ".join(f"{name} {have[name]}, asked for {want[name]}" for name in wrong)
                + "; ask for what it has, or prepare the sounds again: tf-audio-gan prepare SOUNDS NEW_FOLDER "
                + f"--sample-rate {sample_rate} --channels {channels}"
            )
        if labels is not None and not index["label_names"]:
            raise ValueError(
                f"{self.root} was prepared without labels, asked for labels={labels!r}; prepare the sounds again: "
                f"tf-audio-gan prepare SOUNDS NEW_FOLDER --labels {labels}"
            )

    def _verify(self, shard):
        path = self.root / shard["name"]
        if not path.is_file():
            raise ValueError(f"{path} is missing; copy it again, or {REMEDY}")
        if path.stat().st_size != shard["bytes"] or sha256_of(path) != shard["sha256"]:
            raise ValueError(f"{path} is damaged (its SHA-256 is not that of the index); copy it again, or {REMEDY}")

    def _map(self, number):
        """The bytes of a shard. A file cut short would kill the process on access, so its size is looked at first."""
        shard = self._shards[number]
        path = self.root / shard["name"]
        with self._lock:
            if number not in self._maps:
                try:
                    self._maps[number] = np.asarray(np.memmap(path, np.uint8, "r"))
                except OSError as error:
                    raise UnreadableSound(f"shard {shard['name']} cannot be opened: {error.strerror}") from error
        with contextlib.suppress(FileNotFoundError):  # a deleted file stays readable while it is mapped
            if os.stat(path).st_size != shard["bytes"]:
                raise UnreadableSound(f"shard {shard['name']} changed while in use")
        return self._maps[number]

    def read(self, number, start, count):
        """Reads a window of a clip, see `FolderSource.read`."""
        place = self._places[number]
        data, frame = self._map(place["shard"]), 2 * self.channels
        pieces, stop = [], start + count
        while start < stop:
            record, inside = divmod(start, self._record_frames)
            frames = min(stop - start, self._record_frames - inside)
            at = place["offset"] + record * (self._record_frames * frame + FRAMING) + inside * frame
            pieces.append(data[at : at + frames * frame].view("<i2"))
            start += frames
        samples = np.concatenate(pieces).astype(np.float32) * np.float32(1 / 32768 / place["scale"])
        return samples.reshape(count, self.channels)


def sha256_of(path):
    """The SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
