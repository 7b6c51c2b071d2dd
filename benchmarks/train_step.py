"""Seconds and examples of training, and peak memory, per model: python benchmarks/train_step.py [wavegan] [--dim 8 16].

Runs each model (all there are, unless named) and size in a process of its own on random audio, after a warm-up; the
measured time is the median of several stretches. Beside it: what the machine's matrix multiplication reaches in the
same run. On whatever backend and device there is: KERAS_BACKEND=torch python benchmarks/train_step.py
"""

import argparse
import inspect
import itertools
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


LABELS = {"controlgan": list("0123456789"), "gansynth": [str(pitch) for pitch in range(24, 85)]}  # they need some


def sized(name, dim, length):
    """Keywords for a model that take a size and a length; the others are what they are by default."""
    from tf_audio_gan.models import model_class

    bases = [kind for kind in model_class(name).__mro__ if kind.__module__.startswith("tf_audio_gan")]
    known = {key for kind in bases for key in inspect.signature(kind.__init__).parameters}
    sizes = {"dim": dim, "length": 0 if name == "gansynth" else length}
    return {key: value for key, value in sizes.items() if key in known and value}


def measure(name, dim, batch, length, precision, stretches=5, steps=2):
    """One line: seconds a step, examples a second, first step, peak memory."""
    import keras
    import numpy as np

    import tf_audio_gan
    from tf_audio_gan import backend

    keywords = sized(name, dim, length) | ({"labels": LABELS[name]} if name in LABELS else {})
    keywords |= {"batch_size": batch} if name == "gansynth" else {}
    model = tf_audio_gan.load_recipe(
        {"model": {"name": name, **keywords}, "train": {"precision": precision}}
    ).build_model()
    model.compile()
    shape = (model.critic_steps * batch, model.length, model.channels)
    real = np.random.default_rng(0).uniform(-1, 1, shape).astype("float32")
    model.adapt(real)
    given = (real, np.arange(len(real), dtype="int32") % len(model.labels)) if model.labels else (real,)
    if keras.backend.backend() == "torch":
        given = tuple(map(keras.ops.convert_to_tensor, given))  # on the device, as `train` has them

    class Same(keras.utils.PyDataset):
        num_batches = None

        def __getitem__(self, index):
            return given

    def stretch(steps):
        """Seconds of some steps; reading a loss waits until the device has finished."""
        start = time.perf_counter()
        logs = model.fit(Same(), steps_per_epoch=steps, verbose=0, shuffle=False).history
        float(logs["g/adversarial"][-1])
        return time.perf_counter() - start

    with backend.float32_arithmetic(precision == "tf32"):
        first = stretch(1)
        seconds = statistics.median(stretch(steps) / steps for _ in range(stretches))
    on_device = backend.device_memory_mb()
    host = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    memory = f"peak {host:6.0f} MB" if on_device is None else f"peak {on_device:6.0f} MB on the device"
    size = " ".join(f"{key} {value}" for key, value in sized(name, dim, length).items())
    what = f"{keras.backend.backend()} {name} {size} batch {batch} {precision}"
    speed = f"{seconds:7.3f} s/step {1 / seconds:7.2f} steps/s {shape[0] / seconds:8.1f} examples/s"
    print(f"{what:55s} {speed}  first step {first:5.1f} s  {memory}", flush=True)


def main():
    from tf_audio_gan.models import MODELS

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", default=list(MODELS), help=f"default: all ({', '.join(MODELS)})")
    parser.add_argument("--dim", type=int, nargs="+", default=[8, 16], help="sizes of models that have a `dim`")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--length", type=int, default=16384, help="samples; 0: the model's own")
    parser.add_argument("--precision", nargs="+", default=["float32"], choices=["float32", "tf32", "bfloat16"])
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        measure(options.models[0], options.dim[0], options.batch, options.length, options.precision[0])
        return
    print(f"float32 matrix multiplication: {matmul_gflops():.0f} GFLOP/s on {where()}", flush=True)
    sizes = [(name, dim) for name in options.models for dim in (options.dim if sized(name, 1, 0) else [0])]
    failed = 0
    for (name, dim), precision in itertools.product(sizes, options.precision):
        command = [sys.executable, __file__, name, "--one", "--dim", str(dim), "--precision", precision]
        command += ["--batch", str(options.batch), "--length", str(options.length)]
        if subprocess.run(command).returncode:
            failed += 1
            print(f"{name} dim {dim} {precision}: failed, see above", flush=True)
    sys.exit(failed > 0)


def where():
    from tf_audio_gan import backend

    return f"{backend.device_name()}, {os.cpu_count()} cores"


if __name__ == "__main__":
    main()
