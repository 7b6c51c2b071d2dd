"""Labels: where they enter, what they change, and that generated classes are those asked for."""

import keras
import numpy as np
import pytest
from keras import ops

from tests.models.contract import run_backends_test, run_gan_test
from tf_audio_gan import ControlGAN, SpecGAN, WaveGAN, models
from tf_audio_gan.backend import Draws
from tf_audio_gan.losses.classification import accuracy, cross_entropy
from tf_audio_gan.models.latent_gan import CONDITIONING
from tf_audio_gan.models.wavegan.networks import Discriminator, Generator

NAMES = ["hat", "kick", "snare"]
WAVE = {"length": 256, "strides": [4, 4], "dim": 2, "critic_steps": 2, "labels": NAMES}
SPEC = {"length": 256, "n_fft": 32, "strides": [2, 2], "dim": 2, "critic_steps": 2, "griffin_lim": 2, "labels": NAMES}


def parameters(network):
    return sum(int(np.prod(v.shape)) for v in network.trainable_variables)


@pytest.fixture
def batch(rng):
    audio = (rng.uniform(-1, 1, (8, 256, 1)) * np.linspace(0.1, 1, 256)[:, None]).astype("float32")
    return audio, (np.arange(8) % 3).astype("int32")


@pytest.mark.parametrize(
    "network, keywords, more",
    [
        (Generator, {}, 163_840),
        (Generator, {"film": True}, 39_680),
        (Discriminator, {"labels_by": "projection"}, 163_840),
        (Discriminator, {"labels_by": "auxiliary"}, 163_850),
        (Discriminator, {"labels_by": "input"}, 10 * 4 + 25 * 4 * 64),
    ],
)
def test_parameters_of_ten_classes(network, keywords, more):
    """wavegan.md 6.2, d = 64, 16384 samples: n e + 25 e d for an embedding of e = 4 channels beside the input."""
    assert parameters(network(classes=10, **keywords)) == parameters(network()) + more


@pytest.mark.parametrize("cls, keywords", [(WaveGAN, WAVE), (SpecGAN, SPEC)], ids=["wavegan", "specgan"])
@pytest.mark.parametrize("conditioning", CONDITIONING)
def test_contract_and_backends(cls, keywords, conditioning, batch, tmp_path):
    keywords = keywords | {"conditioning": conditioning}
    if (cls, conditioning) in ((WaveGAN, "auxiliary"), (SpecGAN, "film")):  # each way in once
        run_gan_test(cls, keywords, batch, tmp_path)
    run_backends_test(cls, keywords, batch, tmp_path)


@pytest.mark.parametrize("conditioning", CONDITIONING)
def test_labels_reach_both_networks(conditioning, batch):
    """Another label, another sound, and another logit, but for the discriminator that is to guess."""
    model = WaveGAN(**WAVE, conditioning=conditioning)
    one, other = model.generate(1, labels="hat"), model.generate(1, labels="snare")
    assert np.abs(one - other).max() > 1e-3 * np.abs(one).max()
    rows = np.eye(3, dtype="float32")[[0, 2]]
    audio = np.repeat(batch[0][:1], 2, axis=0)
    (logits,), _ = model.discriminator(audio, rows)
    assert (abs(float(logits[0] - logits[1])) > 1e-5) == (conditioning != "auxiliary")


def test_projection_by_hand(batch):
    """Miyato and Koyama 2018, eq. 5: w . f(x) + b + y . V f(x)."""
    network = Discriminator(256, dim=2, strides=[4, 4], classes=3, labels_by="projection")
    rows = np.eye(3, dtype="float32")[batch[1]]
    (logits,), (features,) = network(batch[0], rows)
    flat = np.asarray(features[-1]).reshape(8, -1)
    kernel, bias = (np.asarray(w) for w in network.logit.weights)
    wanted = flat @ kernel[:, 0] + bias + (flat @ np.asarray(network.project.kernel))[np.arange(8), batch[1]]
    np.testing.assert_allclose(logits, wanted, atol=1e-5)


def test_film_by_hand(rng):
    """h (1 + s_y) + b_y of the map before every ReLU; a mixture has the mean of its classes' tables."""
    network = Generator(16, dim=2, strides=[4], latent_dim=3, classes=3, film=True)
    z, rows = rng.uniform(-1, 1, (2, 3)).astype("float32"), np.array([[0, 1, 0], [0.5, 0, 0.5]], "float32")
    kernel, bias = (np.asarray(w) for w in network.project.weights)
    table = rows @ np.asarray(network.films[0].table.kernel)
    h = (z @ kernel + bias).reshape(2, 4, 2) * (1 + table[:, None, :2]) + table[:, None, 2:]
    wanted = np.tanh(np.asarray(network.ups[0](np.maximum(h, 0).astype("float32"))))
    np.testing.assert_allclose(network(z, rows), wanted, atol=1e-6)


def test_fakes_have_the_labels_of_the_real_examples(batch, monkeypatch):
    """So a point of the penalty has one label (wavegan.md 6.3)."""
    model, told = WaveGAN(**WAVE), []
    generator, critic = Generator.call, Discriminator.call
    watch = lambda x: told.append(ops.convert_to_numpy(x))  # noqa: E731
    monkeypatch.setattr(
        Generator, "call", lambda self, z, labels=None, **rest: watch(labels) or generator(self, z, labels, **rest)
    )
    monkeypatch.setattr(
        Discriminator, "call", lambda self, x, labels=None, **rest: watch(labels) or critic(self, x, labels, **rest)
    )
    rows = np.eye(3, dtype="float32")[batch[1]]
    model.discriminator_loss((batch[0], rows), Draws(0, 0))
    model.generator_loss((batch[0], rows), Draws(0, 0))
    assert len(told) == 4 + 2
    for found in told:
        np.testing.assert_array_equal(found, rows)


