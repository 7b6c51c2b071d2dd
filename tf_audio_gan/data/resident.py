"""Sounds that live on the accelerator: a step sends it places, and the examples are cut out there."""

import numpy as np

from tf_audio_gan import device
from tf_audio_gan.data.sounds import Sounds

SHARE = 0.25
_BYTES = {"int16": 2, "float32": 4}
_BLOCK = 2**24  # samples that are sent at a time


class Resident:
    """The examples of `Sounds.batch`, bit for bit, cut out on PyTorch's device from clips that lie there end to end.

    Args:
        sounds: `Sounds` of which every clip is decoded whole (`reads_whole`).
        dtype: "int16" or "float32", how samples are kept.

    Attributes:
        bytes: taken on the device.

    Raises:
        OverflowError: 16 bits do not hold a sample exactly.
    """

    def __init__(self, sounds, dtype):
        self.sounds, lengths = sounds, [clip.length for clip in sounds.clips]
        self._first = np.cumsum([_before(sounds), *lengths])
        self._clips = device.room(int(self._first[-1]) + sounds.length, sounds.channels, dtype)
        self._here = np.zeros(len(lengths), bool)
        self._gains = np.array([sounds.gain(number) for number in range(len(lengths))], np.float32)
        self.bytes = size(sounds, dtype)
        for begin, block in self._blocks(dtype):
            self._clips[begin : begin + len(block)].copy_(device.packed(block), non_blocking=True)

    def _blocks(self, dtype):
        """(first sample, samples) of clips end to end, in blocks of bounded size; those that break are left out."""
        begin, waiting, count = _before(self.sounds), [], 0
        for number, clip in enumerate(self.sounds.clips):
            samples = self.sounds.read(number, 0, clip.length)
            self._here[number] = samples is not None
            samples = np.zeros((clip.length, self.sounds.channels), np.float32) if samples is None else samples
            waiting.append(exact(samples) if dtype == "int16" else samples)
            count += clip.length
            if count * self.sounds.channels >= _BLOCK or number == len(self._here) - 1:
                yield begin, np.concatenate(waiting)
                begin, waiting, count = begin + count, [], 0

    def choose(self, step, batch_size):
        """Where the examples of a step lie, for `cut`: (starts, counts, delays, gains, labels), arrays [batch_size]."""
        starts, counts, delays = np.zeros((3, batch_size), np.int64)
        changes = self.sounds.changes(step, batch_size)

        def take(place, number, start, count):
            starts[place], counts[place] = self._first[number] + start, count
            delays[place] = self.sounds.delay(number, changes.delays[place]) if changes else 0
            return self._here[number]

        numbers = self.sounds.choose(step, batch_size, take)
        gains = self._gains[numbers] * (changes.factors if changes else np.float32(1))
        return starts, counts, delays, gains, self.sounds.labels_of(numbers)

    def cut(self, starts, counts, delays, gains, labels):
        """(audio, labels) of a step as `Sounds.batch` gives them, as tensors on the device."""
        audio = device.crops(self._clips, starts, counts, gains, self.sounds.length, delays)
        return audio, device.sent(labels)


def exact(samples):
    """Float32 samples in units of 2**-15 as int16; OverflowError unless that loses nothing."""
    whole = np.rint(samples * 32768)
    if whole.min(initial=0) < -32768 or whole.max(initial=0) > 32767 or (whole != samples * 32768).any():
        raise OverflowError("16 bits do not hold these samples exactly")
    return whole.astype(np.int16)


def size(sounds, dtype):
    """Bytes that all clips take on the device."""
    samples = _before(sounds) + sum(clip.length for clip in sounds.clips) + sounds.length
    return samples * sounds.channels * _BYTES[dtype]


def _before(sounds):
    """Samples of anything before the first clip: a window that begins later reaches so far back."""
    return sounds.augment.longest_delay(sounds.sample_rate)


def on_device(sounds, share=SHARE):
    """Puts sounds on the accelerator if they fit there: PyTorch only, whose steps run call by call.

    Under TensorFlow tf.data makes batches ahead on the host; cutting them out on the device would have to be a part of
    every model's graph.

    Args:
        sounds: `Sounds`.
        share: of the accelerator's free memory that they may take, 0 to 1; 0: none.

    Returns:
        (`Resident` or None, one line about it for people; empty where there is no accelerator).
    """
    if not 0 <= share <= 1:
        raise ValueError(f"device_share must be from 0 to 1. Received: {share!r}")
    free = device.free_memory()
    if free is None or share == 0 or type(sounds) is not Sounds:
        return None, ""
    if sounds.augment.speed:
        return None, "the sounds stay on the host, where their speed is changed ([data] augment_speed)"
    if not sounds.reads_whole:
        return None, (
            "the sounds stay on disk, for some are too long, or all too many, to be decoded whole: "
            "`tf-audio-gan prepare` makes shards, which can be copied to the accelerator"
        )
    needed, room = {}, share * free
    for dtype in _BYTES:
        needed[dtype] = size(sounds, dtype)
        try:
            if needed[dtype] <= room:
                kept = Resident(sounds, dtype)
                return kept, f"the sounds lie on the accelerator: {_mb(kept.bytes)} as {dtype}"
        except OverflowError:
            continue
    return None, (
        f"the sounds stay on the host: they take {_mb(needed['int16'])} (float32: {_mb(needed['float32'])}), "
        f"device_share = {share} of the accelerator's free memory is {_mb(room)}"
    )


def _mb(count):
    return f"{count / 2**20:.1f} MB"
