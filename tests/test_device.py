"""The accelerator's arithmetic, and that a training step on PyTorch never waits for it. No accelerator is needed."""

import collections
import contextlib

import keras
import numpy as np
import pytest

from tests.models.test_enhancer import CASES as ENHANCERS
from tests.models.test_vocoder import CASES as VOCODERS
from tf_audio_gan import WaveGAN, backend, device, models, train, training
from tf_audio_gan.audio.synthetic import write_drum_hits
from tf_audio_gan.callbacks import Summaries
from tf_audio_gan.health import Diversity
from tf_audio_gan.models.gan import AudioGAN

ON_TORCH = keras.backend.backend() == "torch"
on_torch = pytest.mark.skipif(not ON_TORCH, reason="needs KERAS_BACKEND=torch: `make test-torch` runs it")
SMALL = {"length": 256, "strides": [4, 4], "dim": 2, "critic_steps": 2}
SPECTRAL = {"stft_loss": 0.5, "mel_l1": 1.0, "mel_l2": 1.0, "feature_matching": 1.0, "segment_length": 4096}
MODELS = {"wavegan": SMALL}  # a small one of each model, with all losses
MODELS |= {name: keywords | SPECTRAL for name, (_, keywords) in VOCODERS.items() if name != "parallel_wavegan"}
MODELS["parallel_wavegan"] = VOCODERS["parallel_wavegan"][1]
MODELS |= {name: keywords for name, (_, keywords) in ENHANCERS.items()}
MODELS["specgan"] = {"length": 256, "n_fft": 32, "strides": [2, 2], "dim": 4, "critic_steps": 2}
MODELS["controlgan"] = {"length": 4096, "strides": [4, 4, 4], "dim": 2, "critic_steps": 2, "labels": ["a", "b"]}
MODELS["gansynth"] = {
    "sample_rate": 8000, "length": 280, "frames": 16, "bins": 32, "blocks": 2, "filters": 16, "max_filters": 6,
    "latent_dim": 5, "labels": ["60", "62"], "stable_images": 0, "fade_images": 100, "batch_size": 4,
}  # fmt: skip
READS = ("item", "tolist", "numpy", "cpu", "nonzero", "is_nonzero", "equal", "allclose", "masked_select")
READS += tuple(f"__{name}__" for name in ("array", "float", "int", "bool", "index", "contains"))


@pytest.mark.parametrize("tf32", [True, False])
def test_float32_products_round_only_when_asked_to(tf32):
    before = device._tf32()
    try:
        for start in (True, False):
            device._set_tf32(dict.fromkeys(before, start))
            with contextlib.suppress(KeyError), backend.float32_arithmetic(tf32):
                assert set(device._tf32().values()) == {tf32}
                raise KeyError
            assert set(device._tf32().values()) == {start}, "the setting of before"
    finally:
        device._set_tf32(before)


@pytest.mark.parametrize("precision, tf32", [("float32", False), ("tf32", True), ("bfloat16", False)])
def test_training_sets_the_arithmetic(precision, tf32, tmp_path, monkeypatch):
    seen = {}
    monkeypatch.setattr(training, "_train", lambda recipe, *rest: seen.update(device._tf32()))
    train({"model": {"name": "wavegan", **SMALL}}, tmp_path, tmp_path / "run", precision=precision)
    assert seen and set(seen.values()) == {tf32}


