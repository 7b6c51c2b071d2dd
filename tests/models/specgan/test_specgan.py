import contextlib
import warnings

import keras
import numpy as np
import pytest
import soundfile

from tests.models.contract import run_backends_test, run_gan_test, values
from tf_audio_gan import Sounds, SpecGAN, from_preset, train
from tf_audio_gan.audio.synthetic import write_drum_hits
from tf_audio_gan.backend import Draws
from tf_audio_gan.losses.adversarial import OBJECTIVES
from tf_audio_gan.models.specgan.networks import Discriminator

SMALL = {"length": 256, "n_fft": 32, "strides": [2, 2], "dim": 4, "critic_steps": 2}
QUICK = SMALL | {"critic_steps": 1, "objective": "lsgan"}  # soon traced


@pytest.fixture
def batch(rng):
    return (rng.uniform(-1, 1, (8, 256, 1)) * np.linspace(0.1, 1, 256)[:, None]).astype("float32")


@pytest.fixture(scope="module")
def hits(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "hits"
    write_drum_hits(folder, 6, seed=1)
    return folder


def by_hand(audio, n_fft, floor=1e-6):
    """Log-magnitudes [all frames, bins + 1] of audio [n, samples], by numpy in float64."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
    starts = range(0, audio.shape[1], n_fft // 2)
    padded = np.pad(audio.astype("float64"), ((0, 0), (0, n_fft)))
    frames = np.stack([padded[:, s : s + n_fft] * window for s in starts], axis=1)
    return np.log(np.abs(np.fft.rfft(frames)) + floor).reshape(-1, n_fft // 2 + 1)


def moments(network):
    return np.array(network.moments.mean), np.array(network.moments.std), int(network.moments.frames)


def test_contract(batch, tmp_path):
    run_gan_test(SpecGAN, SMALL | {"phase_shuffle": 1, "batch_norm": True, "griffin_lim": 0}, batch, tmp_path)


@pytest.mark.parametrize(
    "options",
    [
        {"phase_shuffle": 1, "phase_shuffle_mode": "channel"},
        {"upsampling": "nearest", "objective": "lsgan", "batch_norm": True, "synthesis_window": "hann"},
    ],
    ids=["wgan_gp", "lsgan"],
)
def test_backends_take_the_same_step(options, batch, tmp_path):
    run_backends_test(SpecGAN, SMALL | {"griffin_lim": 2} | options, batch, tmp_path)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_objective_trains(name, batch):
    model = SpecGAN(objective=name, phase_shuffle=1, phase_shuffle_mode="example", **SMALL)
    model.adapt(batch)
    model.compile(run_eagerly=True)
    logs = model.fit(batch, batch_size=8, verbose=0).history
    assert np.isfinite([v[0] for v in logs.values()]).all()
    assert ("d/gradient_penalty" in logs) == (name == "wgan_gp")
    if name == "wgan":
        assert max(np.abs(v).max() for v in values(model.discriminator.trainable_variables)) <= np.float32(0.01)


def test_moments_are_those_of_every_frame_of_a_pass(rng, tmp_path):
    """Every slot once, with its crop: by numpy over all frames at a time."""
    for i, samples in enumerate((700, 1500, 4000)):
        soundfile.write(tmp_path / f"{i}.wav", rng.uniform(-0.5, 0.5, samples) * np.linspace(1, 0.1, samples), 16000)
    sounds, model = Sounds(tmp_path, length=1024, progress=False), SpecGAN(length=1024, strides=[2, 2], dim=2)
    assert sounds.examples == 1 + 1 + 4
    model.adapt(sounds, progress=False)
    values = by_hand(sounds.batch(0, sounds.examples)[0][..., 0], 256)
    for network in (model.generator, model.ema_generator):
        mean, std, frames = moments(network)
        assert frames == len(values) == sounds.examples * 8
        np.testing.assert_allclose(mean, values.mean(0), atol=1e-4)
        np.testing.assert_allclose(std, values.std(0), atol=1e-4)
    picture = np.asarray(model.spectrograms(sounds.batch(3, 4)[0]))
    assert picture.shape == (4, 8, 128, 1) and np.abs(picture).max() <= 1
    wanted = (by_hand(sounds.batch(3, 4)[0][..., 0], 256) - values.mean(0)) / values.std(0) / 3
    np.testing.assert_allclose(picture.reshape(32, 128), np.clip(wanted[:, :-1], -1, 1), atol=1e-4)


def test_a_higher_floor_gives_sounds_more_of_the_range(rng):
    """Bursts before digital silence: pictures by numpy, silence that comes back as silence beside sounds."""
    audio = np.zeros((8, 256, 1), "float32")
    audio[:, :128] = rng.normal(0, 0.1, (8, 128, 1))
    ranges = {}
    for floor in (1e-6, 1e-2):
        model = SpecGAN(floor=floor, **SMALL)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            model.adapt(audio)
        assert ["floor = 1e-06 is too low for them" in str(w.message) for w in said] == [True] * (floor == 1e-6)
        values = by_hand(audio[..., 0], 32, floor)
        pictures = np.asarray(model.spectrograms(audio))
        wanted = ((values - values.mean(0)) / values.std(0) / 3)[:, :-1].reshape(8, 16, 16)
        np.testing.assert_allclose(pictures[..., 0], np.clip(wanted, -1, 1), atol=1e-4)
        ranges[floor] = pictures[:, 1:7].std()
        made = np.asarray(model.to_audio(pictures))
        assert np.abs(made[:, 160:]).max() < 0.02 * np.abs(made[:, :128]).max()  # the top bin's mean is left
        assert model.audio_settings()["spectrogram"]["floor"] == floor
    assert ranges[1e-2] > 2 * ranges[1e-6]


@pytest.mark.parametrize("floor", [0, -1e-3, 1.0, "low", None])
def test_a_floor_that_is_none_is_refused(floor):
    with pytest.raises(ValueError, match=r"floor must be above 0 and below 1, e\.g\. 1e-6 or 1e-2"):
        SpecGAN(floor=floor, **SMALL)


def test_silent_bins_do_not_divide_by_zero():
    model = SpecGAN(**SMALL)
    model.adapt(np.zeros((70, 256, 1), "float32"))
    mean, std, frames = moments(model.generator)
    assert frames == 70 * 16 and (std == 1).all()
    np.testing.assert_allclose(mean, np.log(1e-6), rtol=1e-6)
    assert not np.asarray(model.spectrograms(np.zeros((1, 256, 1), "float32"))).any()
    assert np.isfinite(model.generate(1)).all()


def test_the_discriminator_sees_spectrograms(batch, monkeypatch):
    """Both of its inputs, and the penalty's points between them; real audio gets no gradient of its own."""
    model = SpecGAN(**SMALL)
    model.adapt(batch)
    seen, judge = [], Discriminator.call

    def watched(self, x, labels=None, draws=None):
        seen.append(keras.ops.convert_to_numpy(x))
        return judge(self, x, draws=draws)

    monkeypatch.setattr(Discriminator, "call", watched)
    real, fake = np.asarray(model.spectrograms(batch)), np.asarray(model._fake(batch, Draws(0, 0)))
    terms = model.discriminator_loss(batch, Draws(0, 0))
    np.testing.assert_allclose(seen[0], real, atol=1e-6)
    np.testing.assert_allclose(seen[1], fake, atol=1e-6)
    alpha = np.asarray(Draws(0, 0).fold("alpha").uniform((8, 1, 1, 1)))
    np.testing.assert_allclose(seen[2], real + alpha * (fake - real), atol=1e-6)
    assert seen[0].shape == (8, 16, 16, 1) and set(terms) == set(model.loss_weights) - {"g/adversarial"}


def test_penalty_of_a_linear_critic(batch, monkeypatch):
    """10 (|w| - 1)^2 of w . spectrogram, whatever the sounds."""
    model = SpecGAN(**SMALL)
    model.adapt(batch)
    w = np.random.default_rng(1).normal(size=(16, 16, 1)).astype("float32")
    linear = lambda x: keras.ops.sum(keras.ops.multiply(x, w), (1, 2, 3))  # noqa: E731
    monkeypatch.setattr(Discriminator, "call", lambda self, x, labels=None, draws=None: ([linear(x)], [[]]))
    terms = model.discriminator_loss(batch, Draws(0, 0))
    norm = np.linalg.norm(w)
    np.testing.assert_allclose(terms["d/gradient_norm"], norm, rtol=1e-5)
    np.testing.assert_allclose(terms["d/gradient_penalty"], (norm - 1) ** 2, rtol=1e-4)


def test_moments_are_not_trained(batch):
    model = SpecGAN(**SMALL)
    model.adapt(batch)
    before = moments(model.generator)
    model.compile(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1), run_eagerly=True)
    model.fit(batch, batch_size=8, epochs=2, verbose=0)
    for network in (model.generator, model.ema_generator):
        for a, b in zip(before, moments(network), strict=True):
            np.testing.assert_array_equal(a, b)


