"""Compare a folder of generated sounds with a folder of real ones, between a ceiling and a floor.

    python benchmarks/compare_sounds.py REAL FAKE --sample-rate 16000 --length 16384 --seed 0

The mel distance of a set is the mean over its clips of the log-mel difference (dB) to the nearest clip of one half of
the real data. The other half of the real data is the best one can expect (the ceiling); white noise of the real clips'
levels, and silence, are what it must beat (the floor). Shaped noise has each real clip's level and decay as well: it
knows everything of the real sounds but their spectra. Every set has as many clips as a half, or fewer where there are
fewer. `covered` is the distance from that half to the set: large where kinds of sound are missing.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from tf_audio_gan.audio.io import read_audio
from tf_audio_gan.metrics.spectral import level_db, mel_distances, peak_db, spectral_flatness, time_centroid
from tf_audio_gan.pictures import comparison_sheet

EXTENSIONS = {".wav", ".flac", ".ogg", ".mp3", ".aif", ".aiff"}


def load(folder, sample_rate, length):
    """All sounds below a folder, mono, cut or zero-padded to `length` samples: float32 [clips, length, 1]."""
    paths = sorted(p for p in Path(folder).rglob("*") if p.suffix.lower() in EXTENSIONS)
    clips = []
    for path in paths:
        try:
            audio, _ = read_audio(path, sample_rate, channels=1)
        except ValueError as error:
            print(f"skipped: {error}")
            continue
        clips.append(np.pad(audio[:length], ((0, max(0, length - len(audio))), (0, 0))))
    if len(clips) < 2:
        raise SystemExit(
            f"{folder}: {len(clips)} readable sounds of {len(paths)} files; expected at least 2 in "
            f"{', '.join(sorted(EXTENSIONS))}"
        )
    return np.stack(clips)


def decaying_noise(real, sample_rate, rng):
    """White noise with the RMS level of each real clip and an exponential decay of the same time centroid."""
    t = np.arange(real.shape[1])[None, :, None] / sample_rate
    tau = 2.0 * np.nan_to_num(time_centroid(real, sample_rate), nan=1.0)[:, None, None]
    noise = rng.standard_normal(real.shape) * np.exp(-t / np.maximum(tau, 1e-4))
    gain = 10.0 ** ((level_db(real) - level_db(noise)) / 20.0)
    return np.clip(noise * gain[:, None, None], -1.0, 1.0).astype(np.float32)


def steady_noise(real, rng):
    """White noise with the RMS level of each real clip."""
    noise = rng.standard_normal(real.shape)
    gain = 10.0 ** ((level_db(real) - level_db(noise)) / 20.0)
    return np.clip(noise * gain[:, None, None], -1.0, 1.0).astype(np.float32)


def measure(reference, clips, sample_rate):
    """The row of one set of clips in the table."""
    distances = mel_distances(clips, reference, sample_rate)
    flatness, centroid = spectral_flatness(clips), time_centroid(clips, sample_rate)
    silent = int(np.isnan(centroid).sum())
    all_silent = silent == len(clips)
    return {
        "clips": len(clips),
        "silent": silent,
        "level_db": float(level_db(clips).mean()),
        "peak_db": float(peak_db(clips).mean()),
        "flatness": None if all_silent else float(np.nanmean(flatness)),
        "centroid_s": None if all_silent else float(np.nanmean(centroid)),
        "mel_db": float(distances.min(axis=1).mean()),
        "covered_db": float(distances.min(axis=0).mean()),
    }


def compare(real, fake, sample_rate, seed):
    """Rows by name: the real half that is compared, the generated clips, noise and silence."""
    rng = np.random.default_rng(seed)
    real, fake = rng.permutation(real), rng.permutation(fake)
    half = len(real) // 2
    reference, held_out = real[:half], real[half : 2 * half]
    sets = {
        "real": held_out,
        "generated": fake[:half],
        "shaped noise": decaying_noise(held_out, sample_rate, rng),
        "noise": steady_noise(held_out, rng),
        "silence": np.zeros_like(held_out),
    }
    return {name: measure(reference, clips, sample_rate) for name, clips in sets.items()}


def show(rows):
    print(f"{'':14}" + "".join(f"{name:>11}" for name in rows["real"]))
    for name, row in rows.items():
        cells = (
            "-" if value is None else f"{value:.3f}" if isinstance(value, float) else value for value in row.values()
        )
        print(f"{name:14}" + "".join(f"{cell:>11}" for cell in cells))


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("real", help="folder of real sounds")
    parser.add_argument("fake", help="folder of generated sounds")
    parser.add_argument("--sample-rate", type=int, default=16000, help="Hz")
    parser.add_argument("--length", type=int, default=16384, help="samples of each clip, cut or padded")
    parser.add_argument("--seed", type=int, default=0, help="of the halves and the noise")
    parser.add_argument("--json", help="also write the figures here")
    parser.add_argument("--picture", help="also draw real beside generated clips here (.png)")
    args = parser.parse_args(arguments)
    real, fake = (load(folder, args.sample_rate, args.length) for folder in (args.real, args.fake))
    rows = compare(real, fake, args.sample_rate, args.seed)
    half = len(real) // 2
    print(f"n = {len(real)} real, {len(fake)} generated; halves of {half}; seed {args.seed}; {args.sample_rate} Hz")
    show(rows)
    if rows["generated"]["clips"] != half:
        print(f"note: only {rows['generated']['clips']} generated clips; `covered` compares with {half} real ones")
    if args.json:
        settings = {"sample_rate": args.sample_rate, "length": args.length, "seed": args.seed}
        settings |= {"n_real": len(real), "n_generated": len(fake)}
        Path(args.json).write_text(json.dumps({**settings, "sets": rows}, indent=1) + "\n", encoding="utf-8")
    if args.picture:
        rng = np.random.default_rng(args.seed)
        picks = [clips[np.sort(rng.permutation(len(clips))[:8])] for clips in (real, fake)]
        comparison_sheet(args.picture, *picks, args.sample_rate)


if __name__ == "__main__":
    main()
