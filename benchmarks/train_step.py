"""Seconds and examples of training, and peak memory: python benchmarks/train_step.py [--model wavegan] [--dim 8 16].

Runs each size in a process of its own on random audio, after a warm-up; the measured time is the median of several
stretches. Beside it: what the machine's matrix multiplication reaches in the same run. On whatever backend and device
there is: KERAS_BACKEND=torch python benchmarks/train_step.py
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
    import numpy as np
    from keras import ops

    a = ops.convert_to_tensor(np.random.default_rng(0).normal(size=(n, n)).astype("float32"))
    ops.convert_to_numpy(ops.matmul(a, a)[0, 0])
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        ops.convert_to_numpy(ops.matmul(a, a)[0, 0])
        times.append(time.perf_counter() - start)
    return 2 * n**3 / statistics.median(times) / 1e9


def measure(name, dim, batch, length, stretches=5, steps=2):
    """One line: seconds a step, examples a second, compile time, peak memory."""
    import keras
    import numpy as np

    import tf_audio_gan

    recipe = {"model": {"name": name, "dim": dim, "length": length}}
    model = tf_audio_gan.load_recipe(recipe).build_model()
    model.compile()
    rows = model.critic_steps * batch
    real = np.random.default_rng(0).uniform(-1, 1, (rows, length, 1)).astype("float32")

    class Same(keras.utils.PyDataset):
        num_batches = None

        def __getitem__(self, index):
            return (real,)

    data = Same()
    start = time.perf_counter()
    model.fit(data, steps_per_epoch=1, verbose=0, shuffle=False)
    first = time.perf_counter() - start
    times = []
    for _ in range(stretches):
        start = time.perf_counter()
        logs = model.fit(data, steps_per_epoch=steps, verbose=0, shuffle=False).history
        float(logs["g/adversarial"][-1])  # waits until the device has finished
        times.append((time.perf_counter() - start) / steps)
    seconds = statistics.median(times)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    speed = f"{seconds:7.3f} s/step {1 / seconds:7.2f} steps/s {model.critic_steps * batch / seconds:8.1f} examples/s"
    what = f"{keras.backend.backend()} {name} d={dim:<3} batch {batch:<3}"
    print(f"{what} {speed}  first step {first:5.1f} s  peak {memory:6.0f} MB", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="wavegan")
    parser.add_argument("--dim", type=int, nargs="+", default=[8, 16])
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--length", type=int, default=16384)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        measure(options.model, options.dim[0], options.batch, options.length)
        return
    print(f"float32 matrix multiplication: {matmul_gflops():.0f} GFLOP/s on {os.cpu_count()} cores", flush=True)
    for dim in options.dim:
        command = [sys.executable, __file__, "--one", "--model", options.model, "--dim", str(dim)]
        subprocess.run([*command, "--batch", str(options.batch), "--length", str(options.length)], check=True)


if __name__ == "__main__":
    main()