def test_training_without_moments_is_refused(batch):
    model = SpecGAN(**SMALL)
    model.compile()
    for call in (model.fit, model.train_on_batch):
        with pytest.raises(ValueError, match=r"before it trains. Call model.adapt\(sounds\) with the `Sounds`"):
            call(batch)


def test_a_run_adapts_once_and_its_files_keep_the_moments(hits, tmp_path, monkeypatch):
    recipe = {"model": {"name": "specgan", **QUICK}, "train": {"batch_size": 4}}
    calls, adapt = [], SpecGAN.adapt
    monkeypatch.setattr(SpecGAN, "adapt", lambda self, *data: calls.append(data) or adapt(self, *data))
    trained = train(recipe, hits, tmp_path / "run", steps=2, progress=False).model
    again = train(recipe, hits, tmp_path / "run", steps=2, progress=False)
    assert len(calls) == 1 and again.ended == "finished before"
    wanted = SpecGAN(**QUICK)
    adapt(wanted, Sounds(hits, length=256, progress=False), False)
    preset = from_preset(tmp_path / "run" / "preset")
    for model in (trained, again.model, preset):
        for network in (model.generator, model.ema_generator):
            for found, value in zip(moments(network), moments(wanted.generator), strict=True):
                np.testing.assert_array_equal(found, value)
    np.testing.assert_array_equal(preset.generate(2), trained.generate(2))
    made, rate = soundfile.read(next((tmp_path / "run" / "generated").glob("*.wav")))
    assert rate == 16000 and made.shape == (256,) and np.abs(made).max() > 0


