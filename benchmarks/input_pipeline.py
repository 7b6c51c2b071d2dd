"""How many examples the input pipeline gives, alone: each decoder on a folder, and prepared shards.

    python benchmarks/input_pipeline.py [FOLDER]

Without a folder, 400 synthetic 16-bit WAV files of 1 to 6 seconds at 16 kHz are made. Each row runs in a process of its
own: batches of 64 examples of 16384 samples through `tf_audio_gan.dataset`, first after opening (cold: each file is
decoded when it is first drawn), then over the next batches (warm). Ratios are to the first row.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

BATCH, COLD, WARM = 64, 20, 200


def synthesise(folder):
    import soundfile

    rng = np.random.default_rng(0)
    for i in range(400):
        samples = rng.normal(0, 0.1, int(16000 * rng.uniform(1, 6)))
        soundfile.write(folder / f"{i:03d}.wav", samples, 16000)


def measure(folder, decoder, cache_mb):
    """One row, run in a process of its own so that peak memory is its own."""
    from tf_audio_gan import Sounds, dataset

    begin = time.perf_counter()
    sounds = Sounds(folder, decoder=decoder, cache_mb=cache_mb, progress=False)
    opened = time.perf_counter()
    batches = iter(dataset(sounds, BATCH))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rates = []
    for count in (COLD, WARM):
        start = time.perf_counter()
        for _ in range(count):
            next(batches)
        rates.append(count * BATCH / (time.perf_counter() - start))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    row = {"clips": len(sounds), "open": opened - begin, "cold": rates[0], "warm": rates[1]}
    print(json.dumps(row | {"peak": peak, "grown": peak - before}))


def run_row(folder, decoder, cache_mb):
    command = [sys.executable, __file__, str(folder), "--row", decoder, "--cache-mb", str(cache_mb)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        return {"error": done.stderr.strip().splitlines()[-1]}
    return json.loads(done.stdout.splitlines()[-1])


def table(rows):
    from rich.console import Console
    from rich.table import Table

    columns = ("source", "files", "open s", "cold ex/s", "warm ex/s", "ratio", "peak RSS MB", "grown MB")
    out = Table(*columns, title=f"batches of {BATCH} x 16384 samples, input pipeline alone")
    first = next(iter(rows.values()))
    for name, row in rows.items():
        if "error" in row:
            out.add_row(name, "not run")
            continue
        ratio = f"{row['warm'] / first['warm']:.2f}x"
        values = [f"{row[k]:.0f}" for k in ("cold", "warm")] + [ratio] + [f"{row[k]:.0f}" for k in ("peak", "grown")]
        out.add_row(name, str(row["clips"]), f"{row['open']:.2f}", *values)
    Console(width=130).print(out)
    for error in sorted({row["error"] for row in rows.values() if "error" in row}):
        print(f"not run: {error}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--row", help=argparse.SUPPRESS)
    parser.add_argument("--cache-mb", type=int, default=512, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.row:
        measure(arguments.folder, arguments.row, arguments.cache_mb)
        return
    from tf_audio_gan import prepare_sounds

    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary) / "sounds"
        if not arguments.folder:
            folder.mkdir()
            synthesise(folder)
        start = time.perf_counter()
        report = prepare_sounds(folder, Path(temporary) / "shards", progress=False)
        seconds = time.perf_counter() - start
        speed = report["seconds"] / seconds
        print(f"prepared {report['seconds']:.0f} s of sound in {seconds:.1f} s: {speed:.0f}x real time")
        rows = {"folder, soundfile": run_row(folder, "soundfile", 512)}
        rows["folder, soundfile, no cache"] = run_row(folder, "soundfile", 0)
        for decoder in ("tensorflow", "tensorflow-io"):
            rows[f"folder, {decoder}"] = run_row(folder, decoder, 512)
            rows[f"folder, {decoder}, no cache"] = run_row(folder, decoder, 0)
        rows["prepared shards"] = run_row(Path(temporary) / "shards", "soundfile", 0)
        table(rows)


if __name__ == "__main__":
    main()
