"""How fast recordings are enhanced, and in how much memory: python benchmarks/enhancement.py [PRESET ...] [--quick].

Of each model, in a process of its own for each number of cores: how many seconds of audio it enhances in a second, from
a file to a file as `enhance` is called (16-bit WAV at the model's rate; then stereo at 48 kHz, which is resampled there
and back), and the most memory that took, beside what the process held before. Memory is also that of a long file: what
an hour needs more than a minute is what is not flat. Without a preset: an untrained light SEGAN+, whose speed is that
of a trained one. Other work on the machine slows it down; `--cpu` counts processor time, of all cores together.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
LIGHT = "light SEGAN+"
CASES = ((None, 1), (48000, 2))  # rate (None: the model's) and channels


def made(name, threads):
    """The model of a preset, or an untrained one, on so many cores."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    import tf_audio_gan

    if name == LIGHT:
        return tf_audio_gan.load_recipe("segan_plus_light").build_model()
    return tf_audio_gan.from_preset(name)


def write_noise(path, rate, channels, seconds):
    """A 16-bit file of noise, a block at a time."""
    import numpy as np
    import soundfile

    rng = np.random.default_rng(0)
    with soundfile.SoundFile(path, "w", rate, channels, "PCM_16") as file:
        for _ in range(seconds // 10):
            file.write(rng.uniform(-0.3, 0.3, (10 * rate, channels)))


def peak_mib():
    """The most memory that this process has held, in MiB."""
    scale = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale


def worker(name, threads, seconds, cpu):
    """Prints a line of JSON for each case: real-time factor, peak memory, and how much of it the long file added."""
    import tf_audio_gan

    model, clock = made(name, threads), time.process_time if cpu else time.perf_counter
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for rate, channels in CASES:
            rate = rate or model.sample_rate
            for length in (60, seconds):  # the first traces the graph, and is what the long one is compared with
                write_noise(folder / "noise.wav", rate, channels, length)
                before, start = peak_mib(), clock()
                tf_audio_gan.enhance(model, folder / "noise.wav", folder / "out", progress=False)
                taken = clock() - start
            facts = {"rate": rate, "channels": channels, "factor": seconds / taken, "peak": peak_mib()}
            print(json.dumps(facts | {"more": peak_mib() - before}), flush=True)


def one_model(name, threads, options):
    command = [sys.executable, __file__, "--worker", name, "--threads", str(threads), "--seconds", str(options.seconds)]
    command += ["--cpu"] * options.cpu
    print(f"\n{name}, {threads} core{'s' * (threads > 1)}, {options.seconds} s of audio", flush=True)
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"the worker failed (status {done.returncode}): {done.stderr[-2000:]}")
    for line in done.stdout.splitlines():
        facts = json.loads(line)
        print(
            f"  {facts['rate']} Hz, {facts['channels']} channel{'s' * (facts['channels'] > 1)}: "
            f"{facts['factor']:6.1f} x real time{' of processor time' * options.cpu}, "
            f"{facts['peak']:.0f} MiB at the most, {facts['more']:.0f} MiB more than a minute takes"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("presets", nargs="*", default=[LIGHT], help="of models of enhancement")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="cores")
    parser.add_argument("--seconds", type=int, default=3600, help="of audio, a multiple of 10")
    parser.add_argument("--quick", action="store_true", help="two minutes of audio, all cores")
    parser.add_argument("--cpu", action="store_true", help="processor time instead of the wall's")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        worker(options.worker, options.threads[0], options.seconds, options.cpu)
        return
    if options.quick:
        options.seconds, options.threads = 120, [os.cpu_count()]
    for name in options.presets:
        for threads in options.threads:
            one_model(name, threads, options)


if __name__ == "__main__":
    main()
