"""How many examples the input pipeline gives, alone: each decoder on a folder, and prepared shards.

    python benchmarks/input_pipeline.py [FOLDER] [--noise FOLDER] [--train]

Without a folder, 400 synthetic 16-bit WAV files of 1 to 6 seconds at 16 kHz are made. Each row runs in a process of its
own: batches of 64 examples of 16384 samples through `tf_audio_gan.dataset`, first after opening (cold: each file is
decoded when it is first drawn), then over the next batches (warm). Ratios are to the first row; cores are CPU seconds
over wall seconds. Where torch is installed, one row is its DataLoader (two workers) with librosa. Two rows mix noise
into the sounds as the training of enhancement does (`MixedSpeech`; white noise without --noise), the second with every
example in a room; a file's level is measured when it is first drawn.

With --train, a WaveGAN of the paper's size (d = 64) takes steps of a small batch on the same sounds, and so does one of
d = 8: the examples a second that they use, and the share of their time that was spent waiting for the next batch.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

BATCH, LENGTH, COLD, WARM = 64, 16384, 20, 200
TRAINED = {64: (2, 1), 8: (16, 10)}  # d: (batch size, steps)
TORCH = "torch DataLoader, librosa"
MIXED = {"mixed with noise": 0.0, "mixed with noise, in rooms": 1.0}  # row: reverberation


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
    opened = time.perf_counter() - begin
    drain(len(sounds), opened, iter(dataset(sounds, BATCH)))


def measure_mixed(folder, noise, reverberation):
    """Pairs of clean and noisy speech."""
    from tf_audio_gan import MixedSpeech, dataset

    begin = time.perf_counter()
    sounds = MixedSpeech(folder, noise, reverberation=reverberation, length=LENGTH + 1, progress=False)
    opened = time.perf_counter() - begin
    drain(len(sounds), opened, iter(dataset(sounds, BATCH)))


def measure_torch(folder):
    """The same examples by what a PyTorch project would write: librosa.load, a random crop, DataLoader."""
    import librosa
    import torch

    begin = time.perf_counter()
    files = sorted(p for p in Path(folder).rglob("*") if p.suffix.lower() in (".wav", ".flac", ".ogg", ".mp3"))

    class Crops(torch.utils.data.Dataset):
        def __len__(self):
            return BATCH * (COLD + WARM) * 2

        def __getitem__(self, i):
            audio, _ = librosa.load(files[torch.randint(len(files), ()).item()], sr=16000)
            audio = librosa.util.fix_length(audio, size=max(LENGTH, len(audio)))
            start = torch.randint(len(audio) - LENGTH + 1, ()).item()
            return torch.from_numpy(audio[start : start + LENGTH, None])

    loader = torch.utils.data.DataLoader(Crops(), BATCH, num_workers=2, prefetch_factor=4)
    drain(len(files), time.perf_counter() - begin, iter(loader))


def drain(clips, opened, batches):
    """Takes batches, and prints the row."""
    before, rates = usage()[1], []
    for seconds, most in ((10, COLD), (20, WARM)):
        (cpu, _), start, count = usage(), time.perf_counter(), 0
        while count < most and time.perf_counter() - start < seconds:
            next(batches)
            count += 1
        wall = time.perf_counter() - start
        rates.append(count * BATCH / wall)
    cpu = usage()[0] - cpu
    del batches
    row = {"clips": clips, "open": opened, "cold": rates[0], "warm": rates[1], "cores": cpu / wall}
    print(json.dumps(row | {"peak": usage()[1], "grown": usage()[1] - before}))


def usage():
    """(CPU seconds so far, peak memory in MB) of this process and the running processes it started (Linux)."""
    tick, cpu, memory = os.sysconf("SC_CLK_TCK"), 0.0, 0.0
    children = " ".join(path.read_text() for path in Path("/proc/self/task").glob("*/children")).split()
    for pid in ("self", *children):
        cpu += sum(map(int, Path(f"/proc/{pid}/stat").read_text().rsplit(")")[1].split()[11:13])) / tick
        status = Path(f"/proc/{pid}/status").read_text()
        memory += int(status.split("VmHWM:")[1].split()[0]) / 1024
    return cpu, memory


def measure_training(folder, dim):
    """Examples a second that training uses, and the share of the time in which it waited for a batch."""
    from tf_audio_gan import Sounds, WaveGAN, dataset

    batch_size, steps = TRAINED[dim]
    model = WaveGAN(dim=dim)
    model.compile()
    step = model.make_train_function() or model.train_function
    batches = iter(dataset(Sounds(folder, progress=False), batch_size * model.critic_steps))
    step(iter([next(batches)]))
    waited, start = 0.0, time.perf_counter()
    for _ in range(steps):
        before = time.perf_counter()
        batch = next(batches)
        waited += time.perf_counter() - before
        {name: float(value) for name, value in step(iter([batch])).items()}
    wall = time.perf_counter() - start
    rate = steps * batch_size * model.critic_steps / wall
    print(json.dumps({"batch": batch_size, "rate": rate, "seconds": wall / steps, "waited": waited / wall}))


def run_row(folder, decoder, cache_mb, *options):
    command = [sys.executable, __file__, str(folder), "--row", decoder, "--cache-mb", str(cache_mb), *options]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        return {"error": done.stderr.strip().splitlines()[-1]}
    return json.loads(done.stdout.splitlines()[-1])


def table(rows):
    from rich.console import Console
    from rich.table import Table

    columns = ("source", "files", "open s", "cold ex/s", "warm ex/s", "ratio", "cores", "peak RSS MB", "grown MB")
    out = Table(*columns, title=f"batches of {BATCH} x 16384 samples, input pipeline alone")
    first = next(iter(rows.values()))
    for name, row in rows.items():
        if "error" in row:
            out.add_row(name, "not run")
            continue
        ratio = f"{row['warm'] / first['warm']:.2f}x"
        values = [f"{row[k]:.0f}" for k in ("cold", "warm")] + [ratio, f"{row['cores']:.2f}"]
        values += [f"{row[k]:.0f}" for k in ("peak", "grown")]
        out.add_row(name, str(row["clips"]), f"{row['open']:.2f}", *values)
    Console(width=130).print(out)
    for error in sorted({row["error"] for row in rows.values() if "error" in row}):
        print(f"not run: {error}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--noise", type=Path, help="a folder of noise recordings")
    parser.add_argument("--row", help=argparse.SUPPRESS)
    parser.add_argument("--cache-mb", type=int, default=512, help=argparse.SUPPRESS)
    parser.add_argument("--train", action="store_true", help="also what training uses, and whether it waits")
    arguments = parser.parse_args()
    if arguments.row == TORCH:
        measure_torch(arguments.folder)
        return
    if arguments.row in MIXED:
        measure_mixed(arguments.folder, arguments.noise, MIXED[arguments.row])
        return
    if (arguments.row or "").isdecimal():
        measure_training(arguments.folder, int(arguments.row))
        return
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
        noise = arguments.noise or Path(temporary) / "noise"
        if not arguments.noise:
            noise.mkdir()
            synthesise(noise)
        rows |= {name: run_row(folder, name, 512, "--noise", str(noise)) for name in MIXED}
        rows[TORCH] = run_row(folder, TORCH, 0)
        table(rows)
        if arguments.train:
            say_training(folder, rows)


def say_training(folder, rows):
    for dim in TRAINED:
        used = run_row(folder, str(dim), 0)
        if "error" in used:
            print(f"not run: {used['error']}")
            continue
        print(
            f"training d={dim}, batch {used['batch']}: {used['seconds']:.2f} s a step, {used['rate']:.1f} examples/s, "
            f"{100 * used['waited']:.2f} % of the time waiting for data"
        )
        for name, row in rows.items():
            if "error" not in row:
                print(f"  {name}: {row['warm'] / used['rate']:.0f}x what that uses")


if __name__ == "__main__":
    main()
