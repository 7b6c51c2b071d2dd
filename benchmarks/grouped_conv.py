"""Grouped convolutions of MelGAN's discriminator: ours against Keras's and PyTorch's, as ratios, in one run.

python benchmarks/grouped_conv.py [--batch 4] [--repeats 15] [--limit 15]. On whatever backend and device Keras finds;
PyTorch's own convolution runs before it where torch is installed, in a process of its own: two pools of threads in one
would disturb each other. Keras's own also has a process for each layer, stopped after `--limit` seconds, compilation
included: what it has not finished by then is given as "over". Times are medians of forward, and of forward and backward
with respect to the input and to the kernel. A minute or two in all.
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


def child(options, *which, limit=None):
    """The numbers that this program prints with `which`, one a line, until it ends or `limit` seconds are over."""
    command = [sys.executable, __file__, *which, "--batch", str(options.batch), "--repeats", str(options.repeats)]
    # Passive: on a machine that is not idle, spinning barriers of OpenMP make PyTorch twenty times slower.
    environment = {"OMP_WAIT_POLICY": "passive", **os.environ}
    try:
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=limit, env=environment)
        return [json.loads(line) for line in done.stdout.splitlines()]
    except subprocess.TimeoutExpired as late:
        return [json.loads(line) for line in (late.stdout or b"").decode().splitlines()]


def torch_layer(n, options):
    for function in torch_pair(*LAYERS[n], options.batch):
        print(json.dumps(median(function, options.repeats)), flush=True)


def keras_layer(n, options):
    """Prints the median of two runs of Keras's own layer, forward, then both."""
    import keras
    import numpy as np

    samples, channels, filters, groups = LAYERS[n]
    x = np.random.default_rng(0).normal(size=(options.batch, samples + 2 * PADDING, channels)).astype("float32")
    for function in keras_pair(keras.layers.Conv1D(filters, KERNEL, STRIDE, groups=groups), x):
        print(json.dumps(median(function, 2)), flush=True)


def our_layer(n, options):
    import numpy as np

    from tf_audio_gan.layers.grouped_conv import GroupedConv1D

    samples, channels, filters, groups = LAYERS[n]
    x = np.random.default_rng(0).normal(size=(options.batch, samples, channels)).astype("float32")
    pair = keras_pair(GroupedConv1D(filters, KERNEL, STRIDE, groups, PADDING), x)
    return [median(function, options.repeats) for function in pair]


def compare(n, options):
    """Prints a layer's two lines."""
    _, channels, filters, groups = LAYERS[n]
    has_torch = importlib.util.find_spec("torch")
    there = child(options, "--torch", str(n)) if has_torch else []
    theirs = child(options, "--keras", str(n), limit=options.limit)
    for i, ours in enumerate(our_layer(n, options)):
        what = f"{groups:4d} groups {channels:4d} -> {filters:4d} {('forward', 'forward and backward')[i]:21s}"
        late = f"keras over {options.limit / ours:6.0f}x (stopped)"
        line = f"keras {theirs[i] / ours:7.2f}x" if i < len(theirs) else late
        line += f"  torch {there[i] / ours:7.2f}x" if there else ""
        print(f"{what} ours {ours * 1e3:8.2f} ms  {line}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--limit", type=float, default=15, help="seconds for Keras's own layer, each")
    parser.add_argument("--torch", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--keras", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.torch is not None:
        torch_layer(options.torch, options)
        return
    if options.keras is not None:
        keras_layer(options.keras, options)
        return
    import keras

    from tf_audio_gan.backend import device_name

    print(f"{keras.backend.backend()} on {device_name()}, batch {options.batch}, kernel {KERNEL}, stride {STRIDE}")
    for n in range(len(LAYERS)):
        compare(n, options)


if __name__ == "__main__":
    main()
