"""Seconds and examples of training, and peak memory: python benchmarks/train_step.py [--dim 8 16] [--batch 16].

Runs each size in a process of its own on random audio, after a warm-up; the measured time is the median of several
stretches. Beside it: what the machine's matrix multiplication reaches in the same run.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def matmul_gflops(n=2048, repeats=5):
    """Float32 matrix multiplication, in GFLOP/s."""
    import tensorflow as tf

    a = tf.random.normal((n, n))
    tf.matmul(a, a)
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        tf.matmul(a, a).numpy()
        times.append(time.perf_counter() - start)
    return 2 * n**3 / statistics.median(times) / 1e9


def measure(dim, batch, length, stretches=5, steps=2):
    """One line: seconds a step, examples a second, compile time, peak memory."""
    import tensorflow as tf

    from tf_audio_gan import WaveGAN

    model = WaveGAN(dim=dim, length=length)
    model.compile()
    real = tf.random.uniform((model.critic_steps * batch, length, 1), -1, 1)
    data = tf.data.Dataset.from_tensors(real).repeat()
    start = time.perf_counter()
    model.fit(data, steps_per_epoch=1, verbose=0, shuffle=False)
    first = time.perf_counter() - start
    times = []
    for _ in range(stretches):
        start = time.perf_counter()
        model.fit(data, steps_per_epoch=steps, verbose=0, shuffle=False)
        times.append((time.perf_counter() - start) / steps)
    seconds = statistics.median(times)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    speed = f"{seconds:7.3f} s/step {1 / seconds:7.2f} steps/s {model.critic_steps * batch / seconds:8.1f} examples/s"
    print(f"d={dim:<3} batch {batch:<3} {speed}  first step {first:5.1f} s  peak {memory:6.0f} MB", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dim", type=int, nargs="+", default=[8, 16])
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--length", type=int, default=16384)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        measure(options.dim[0], options.batch, options.length)
        return
    print(f"float32 matrix multiplication: {matmul_gflops():.0f} GFLOP/s on {os.cpu_count()} cores", flush=True)
    for dim in options.dim:
        command = [sys.executable, __file__, "--one", "--dim", str(dim), "--batch", str(options.batch)]
        subprocess.run([*command, "--length", str(options.length)], check=True)


if __name__ == "__main__":
    main()
