"""Notes that last longer than they were made: their steady part again and again."""

import numpy as np

_FADE = 8  # of a note's held part, what a repetition fades in over
_AS_GOOD = 0.98  # of the best likeness: among such, the longest repetition is taken


def sustained(note, held, samples):
    """A note held for `samples`, by repeating the second half of its held part.

    The stretch that is repeated begins where the signal looks most like where it ends, so that phases meet; each
    repetition fades in over an eighth of the held part, as much quieter as the note decays over such a stretch.

    Args:
        note: float ``[n]``.
        held: samples of it that are to be heard before the first repetition, at most n; 32 at least.
        samples: length wanted.

    Returns:
        float64 ``[samples]``: the note itself, cut, where samples is at most held.

    Raises:
        ValueError: held is not within the note.
    """
    note = np.asarray(note, np.float64)
    if not 32 <= held <= len(note):
        raise ValueError(f"held must be from 32 to the note's {len(note)} samples. Received: held={held}")
    if samples <= held:
        return note[:samples].copy()
    stretch, ratio = _stretch(note, held)
    fade = held // _FADE
    out, at, gain = np.zeros(samples + stretch), held, 1.0
    out[:held] = note[:held]
    rise = (np.arange(fade) + 0.5) / fade
    while at < samples:
        gain *= ratio
        out[at - fade : at] *= 1 - rise
        out[at - fade : at] += rise * gain * note[held - stretch - fade : held - stretch]
        out[at : at + stretch] = gain * note[held - stretch : held]
        at += stretch
    return out[:samples]


def _stretch(note, held):
    """(samples of the part that is repeated, how its end's level is to its beginning's, at most 1)."""
    from scipy.signal import correlate

    fade, longest = held // _FADE, held // 2
    end, lags = note[held - fade : held], np.arange(longest - fade, longest // 2 - 1, -1)
    region = note[held - longest : held - longest // 2]  # the windows that begin `lags` before the end begin here
    squares = np.concatenate([[0.0], np.cumsum(region**2)])
    energy = np.maximum(squares[fade:] - squares[:-fade], 0.0)[: len(lags)]
    if not energy.max() > 0:
        return int(lags[0]), 1.0
    product = correlate(region, end, "valid", "fft")[: len(lags)]
    likeness = product / np.sqrt(np.maximum(energy, 1e-9 * energy.max()) * max(end @ end, 1e-30))
    best = np.flatnonzero(likeness >= likeness.max() - (1 - _AS_GOOD))[0]  # the longest
    return int(lags[best]), float(min(1.0, np.sqrt(end @ end / max(energy[best], 1e-30))))
