"""Which sounds of a generator are most like a recording? Many seeds are tried, then latents around the best."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from keras import ops

from tf_audio_gan.audio.io import read_audio
from tf_audio_gan.data.scan import bar
from tf_audio_gan.metrics.spectral import mel_distances

SEEDS, ROUNDS = 1024, 20
_AT_ONCE, _FIRST, _LAST = 64, 0.5, 0.05  # tries of a round; their spread in the first and the last


@dataclass
class Found:
    """What `find_like` found, the nearest first.

    Attributes:
        latents: float32 [n, latent_dim]; the first are not a seed's but refined.
        seeds: int64 [n]; the first is that around which was searched.
        distances: dB, float [n], see `metrics.spectral.mel_distances`.
        median: dB, of all seeds that were tried.
    """

    latents: np.ndarray
    seeds: np.ndarray
    distances: np.ndarray
    median: float


def find_like(model, recording, n=1, seed=0, labels=None, seeds=SEEDS, rounds=ROUNDS, progress=None):
    """Searches the latents of a model for the sounds nearest to a recording, both at a peak of 1.

    The distance is between log-mel spectrograms where they stand, so a recording should begin as the training data did.

    Args:
        model: an `AudioGAN` that generates.
        recording: path of a recording; or float audio [samples, channels] at the model's sample rate. Cut, or filled up
            with zeros, to the model's length.
        n: how many sounds.
        seed: the first of the seeds that are tried.
        labels: a class or mixture for all, see `LatentGAN.generate`; None: each seed has its own.
        seeds: how many are tried.
        rounds: of 64 tries around the best.
        progress: show a bar; None = on a terminal.

    Returns:
        `Found`.

    Raises:
        ValueError: a silent recording, or fewer seeds than sounds.
    """
    if not 1 <= n <= seeds:
        raise ValueError(f"n must be from 1 to the {seeds} seeds that are tried. Received: n={n}")
    wanted, numbers = _wanted(model, recording), model.seeds(seeds, seed)
    rows, latents = model.soft(labels, numbers), ops.convert_to_numpy(model.latents(numbers))
    total = -(-seeds // _AT_ONCE) + rounds
    steps, distances = iter(bar(range(total), total, "Searching", progress)), []
    for i in range(0, seeds, _AT_ONCE):
        next(steps)
        part = slice(i, i + _AT_ONCE)
        distances.append(_distances(model, latents[part], None if rows is None else rows[part], wanted))
    distances = np.concatenate(distances)
    order = np.argsort(distances, kind="stable")[:n]
    found = Found(latents[order], numbers[order], distances[order], float(np.median(distances)))
    row = None if rows is None else rows[order[0]]
    _refine(model, found, row, wanted, rounds, steps, np.abs(latents).max(), np.random.default_rng([abs(seed), 7]))
    for _ in steps:
        pass
    return found


def _wanted(model, recording):
    if isinstance(recording, str | Path):
        recording, _ = read_audio(recording, model.sample_rate, model.channels)
    audio = np.asarray(recording, np.float32)[: model.length].reshape(-1, model.channels)
    if not np.abs(audio).max(initial=0) > 0:
        raise ValueError(f"there is nothing to be heard in the first {model.length} samples of the recording")
    return _at_peak(np.pad(audio, ((0, model.length - len(audio)), (0, 0)))[None])


def _at_peak(audio):
    return audio / np.maximum(np.abs(audio).max(axis=(1, 2), keepdims=True), 1e-9)


def _distances(model, latents, rows, wanted):
    audio = model.generate_from(latents) if rows is None else model.generate_from(latents, labels=rows)
    return mel_distances(wanted, _at_peak(audio), model.sample_rate)[0]


def _refine(model, found, row, wanted, rounds, steps, reach, rng):
    """Moves the first latents of `found` to nearer ones, within what seeds reach; the spread shrinks round by round."""
    for spread in np.geomspace(_FIRST, _LAST, rounds) if rounds else ():
        next(steps)
        moves = rng.normal(0, spread * reach, (_AT_ONCE, found.latents.shape[1]))
        moves *= rng.random(moves.shape) < 0.25  # a few coordinates at a time
        tries = np.clip(found.latents[0] + moves, -reach, reach).astype("float32")
        distances = _distances(model, tries, None if row is None else np.repeat(row[None], _AT_ONCE, axis=0), wanted)
        best = int(distances.argmin())
        if distances[best] < found.distances[0]:
            found.latents[0], found.distances[0] = tries[best], distances[best]
