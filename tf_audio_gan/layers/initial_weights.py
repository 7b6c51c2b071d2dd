"""Initial weights of the vocoders, as PyTorch and the authors' code really set them."""

import math

import keras

KINDS = ("uniform", "normal", "he")


def initial_weights(kind, fan_in, seed):
    """Keywords `kernel_initializer` and `bias_initializer` of one convolution.

    MelGAN's code asks for normal(0, 0.02) on a tensor that weight normalisation makes anew at the next call, so what it
    trains from is PyTorch's default, "uniform". "normal" is what was asked for, and does act.

    Args:
        kind: "uniform": kernel and bias U(-b, b), b = 1 / sqrt(fan_in); "normal": kernel N(0, 0.02), bias as before;
            "he": kernel N(0, sqrt(2 / fan_in)), bias 0 (Parallel WaveGAN).
        fan_in: input channels in a group x kernel size; for a transposed convolution OUTPUT channels x kernel size.
        seed: whole number; the bias is drawn from another one.

    Returns:
        dict of two initializers.
    """
    if kind not in KINDS:
        raise ValueError(f"initial weights must be one of {', '.join(KINDS)}. Received: {kind!r}")
    draw = keras.initializers
    bound = 1 / math.sqrt(fan_in)
    kernels = {
        "uniform": lambda: draw.RandomUniform(-bound, bound, seed=2 * seed),
        "normal": lambda: draw.RandomNormal(0.0, 0.02, seed=2 * seed),
        "he": lambda: draw.RandomNormal(0.0, math.sqrt(2) * bound, seed=2 * seed),
    }
    bias = draw.Zeros() if kind == "he" else draw.RandomUniform(-bound, bound, seed=2 * seed + 1)
    return {"kernel_initializer": kernels[kind](), "bias_initializer": bias}
