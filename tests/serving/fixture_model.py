"""The model that the conformance cases ask, as a SavedModel with two versions.

For a run against another server, export it with `python tests/serving/fixture_model.py OUT`, serve OUT/m as the model
`m` with all versions and the label `stable` on version 1, and set TF_AUDIO_GAN_TEST_SERVER_URL.
"""

import sys
from pathlib import Path

import tensorflow as tf

SIGNATURES = {}


def spec(dtype, shape=(None,)):
    return tf.TensorSpec(shape, dtype)


def signature(**inputs):
    """Registers a function of (offset, **inputs) as the signature of its name."""

    def register(function):
        SIGNATURES[function.__name__.strip("_")] = (function, inputs)
        return function

    return register


@signature(x=spec("float32"))
def serving_default(offset, x):
    return {"y": x / 2 + offset}


@signature(a=spec("float32", (None, 2)), b=spec("int32"))
def two(offset, a, b):
    return {"s": a * 2, "n": b + 1}


@signature(k=spec("int32"))
def i32(offset, k):
    return {"k": tf.identity(k)}


@signature(k=spec("uint8"))
def u8(offset, k):
    return {"k": tf.identity(k)}


@signature(k=spec("int64"))
def i64(offset, k):
    return {"k": tf.identity(k)}


@signature(k=spec("bool"))
def bool_(offset, k):
    return {"k": tf.identity(k)}


@signature(k=spec("float16"))
def f16(offset, k):
    return {"k": tf.identity(k)}


@signature(x=spec("float32"))
def half(offset, x):
    return {"h": tf.cast(x, tf.float16)}


@signature(t=spec("string"))
def str_(offset, t):
    return {"t": tf.identity(t)}


@signature(t=spec("string"))
def byt(offset, t):
    return {"t_bytes": tf.identity(t)}


@signature(x=spec("float32"))
def scal(offset, x):
    return {"y": x + 1, "c": tf.constant(3)}


@signature(x=spec("float32"))
def mixb(offset, x):
    return {"y": x + 1, "w": tf.constant([1.0])}


@signature(x=spec("float32"))
def nan(offset, x):
    return {"y": x / 0.0}


@signature(z=spec("float32", (None, 4)))
def mat(offset, z):
    return {"y": tf.matmul(z, tf.ones([4, 3]))}


@signature(x=spec("float32"))
def slow(offset, x):
    count = tf.cast(x[0], tf.int32)
    return {"y": x + tf.cast(tf.while_loop(lambda i: i < count, lambda i: [i + 1], [0])[0], x.dtype)}


def parsed(inputs):
    return tf.io.parse_example(inputs, {"x": tf.io.FixedLenFeature([], tf.float32)})["x"]


@signature(inputs=spec("string"))
def cls(offset, inputs):
    return {"scores": parsed(inputs)[:, None] / 2 + offset}


@signature(inputs=spec("string"))
def labels(offset, inputs):
    x = parsed(inputs)
    return {
        "classes": tf.stack([tf.fill(tf.shape(x), "a"), tf.fill(tf.shape(x), "b")], 1),
        "scores": tf.stack([x, -x], 1),
    }


@signature(inputs=spec("string"))
def reg(offset, inputs):
    return {"outputs": parsed(inputs) / 2 + offset}


@signature(seed=spec("int64"))
def wav(offset, seed):
    def one(value):
        audio = tf.random.stateless_uniform([16, 1], [value, 0], -1.0, 1.0)
        return tf.audio.encode_wav(audio, 16000)

    return {"wav_bytes": tf.map_fn(one, seed, fn_output_signature=tf.string)}


def concrete(module, function, inputs):
    call = tf.function(lambda **values: function(module.offset, **values))
    return call.get_concrete_function(**{key: tf.TensorSpec(s.shape, s.dtype, key) for key, s in inputs.items()})


def save(path, offset):
    module = tf.Module()
    module.offset = tf.Variable(offset, dtype=tf.float32)
    module.calls = {name: concrete(module, *SIGNATURES[name]) for name in SIGNATURES}
    tf.saved_model.save(module, str(path), signatures=module.calls)


def build(folder):
    """Writes the folder of versions and returns it: x/2 + 1 in version 1, x/2 + 2 in version 2."""
    for version in (1, 2):
        save(Path(folder) / "m" / str(version), version)
    return Path(folder) / "m"


if __name__ == "__main__":
    build(sys.argv[1])
