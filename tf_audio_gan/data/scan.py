"""One complete look at every file: its real length, its level, and whether it can be used."""

import math
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tf_audio_gan.data.decoders import UnreadableSound, reason_of
from tf_audio_gan.data.resample import RATES, blocks, convert_channels

SILENCE = 1e-5


@dataclass(frozen=True, slots=True)
class Probe:
    """What decoding a file completely told: `rate` in Hz, `frames` really there, `peak` and `rms` after conversion."""

    rate: int
    frames: int
    peak: float
    rms: float


def probe(path, open_sound, channels):
    """Decodes a whole file in blocks.

    A file counts as silent when half the distance between its lowest and its highest sample is below 1e-5 in every
    channel, so a constant offset (pure DC) is silence too, and a quiet 16-bit recording (one bit is 3e-5) is not.

    Args:
        path: the file.
        open_sound: a decoder.
        channels: the channel count wanted; levels are measured after conversion.

    Returns:
        A `Probe`.

    Raises:
        UnreadableSound: with the reason why the file cannot be used.
    """
    frames, bad, squares, low, high = 0, 0, 0.0, math.inf, -math.inf
    try:
        with open_sound(path) as reader:
            if not RATES[0] <= reader.rate <= RATES[1]:
                raise UnreadableSound(f"sample rate {reader.rate} Hz is outside {RATES[0]}-{RATES[1]} Hz")
            for block in blocks(reader):
                block = convert_channels(block, channels)
                frames += len(block)
                finite = np.isfinite(block).all(axis=1)
                bad += len(block) - int(finite.sum())
                block = block if finite.all() else block[finite]
                if len(block):
                    squares += float(np.square(block, dtype=np.float64).sum())
                    low, high = np.minimum(low, block.min(axis=0)), np.maximum(high, block.max(axis=0))
            rate = reader.rate
    except UnreadableSound:
        raise
    except Exception as error:  # decoders raise many kinds; each means that this file cannot be used
        raise UnreadableSound(f"cannot be decoded: {reason_of(error, path)}") from error
    _refuse(frames, bad, low, high)
    peak = float(max(np.max(high), -np.min(low)))
    return Probe(rate, frames, peak, math.sqrt(squares / (frames * channels)))


def _refuse(frames, bad, low, high):
    if frames == 0:
        raise UnreadableSound("empty: no samples")
    if frames == 1:
        raise UnreadableSound("has one sample only")
    if bad:
        raise UnreadableSound(f"{bad} of {frames} samples are NaN or infinite")
    if np.max(np.asarray(high, np.float64) - low) / 2 < SILENCE:
        raise UnreadableSound("silent (digital silence or a constant offset)")


def scan(root, files, open_sound, channels, progress=None):
    """Probes many files with a few threads, in the given order.

    Args:
        root: their folder.
        files: paths relative to it.
        open_sound: a decoder.
        channels: the channel count wanted.
        progress: show a bar; None = when standard error is a terminal.

    Returns:
        A list of `Probe`, or of the reason (a text) where a file cannot be used.
    """

    def one(relative):
        path = Path(root) / relative
        try:
            if os.path.getsize(path) == 0:
                return "empty: 0 bytes"
            return probe(path, open_sound, channels)
        except (UnreadableSound, OSError) as error:
            return reason_of(error, path)

    pool = ThreadPoolExecutor(min(8, os.cpu_count() or 1), thread_name_prefix="scan")
    try:
        return list(bar(pool.map(one, files), len(files), f"Reading {root}", progress))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def bar(items, total, description, progress=None):
    """Iterates with a rich progress bar on standard error: None on a terminal, True in a notebook too."""
    from rich.console import Console

    console = Console(stderr=True)
    if progress is False or not (console.is_terminal or (progress and console.is_jupyter)):
        yield from items
        return
    from rich.progress import track

    yield from track(items, description, total=total, console=console)
