"""Grouped convolutions of MelGAN's discriminator: ours against Keras's and PyTorch's, as ratios, in one run.

python benchmarks/grouped_conv.py [--batch 4] [--repeats 15]. On whatever backend and device Keras finds; PyTorch's own
convolution runs before it where torch is installed, in a process of its own: two pools of threads in one would disturb
each other. Times are medians of forward, and of forward and backward with respect to the input and to the kernel.
"""

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
LAYERS = [(8192, 16, 64, 4), (2048, 64, 256, 16), (512, 256, 1024, 64), (128, 1024, 1024, 256)]
KERNEL, STRIDE, PADDING = 41, 4, 20


def median(function, repeats):
    function()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def keras_pair(layer, x):
    """(forward, forward and backward) of a layer, compiled where the backend compiles; each waits for its result."""
    import keras
    from keras import ops

    from tf_audio_gan import backend

    def both(x):
        loss = lambda x: ops.sum(ops.square(layer(x)))  # noqa: E731
        return backend.gradients(lambda: (loss(x), {}), [layer.kernel])[0][0], backend.input_gradient(loss, x)

    forward = layer
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        forward, both = tf.function(layer), tf.function(both)
    x = ops.convert_to_tensor(x)

    def wait(y):
        return [float(part[0, 0, 0]) for part in (y if isinstance(y, tuple) else (y,))]

    return lambda: wait(forward(x)), lambda: wait(both(x))


def torch_pair(samples, channels, filters, groups, batch):
    """The same by PyTorch's own convolution."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    x = torch.randn(batch, channels, samples, device=device, requires_grad=True)
    layer = torch.nn.Conv1d(channels, filters, KERNEL, STRIDE, PADDING, groups=groups).to(device)

    def forward():
        with torch.no_grad():
            return float(layer(x)[0, 0, 0])

    def both():  # twice forward, as `keras_pair`
        weights = torch.autograd.grad(layer(x).square().sum(), layer.weight)[0]
        inputs = torch.autograd.grad(layer(x).square().sum(), x)[0]
        return float(weights[0, 0, 0]), float(inputs[0, 0, 0])

    return forward, both


def torch_times(options):
    """[[forward, both] of each layer] by PyTorch, or None where it is not installed."""
    if importlib.util.find_spec("torch") is None:
        return None
    command = [sys.executable, __file__, "--torch", "--batch", str(options.batch), "--repeats", str(options.repeats)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--torch", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.torch:
        print(json.dumps([[median(f, options.repeats) for f in torch_pair(*s, options.batch)] for s in LAYERS]))
        return
    there = torch_times(options)
    import keras
    import numpy as np

    from tf_audio_gan.backend import device_name
    from tf_audio_gan.layers.grouped_conv import GroupedConv1D

    print(f"{keras.backend.backend()} on {device_name()}, batch {options.batch}, kernel {KERNEL}, stride {STRIDE}")
    for n, (samples, channels, filters, groups) in enumerate(LAYERS):
        x = np.random.default_rng(0).normal(size=(options.batch, samples, channels)).astype("float32")
        wide = np.pad(x, ((0, 0), (PADDING, PADDING), (0, 0)))
        pairs = {
            "ours": keras_pair(GroupedConv1D(filters, KERNEL, STRIDE, groups, PADDING), x),
            "keras": keras_pair(keras.layers.Conv1D(filters, KERNEL, STRIDE, groups=groups), wide),
        }
        repeats = {"ours": options.repeats, "keras": min(options.repeats, 2)}  # half a minute a time on some CPUs
        times = {name: [median(f, repeats[name]) for f in pair] for name, pair in pairs.items()}
        times |= {"torch": there[n]} if there else {}
        for i, what in enumerate(("forward", "forward and backward")):
            ours = times["ours"][i]
            others = "  ".join(f"{name} {t[i] / ours:7.2f}x" for name, t in times.items() if name != "ours")
            print(f"{groups:4d} groups {channels:4d} -> {filters:4d} {what:21s} ours {ours * 1e3:8.2f} ms  {others}")


if __name__ == "__main__":
    main()