def test_two_replicas_take_the_step_of_one(batch, two_devices):
    import tensorflow as tf

    def weights(scope):
        with scope:
            model = SpecGAN(**QUICK)
            model.compile(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1))
        model.adapt(batch)
        model.fit(tf.data.Dataset.from_tensors(batch), verbose=0, shuffle=False)
        return values([*model.generator.variables, *model.discriminator.variables, *model.ema_generator.variables])

    one = weights(contextlib.nullcontext())
    cross = tf.distribute.ReductionToOneDevice()
    two = weights(tf.distribute.MirroredStrategy(two_devices, cross_device_ops=cross).scope())
    for a, b in zip(one, two, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_the_export_makes_the_same_sounds(batch, tmp_path):
    tf = pytest.importorskip("tensorflow")
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    from tf_audio_gan import export

    model = SpecGAN(floor=1e-2, **SMALL)
    model.adapt(batch)
    version = export(model, tmp_path / "hits")
    signatures = tf.saved_model.load(str(version)).signatures
    assert set(signatures) == {"describe", "serving_default", "from_seed", "wav"}
    seeds, wanted = tf.constant([3, -7, 2**40], tf.int64), model.generate(3, seed=[3, -7, 2**40])
    assert np.abs(wanted).max() > 1e-3
    np.testing.assert_allclose(signatures["from_seed"](seed=seeds)["audio"], wanted, atol=1e-6)
    latents = tf.constant(np.asarray(model.latents(seeds)))
    np.testing.assert_allclose(signatures["serving_default"](latents=latents)["audio"], wanted, atol=1e-6)
    wav, _ = tf.audio.decode_wav(signatures["wav"](seed=seeds)["wav_bytes"][1])
    np.testing.assert_allclose(wav, wanted[1], atol=2 / 32767)
    proto = SavedModel()
    proto.ParseFromString((version / "saved_model.pb").read_bytes())
    functions = proto.meta_graphs[0].graph_def.library.function
    operations = {node.op for f in functions for node in f.node_def}
    assert {"Conv2DBackpropInput", "IRFFT"} <= operations and not [op for op in operations if op.startswith("Xla")]
    for function in functions:
        assert "_XlaMustCompile" not in function.attr
        assert not any("_XlaMustCompile" in node.attr for node in function.node_def)
    with pytest.raises(ValueError, match="a SpecGAN cannot be written as litert: .*IRFFT.*Use the format saved_model"):
        export(model, tmp_path / "x.tflite", format="litert")


@pytest.mark.parametrize(
    "options, message",
    [
        ({"length": 1000}, "multiple of the hop, 128 samples. Received: length=1000"),
        ({"length": 16000}, "125 frames have no strides of their own"),
        ({"n_fft": 255}, "n_fft must be an even number of samples from 4. Received: n_fft=255"),
        ({"griffin_lim": -1}, "whole number of iterations from 0. Received: -1"),
        ({"synthesis_window": "sine"}, "one of dual, hann. Received: 'sine'"),
        ({"objective": "wgan-gp"}, "objective must be one of"),
    ],
)
def test_wrong_settings_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        SpecGAN(**options)


def test_wrong_data_to_adapt_to_is_named(hits, batch):
    model = SpecGAN(**SMALL)
    with pytest.raises(ValueError, match="the model's length, 256. Received: 512"):
        model.adapt(Sounds(hits, length=512, progress=False))
    with pytest.raises(ValueError, match="the model's sample_rate, 16000. Received: 8000"):
        model.adapt(Sounds(hits, length=256, sample_rate=8000, progress=False))
    for data, received in (
        (batch[..., 0], r"float32 \[8, 256\]"),
        (batch.astype("int16"), "int16"),
        (batch[:0], r"\[0, "),
    ):
        with pytest.raises(
            ValueError, match=rf"`Sounds` or float audio \[n, 256, 1\]. Received: ndarray, .*{received}"
        ):
            model.adapt(data)
    batch[2, 5] = np.nan
    with pytest.raises(ValueError, match="NaN or infinite samples"):
        model.adapt(batch)
    assert moments(model.generator)[2] == 0