@contextlib.contextmanager
def watch():
    """Counts what makes the host wait for a device: {"read ...": n}, numbers read back; {"copied": n}, blocking copies.

    On the CPU nothing is copied, but every tensor made of Python numbers or arrays goes through `lift_fresh`; so those
    that `device.sent` makes, which copies without waiting, are counted apart, under "sent". What this cannot see is
    `x.to("cpu")`: here Keras calls that for every tensor, for its device is the CPU.
    """
    import torch
    from torch.overrides import TorchFunctionMode
    from torch.utils._python_dispatch import TorchDispatchMode

    counts = collections.Counter()

    class Calls(TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):
            name = getattr(function, "__name__", "")
            if name in READS:
                counts[f"read {name}"] += 1
            return function(*args, **(kwargs or {}))

    class Operations(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            name = str(function).removeprefix("aten.").split(".")[0]
            by_mask = name in ("index", "index_put", "index_put_") and any(
                isinstance(i, torch.Tensor) and i.dtype == torch.bool for i in args[1]
            )
            if by_mask or name in (*READS, "_local_scalar_dense", "_unique2", "unique_dim"):
                counts[f"read {name}"] += 1
            counts["copied"] += name == "lift_fresh"
            return function(*args, **(kwargs or {}))

    def send(array, wrapped=device.sent):
        before = counts["copied"]
        tensor = wrapped(array)
        counts["sent"] += counts["copied"] - before
        counts["copied"] = before
        return tensor

    with pytest.MonkeyPatch.context() as patch, Calls(), Operations():
        patch.setattr(device, "sent", send)
        yield counts


@on_torch
def test_the_watch_sees_what_waits():
    import torch

    x = torch.arange(3.0)
    for wait, name in {
        lambda: float(x[0]): "read __float__",
        lambda: bool((x > 1).any()): "read __bool__",
        lambda: np.asarray(x): "read __array__",
        lambda: x[x > 1]: "read index",
        lambda: x.cpu(): "read cpu",
        lambda: keras.ops.maximum(x, 0.5): "copied",
    }.items():
        with watch() as counts:
            wait()
        assert counts[name] >= 1, name
    with watch() as counts:
        backend.Draws(0, 0).uniform((2,))
        x * 2 + 1
    assert +counts == {"sent": 1}


def with_labels(model, audio):
    """What `fit` hands a step, on the device already."""
    audio = keras.ops.convert_to_tensor(audio)
    return (audio, keras.ops.arange(len(audio)) % len(model.labels)) if model.labels else (audio,)


@on_torch
@pytest.mark.parametrize(
    "options",
    [
        {"phase_shuffle_mode": "batch"},
        {"phase_shuffle_mode": "channel", "batch_norm": True, "objective": "lsgan", "post_filter": 8},
        {"objective": "wgan", "upsampling": "nearest", "phase_shuffle_mode": "example"},
        {"objective": "hinge"},
        {"objective": "non_saturating"},
        {"objective": "minimax"},
        {"labels": ["a", "b"], "conditioning": "concat"},
        {"labels": ["a", "b"], "conditioning": "film"},
        {"labels": ["a", "b"], "conditioning": "auxiliary"},
    ],
    ids=str,
)
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_a_step_waits_for_nothing(options, policy, rng):
    """The second step and all later: networks, penalty, phase shuffle, both optimizers, averages, metrics."""
    with backend.dtype_policy(policy):
        model = WaveGAN(**SMALL, **options)
    model.compile()
    batch = with_labels(model, rng.uniform(-1, 1, (8, 256, 1)).astype("float32"))
    model.train_step(batch)
    with watch() as counts:
        model.train_step(batch)
    assert counts["sent"] >= 3 and set(+counts) == {"sent"}, counts


@on_torch
@pytest.mark.parametrize("phase", ["adversarial", "reconstruction"])
@pytest.mark.parametrize("name", models.MODELS)
def test_no_model_waits_in_a_step(name, phase, rng):
    """Every model, before and after its discriminator starts."""
    assert name in MODELS, f"give {name} small keywords in MODELS: no step of a model may make the host wait"
    model = models.model_class(name)(**MODELS[name])
    model.compile()
    shape = (4 * model.critic_steps, model.length, model.channels)
    audio = rng.uniform(-1, 1, shape).astype("float32")
    model.adapt(audio)
    batch = with_labels(model, audio)
    model.phase = model.phase_at(0) if name == "gansynth" else phase  # within a fade
    model.train_step(batch)
    with watch() as counts:
        model.train_step(batch)
    assert set(+counts) == {"sent"} and counts["sent"] < 20, counts


@on_torch
def test_a_constant_is_sent_once_and_goes_with_its_array():
    array = np.arange(3.0)
    with watch() as counts:
        first, again = device.constant(array), device.constant(array)
    assert first is again and counts["sent"] == 1 and first.tolist() == [0, 1, 2]
    held = len(device._CONSTANTS)
    del array
    assert len(device._CONSTANTS) == held - 1


def test_at_least_is_the_larger_of_both():
    x = keras.ops.convert_to_tensor(np.array([-1.0, 0.5, 2.0], "float32"))
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(device.at_least(x, 0.5)), [0.5, 0.5, 2.0])


