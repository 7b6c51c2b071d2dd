"""Long signals in windows: with exact overlap, or half overlapping and cross-faded.

A network of finite receptive field gives with `windows` what one pass would give; one that sees windows of a fixed
length needs `half_overlapping` and `CrossFade`. Memory is flat: a window, whatever the length of the signal. The same
code serves arrays that are there as a whole and frames that are still arriving.
"""

from dataclasses import dataclass

import numpy as np

from tf_audio_gan.audio.hann import hann_rise


@dataclass(frozen=True)
class Group:
    """Successive frames of a signal, each of two hops, which overlap by one.

    Attributes:
        frames: float32 [n, 2 hop]; zeros behind the signal's end.
        first: number of the first frame, from the signal's start.
        samples: the signal from there on: n hops, in the last group all that is left.
        last: whether the signal ends in it.
    """

    frames: np.ndarray
    first: int
    samples: np.ndarray
    last: bool


@dataclass(frozen=True)
class Window:
    """A stretch of frames and the context that its output needs.

    Attributes:
        frames: array [before + count + after, ...].
        start: number of the first frame of the stretch, from the signal's start.
        before: frames of context in front; fewer than asked for only at the signal's start.
        count: frames of the stretch itself.
        after: frames of context behind; fewer only at the signal's end.
    """

    frames: np.ndarray
    start: int
    before: int
    count: int

    @property
    def after(self):
        return len(self.frames) - self.before - self.count

    def crop(self, output, factor=1):
        """What belongs to the stretch of an output [len(frames) * factor, ...]: [count * factor, ...]."""
        return output[self.before * factor : (self.before + self.count) * factor]


def windows(parts, size, overlap):
    """Cuts a signal into windows; the crops of what a network makes of them join without a seam.

    A window leaves as soon as its stretch and the context behind it have arrived, so `size + overlap` frames is the
    wait of a stream.

    Args:
        parts: iterable of arrays [n, ...] that make up the signal; any n, also 0.
        size: frames of a stretch, at least 1; the last one may be shorter.
        overlap: frames of context on either side, at least the reach of the network's receptive field.

    Yields:
        `Window`, in order; none for an empty signal.

    Raises:
        ValueError: a size below 1 or an overlap below 0.
    """
    if size < 1 or overlap < 0:
        raise ValueError(f"size must be at least 1 and overlap at least 0. Received: {size}, {overlap}")
    held, start, before = None, 0, 0  # `held` begins `before` frames in front of frame `start`
    for part in parts:
        held = np.asarray(part) if held is None else np.concatenate([held, part])
        while len(held) - before >= size + overlap:
            yield Window(held[: before + size + overlap], start, before, size)
            start, before, held = _advance(held, start, before, size, overlap)
    while held is not None and len(held) > before:
        count = min(size, len(held) - before)
        yield Window(held[: before + count + overlap], start, before, count)
        start, before, held = _advance(held, start, before, count, overlap)


def _advance(held, start, before, count, overlap):
    done = before + count
    kept = min(overlap, done)
    return start + count, kept, held[done - kept :]


def half_overlapping(parts, hop, count):
    """Cuts a signal into frames of two hops that overlap by one, `count` of them at a time.

    A group leaves when `count + 1` hops have arrived and one sample more: only then it is known not to be the last.

    Args:
        parts: iterable of float32 [samples] that make up the signal; any lengths, also 0.
        hop: samples.
        count: frames in a group, at least 1; the last may have fewer.

    Yields:
        `Group`, in order; none for an empty signal.
    """
    held, first = np.zeros(0, "float32"), 0
    for part in parts:
        held = np.concatenate([held, part])
        while len(held) > (count + 1) * hop:
            yield Group(_frames(held, hop, count), first, held[: count * hop], False)
            held, first = held[count * hop :], first + count
    if len(held):
        yield Group(_frames(held, hop, max(1, -(-len(held) // hop) - 1)), first, held, True)


def _frames(samples, hop, count):
    samples = samples[: (count + 1) * hop]
    hops = np.pad(samples, (0, (count + 1) * hop - len(samples))).reshape(-1, hop)
    return np.concatenate([hops[:-1], hops[1:]], axis=1)


class CrossFade:
    """Joins frames of two hops that overlap by one: Hann weights, which add up to 1; the signal's ends are not faded.

    Args:
        hop: samples.
    """

    def __init__(self, hop):
        self.rising, self.behind = hann_rise(hop), None

    def __call__(self, frames, last):
        """Frames [n, 2 hop] -> [n hop], the last ones [(n + 1) hop], of what was given since the start."""
        hop = len(self.rising)
        left, right = frames[:, :hop], frames[:, hop:]
        before = np.concatenate([left[:1] if self.behind is None else self.behind, right[:-1]])
        self.behind = right[-1:]
        joined = left * self.rising + before * (1 - self.rising)
        return np.concatenate([joined, self.behind] if last else [joined]).reshape(-1)
