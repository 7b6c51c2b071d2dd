"""Weights stored in half the width: float32 numbers of an HDF5 file as float16, and what that costs.

Files of weights are read alike whether their numbers are float16 or float32: reading widens them.
"""

import numpy as np

from tf_audio_gan import durable, preset_folder

LIMIT = -45.0  # dB: a preset whose outputs differ by more is not stored in half the width
LARGEST = float(np.finfo(np.float16).max)
_SILENT = -200.0  # dB, of no difference at all


def check_dtype(dtype):
    """Refuses what weights cannot be stored in."""
    if dtype not in ("float32", "float16"):
        raise ValueError(f'dtype must be "float32" or "float16". Received: dtype={dtype!r}')


def store(folder, networks, outputs):
    """Halves a preset's files of weights, read back and measured: what was there is changed only where that agrees.

    Args:
        folder: pathlib.Path of a preset's files, all in float32, that nobody else uses.
        networks: {file name: the network whose weights it holds}; they are the same afterwards.
        outputs: () -> float array, what these networks make.

    Returns:
        What metadata.json says of it: {"outputs_db", "outputs_largest", "limit_db", "weights_db": {file: dB},
        "float32_sha256": {file: digest of what it was made from}}.

    Raises:
        ValueError: outputs differ by more than `LIMIT`, or a number does not fit.
    """
    before, kept = outputs(), {name: network.get_weights() for name, network in networks.items()}
    digests = {name: durable.sha256(folder / name) for name in networks}
    rounding = {name: round(halve(folder / name), 1) for name in networks}
    try:
        for name, network in networks.items():
            preset_folder.load_weights(network, folder / name)
        found = error(before, outputs())
    finally:
        for name, network in networks.items():
            network.set_weights(kept[name])
    if not found["db"] <= LIMIT:
        raise ValueError(
            f"these weights in float16 make something else: outputs differ by {found['db']:.1f} dB of their "
            f"level (largest difference {found['largest']:g}), at most {LIMIT:g} dB are allowed. Store them in float32."
        )
    facts = {"outputs_db": found["db"], "outputs_largest": found["largest"], "limit_db": LIMIT}
    return facts | {"weights_db": rounding, "float32_sha256": digests}


def halve(path):
    """Rewrites a file of weights in place, its float32 numbers as float16.

    Args:
        path: of a .weights.h5 file.

    Returns:
        How far its numbers moved: the RMS of the differences relative to that of the numbers, in dB.

    Raises:
        ValueError: a number is not finite, or too large for float16.
    """
    import h5py

    moved = total = 0.0
    with h5py.File(path, "r") as old, h5py.File(path.with_name(f"half.{path.name}"), "w") as new:
        _copy_attributes(old, new)
        for name, numbers in _datasets(old):
            values = numbers[()]
            if values.dtype == np.float32:
                if not (np.abs(values) <= LARGEST).all():
                    raise ValueError(
                        f"{path.name} holds numbers that float16 cannot ({name}: up to {np.abs(values).max():.4g}, "
                        f"float16 ends at {LARGEST:g}); store it in float32"
                    )
                half = values.astype(np.float16)
                moved += float(np.square(values.astype(np.float64) - half).sum())
                total += float(np.square(values, dtype=np.float64).sum())
                values = half
            new[name] = values
            _copy_attributes(numbers, new[name])
        for name, group in _groups(old):
            _copy_attributes(group, new.require_group(name))
    path.with_name(f"half.{path.name}").replace(path)
    return _decibels(moved, total)


def error(before, after):
    """How far outputs moved.

    Args:
        before: float array.
        after: another of its shape.

    Returns:
        {"db": RMS of the differences relative to that of `before` in dB, "largest": the largest difference}.
    """
    before, after = np.asarray(before, np.float64), np.asarray(after, np.float64)
    moved, total = np.square(after - before).sum(), np.square(before).sum()
    return {"db": round(float(_decibels(moved, total)), 1), "largest": float(f"{np.abs(after - before).max():.2g}")}


def probe(length, channels, sample_rate):
    """Sounds to measure on, float32 [4, length, channels]: voice-like tones in a little noise, the same every time."""
    time, random = np.arange(length)[:, None] / sample_rate, np.random.default_rng(0)
    tones = [sum(np.sin(2 * np.pi * pitch * k * time) / k for k in range(1, 9)) for pitch in (110, 165, 220, 330)]
    return np.stack([0.2 * t + 0.01 * random.standard_normal((length, channels)) for t in tones]).astype(np.float32)


def _copy_attributes(old, new):
    for name, value in old.attrs.items():
        new.attrs[name] = value


def _decibels(moved, total):
    if not np.isfinite(moved) or total == 0:
        return np.inf if moved else _SILENT
    return max(_SILENT, 10 * np.log10(moved / total)) if moved else _SILENT


def _datasets(file):
    return [(name, item) for name, item in _items(file) if hasattr(item, "dtype")]


def _groups(file):
    return [(name, item) for name, item in _items(file) if not hasattr(item, "dtype")]


def _items(file):
    found = []
    file.visititems(lambda name, item: found.append((name, item)))
    return found