def test_penalty_of_labels_is_of_audio_alone(batch, monkeypatch):
    """A critic whose logit is w . x + 100 label has the slope w."""
    model = WaveGAN(**WAVE)
    w = np.random.default_rng(1).normal(size=(256, 1)).astype("float32")
    linear = lambda x, y: ops.sum(ops.multiply(x, w), (1, 2)) + 100 * y[:, 0]  # noqa: E731
    monkeypatch.setattr(Discriminator, "call", lambda self, x, labels=None, draws=None: ([linear(x, labels)], [[]]))
    terms = model.discriminator_loss((batch[0], np.eye(3, dtype="float32")[batch[1]]), Draws(0, 0))
    np.testing.assert_allclose(terms["d/gradient_penalty"], (np.linalg.norm(w) - 1) ** 2, rtol=1e-4)


def test_soft_and_whole_labels_are_the_same_batch(batch):
    """Labels as numbers and as shares: the same step."""
    logs = []
    for labels in (batch[1], np.eye(3, dtype="float32")[batch[1]]):
        model = WaveGAN(**WAVE)
        model.compile(run_eagerly=True)
        logs.append(model.fit(batch[0], labels, batch_size=8, verbose=0, shuffle=False).history)
    assert logs[0] == logs[1]


def test_generate_takes_every_form_of_label():
    model = WaveGAN(**WAVE)
    wanted = model.generate(6, seed=4)
    for i, name in enumerate(["kick", "snare", "hat", "kick", "snare", "hat"]):  # (4 + i) mod 3
        for label in (name, [NAMES.index(name)], np.eye(3)[[NAMES.index(name)]], {name: 1.0}):
            np.testing.assert_allclose(model.generate(1, seed=4 + i, labels=label)[0], wanted[i], atol=1e-6)
    mixed = model.generate(2, labels={"hat": 0.25, "kick": 0.75})
    rows = np.repeat([[0.25, 0.75, 0]], 2, axis=0).astype("float32")
    np.testing.assert_array_equal(mixed, model.generate_from(model.latents(np.arange(2)), labels=rows))


@pytest.mark.parametrize(
    "labels, message",
    [
        ("tom", "no class 'tom'. Classes: hat, kick, snare; or their numbers, 0 to 2"),
        ([0, 3], "no class 3"),
        ([0, 1, 2], "2 sounds take one label for all, or 2 of them. Received: 3"),
        ({"hat": float("nan")}, "must be finite numbers"),
        ([[0.5, 0.5]], r"float \[n, 3\]. Received: float64, shape \[1, 2\]"),
        (np.zeros((2, 2), int), "names or numbers of classes"),
    ],
)
def test_wrong_labels_are_named(labels, message):
    with pytest.raises(ValueError, match=message):
        WaveGAN(**WAVE).generate(2, labels=labels)


def test_labels_of_a_model_without_any():
    with pytest.raises(ValueError, match="this WaveGAN has no labels. Received: labels='hat'"):
        WaveGAN(**WAVE | {"labels": ()}).generate(1, labels="hat")


@pytest.mark.parametrize(
    "keywords, message",
    [
        ({"conditioning": "wish"}, "concat, projection, film, auxiliary. Received: 'wish'"),
        ({"labels": ["one"]}, "at least two classes, all different. Received: .'one'."),
        ({"labels": ["one", "two", "one"]}, "all different"),
    ],
)
def test_wrong_settings_are_named(keywords, message):
    with pytest.raises(ValueError, match=message):
        WaveGAN(**WAVE | keywords)


@pytest.mark.parametrize("labels", [None, np.zeros((8, 2), "float32"), np.zeros(8, "float32")])
def test_batches_without_labels_are_refused(labels, batch):
    model = WaveGAN(**WAVE)
    model.compile(run_eagerly=True)
    with pytest.raises(ValueError, match=r"a pair, \(audio, labels\), of labels int \[batch\] below 3 or float"):
        model.fit(batch[0], labels, batch_size=8, verbose=0)


def test_networks_without_their_labels():
    with pytest.raises(ValueError, match=r"takes labels \[batch, 3\] beside the latents"):
        Generator(16, dim=2, strides=[4], classes=3)(np.zeros((1, 100), "float32"))
    with pytest.raises(ValueError, match=r"takes labels \[batch, 3\] beside its input"):
        Discriminator(16, dim=2, strides=[4], classes=3, labels_by="input")(np.zeros((1, 16, 1), "float32"))


def test_cross_entropy_and_accuracy_by_hand(rng):
    logits, labels = rng.normal(size=(5, 4)).astype("float32"), rng.dirichlet(np.ones(4), 5).astype("float32")
    wanted = keras.losses.CategoricalCrossentropy(from_logits=True)(labels, logits)
    np.testing.assert_allclose(cross_entropy(labels, logits), wanted, rtol=1e-5)
    np.testing.assert_allclose(cross_entropy(labels, 0 * logits), np.log(4), rtol=1e-6)
    np.testing.assert_allclose(accuracy(labels, logits), (labels.argmax(1) == logits.argmax(1)).mean())


def test_every_model_with_labels_says_so():
    """`train` hands them class names by this."""
    assert [name for name in models.MODELS if models.model_class(name).takes_labels] == [
        "wavegan", "controlgan", "specgan", "gansynth",
    ]  # fmt: skip
    assert ControlGAN.takes_labels
