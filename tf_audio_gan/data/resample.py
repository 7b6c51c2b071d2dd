"""Sample rates and channel counts, in blocks or for one window of a long file."""

from math import gcd

import numpy as np

from tf_audio_gan.data.decoders import UnreadableSound

BLOCK_SAMPLES = 2**20
RATES = (1000, 768000)
MARGIN = 1024  # samples at the lower of two rates, on each side of a window: well beyond the resampler's filter


def blocks(reader):
    """Yields the rest of a reader as float32 `[frames, channels]` blocks of bounded size."""
    size = max(1, BLOCK_SAMPLES // reader.channels)
    while len(block := reader.read(size)):
        yield block


def convert_channels(samples, channels):
    """Converts `[frames, any]` to `[frames, channels]`: the mean for one channel, a copy for mono to stereo.

    Raises:
        UnreadableSound: no rule leads from the one count to the other.
    """
    have = samples.shape[1]
    if have == channels:
        return samples
    if channels == 1:
        return samples.mean(axis=1, keepdims=True, dtype=np.float32)
    if have == 1 and channels == 2:
        return np.repeat(samples, 2, axis=1)
    raise UnreadableSound(
        f"has {have} channels where {channels} are wanted (only to 1 and from 1 to 2 can be converted)"
    )


def resampled_length(frames, rate, sample_rate):
    """The number of samples after resampling, rounded up as librosa does."""
    return -(-frames * sample_rate // rate)


def resampled_blocks(reader, sample_rate, channels):
    """Yields a whole sound at another rate, block by block; the sum of the blocks equals resampling it in one go.

    Args:
        reader: an open reader at its start.
        sample_rate: the rate wanted, in Hz.
        channels: the channel count wanted.

    Yields:
        float32 `[frames, channels]`.
    """
    yield from resampled((convert_channels(b, channels) for b in blocks(reader)), reader.rate, sample_rate, channels)


def resampled(parts, rate, sample_rate, channels):
    """Yields a signal that comes in parts at another rate, without a delay.

    Args:
        parts: iterable of float32 `[frames, channels]`.
        rate: theirs, in Hz.
        sample_rate: the rate wanted, in Hz.
        channels: of every part.

    Yields:
        float32 `[frames, channels]`.
    """
    if rate == sample_rate:
        yield from parts
        return
    import soxr

    stream = soxr.ResampleStream(rate, sample_rate, channels, dtype="float32", quality="HQ")
    for part in parts:
        yield stream.resample_chunk(np.ascontiguousarray(part))
    yield stream.resample_chunk(np.zeros((0, channels), np.float32), last=True)


def read_whole(reader, length, sample_rate, channels):
    """Reads a whole sound as float32 `[length, channels]`.

    Args:
        reader: an open reader at its start.
        length: the expected number of samples at `sample_rate`.
        sample_rate: Hz.
        channels: the channel count wanted.

    Raises:
        UnreadableSound: the sound has another length now.
    """
    return fit_length(np.concatenate(list(resampled_blocks(reader, sample_rate, channels))), length)


def fit_length(samples, length):
    """Cuts or pads the odd sample by which the resampler's rounding may differ.

    Raises:
        UnreadableSound: the length differs by more than that.
    """
    if abs(len(samples) - length) > 2:
        raise UnreadableSound(f"changed since it was scanned: {len(samples)} samples now, {length} then")
    return np.pad(samples[:length], ((0, max(0, length - len(samples))), (0, 0)))


def read_window(reader, start, count, sample_rate, channels):
    """Reads samples `start ... start + count` (at `sample_rate`) without decoding the rest.

    The native window starts where both rates have a common sample, with a margin wider than the resampler's filter, so
    the result agrees with resampling the whole file.

    Args:
        reader: an open reader.
        start: the first sample, at `sample_rate`.
        count: samples, at `sample_rate`.
        sample_rate: Hz.
        channels: the channel count wanted.

    Returns:
        float32 `[count, channels]`.

    Raises:
        UnreadableSound: the file ends earlier than it did when it was scanned.
    """
    rate = reader.rate
    divisor = gcd(rate, sample_rate)
    step_in, step_out = rate // divisor, sample_rate // divisor
    margin = 0 if rate == sample_rate else MARGIN * max(1, -(-rate // sample_rate))
    first = max(0, start * step_in // step_out - margin) // step_in * step_in
    last = -(-(start + count) * step_in // step_out) + margin
    reader.seek(first)
    native = convert_channels(reader.read(last - first), channels)
    if rate != sample_rate:
        import soxr

        native = soxr.resample(native, rate, sample_rate, "HQ")
    skip = start - first // step_in * step_out
    return fit_length(native[skip : skip + count], count)