def test_metrics_are_those_of_keras():
    mean, same = keras.metrics.Mean(), keras.metrics.Mean()
    for value in (1.0, 2.5, -7.25):
        value = keras.ops.convert_to_tensor(value)
        backend.update_mean(mean, value)
        same.update_state(value)
    assert float(mean.result()) == float(same.result()) == -1.25


@on_torch
@pytest.mark.parametrize("on_device", [True, False])
def test_a_run_waits_once_a_line_of_the_log(on_device, tmp_path, monkeypatch):
    """From the start of one step to that of the next: the data, the step, the callbacks of `train`."""
    write_drum_hits(tmp_path / "hits", 8, seed=2)
    monkeypatch.setattr(device, "free_memory", lambda: 2**30 if on_device else 100)
    options = {"batch_size": 4, "log_steps": 12, "steps": 12}
    recipe, marks = {"model": {"name": "wavegan", **SMALL}, "train": options}, []
    step, fit = AudioGAN.train_step, training._fit

    def marked(model, data):
        marks.append(collections.Counter(counts))
        return step(model, data)

    def watched(model, data, options, start, callbacks, replicas):
        without_pictures = [c for c in callbacks if not isinstance(c, Summaries | Diversity)]
        nonlocal counts
        with watch() as counts:
            fit(model, data, options, start, without_pictures, replicas)

    counts = {}
    monkeypatch.setattr(AudioGAN, "train_step", marked)
    monkeypatch.setattr(training, "_fit", watched)
    monkeypatch.setattr(training, "_publish", lambda *arguments: None)
    train(recipe, tmp_path / "hits", tmp_path / "run", progress=False)
    between = [now - before for before, now in zip(marks[1:], marks[2:], strict=False)]
    assert len(between) == 10 and all(set(+count) == {"sent"} for count in between), between


@on_torch
def test_keras_own_list_of_callbacks_waits_after_every_step():
    """Why `train` brings its own: `LogsAsTensors`."""

    class Each(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            logs["a"] + 1

    logs = {"a": keras.ops.ones(()), "b": keras.ops.ones(())}
    reads = []
    for kind in (keras.callbacks.CallbackList, training.LogsAsTensors):
        with watch() as counts:
            kind([Each()]).on_train_batch_end(0, logs)
        reads.append(sum(count for name, count in counts.items() if name.startswith("read")))
    assert reads == [2, 0]


@on_torch
@pytest.mark.parametrize(
    "free, said", [(2**30, "the sounds lie on the accelerator: "), (99, "the sounds stay on the host")]
)
def test_a_run_says_where_the_sounds_lie(free, said, tmp_path, monkeypatch, capsys):
    write_drum_hits(tmp_path / "hits", 8, seed=2)
    monkeypatch.setattr(device, "free_memory", lambda: free)
    monkeypatch.setattr(training, "_writers", lambda *arguments: [])
    monkeypatch.setattr(training, "_publish", lambda *arguments: None)
    recipe = {"model": {"name": "wavegan", **SMALL}, "train": {"batch_size": 4, "log_steps": 1, "steps": 1}}
    train(recipe, tmp_path / "hits", tmp_path / "run", precision="tf32")
    out = capsys.readouterr().out
    assert out.count(said) == 1 and "training on the CPU (PyTorch sees no GPU) in tf32" in out
