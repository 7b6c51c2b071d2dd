"""Long signals in windows with exact overlap: a network of finite receptive field gives what one pass would give.

Memory is flat: a window, whatever the length of the signal. The same code serves arrays that are there as a whole and
frames that are still arriving.
"""

from dataclasses import dataclass

import numpy as np


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
