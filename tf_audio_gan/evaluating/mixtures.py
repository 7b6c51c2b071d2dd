"""Clean recordings in noise at several ratios, as folders of WAV files that pairs are measured from."""

import contextlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tf_audio_gan.audio.io import SoundWriter, read_audio
from tf_audio_gan.audio.mixing import mix
from tf_audio_gan.data.files import find_files
from tf_audio_gan.data.scan import bar
from tf_audio_gan.data.sounds import Sounds, folder_at
from tf_audio_gan.evaluating.pairing import by_stem
from tf_audio_gan.evaluating.wiener import wiener

SNR = (-5.0, 0.0, 5.0, 10.0, 15.0)  # dB
_SILENT = 1e-10  # mean square below which a stretch of noise is not used
_TRIES = 100


@dataclass
class Mixtures:
    """Folders with files of the same names.

    Attributes:
        clean: of the references.
        noisy: of the mixtures.
        snr: their ratios in dB, each a folder ("-5 dB/...") below both; empty for recordings that were noisy before.
        failed: [(role, file, reason)].
    """

    clean: Path
    noisy: Path
    snr: tuple = ()
    failed: list = field(default_factory=list)


def folder_of(ratio):
    """The folder's name for a ratio in dB."""
    return f"{ratio:g} dB"


def mixtures(clean, noise, snr, sample_rate, seed, out, progress=None):
    """Mixes every clean file at every ratio (`audio.mixing.mix`: active speech level over the noise's RMS level).

    The noise of a file and ratio depends on (seed, the file's name, the ratio) alone: a recording, each as likely as
    another, from a random place on, in a loop where it is too short. Where a sum would pass full scale, it and its
    reference are scaled down together.

    Args:
        clean: folder of clean speech.
        noise: folder of noise.
        snr: ratios in dB.
        sample_rate: of the mixtures, in Hz.
        seed: whole number from 0.
        out: folder for the folders "clean" and "noisy".
        progress: show bars; None = on a terminal.

    Returns:
        `Mixtures`.

    Raises:
        FileNotFoundError: no such folder.
        ValueError: no ratio, a ratio that is not finite, no noise, two clean files that differ in extension alone, or
            no clean file that can be mixed.
    """
    snr = tuple(float(ratio) for ratio in snr)
    if not snr or not np.isfinite(snr).all() or len({folder_of(ratio) for ratio in snr}) < len(snr):
        raise ValueError(f"snr must be one or more different ratios in dB. Received: snr={list(snr)}")
    made, clean = Mixtures(Path(out) / "clean", Path(out) / "noisy", snr), folder_at(clean)
    made.failed += [("clean", *problem) for problem in find_files(clean)[1]]
    files = by_stem(clean)
    noises = Sounds(noise, sample_rate=sample_rate, length=1, progress=progress)
    for stem, path in bar(files.items(), len(files), "Mixing", progress):
        name = path.relative_to(clean).as_posix()
        try:
            speech = read_audio(path, sample_rate, channels=1)[0][:, 0]
            for ratio in snr:
                noisy = mix(speech, _excerpt(noises, len(speech), _rng(seed, name, ratio)), ratio, sample_rate)
                target, peak = f"{folder_of(ratio)}/{stem}.wav", max(1.0, np.abs(noisy).max())
                write_float(made.clean / target, speech / peak, sample_rate)
                write_float(made.noisy / target, noisy / peak, sample_rate)
        except (ValueError, OSError) as error:
            made.failed.append(("clean", name, " ".join(f"{error}".split())))
    if not made.clean.exists():
        reason = f"; the first, {made.failed[0][1]}: {made.failed[0][2]}" if made.failed else ""
        raise ValueError(f"no file in {clean} could be mixed with noise{reason}")
    made.failed += [("noise", *why) for why in noises.skipped]
    return made


def filtered(noisy, out, sample_rate):
    """Writes the Wiener filter's estimate of every readable file of a folder to another, under the same name."""
    for stem, path in by_stem(noisy).items():
        with contextlib.suppress(ValueError):  # cannot be read: a model cannot either, and that is told
            audio = read_audio(path, sample_rate, channels=1)[0][:, 0]
            write_float(Path(out) / f"{stem}.wav", wiener(audio, sample_rate), sample_rate)


def write_float(path, audio, sample_rate):
    """Writes [samples] as a WAV file of 32-bit floats, which clips nothing; makes its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with SoundWriter(path, sample_rate, 1, float32=True) as writer:
        writer.write(np.asarray(audio, np.float32)[:, None])


def _rng(seed, name, ratio):
    return np.random.default_rng([seed, *name.encode(), *f"{ratio:g}".encode()])


def _excerpt(noises, count, rng):
    """Float32 [count] of a drawn recording that is not silent there."""
    for _ in range(_TRIES):
        number = int(rng.integers(len(noises)))
        length, where = noises.clips[number].length, rng.uniform()
        if length >= count:
            audio = noises.read(number, int(where * (length - count + 1)), count)
        elif (audio := noises.read(number, 0, length)) is not None:
            audio = np.resize(np.roll(audio[:, 0], -int(where * length)), (count, 1))
        if audio is not None and np.mean(np.square(audio, dtype=np.float64)) > _SILENT:
            return audio[:, 0]
    raise ValueError(f"{noises.path} holds no sounds that are not silent, so there is no noise to mix in")
