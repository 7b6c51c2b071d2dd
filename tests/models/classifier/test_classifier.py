import json

import keras
import numpy as np
import pytest

import tf_audio_gan
from tests.backends import run_torch
from tf_audio_gan import Classifier, load_judge
from tf_audio_gan.models.gan import AudioGAN

SMALL = {
    "sample_rate": 8000, "length": 2048, "labels": ["low", "high", "none"], "n_fft": 256, "hop_length": 64,
    "n_mels": 24, "filters": [4, 6], "pools": [[2, 2], [4, 1]], "feature_dim": 5, "seed": 3,
}  # fmt: skip
AUDIO = np.random.default_rng(0).uniform(-1, 1, (5, 2048, 1)).astype("float32")
ON_TORCH = """
import sys
import numpy as np
import tf_audio_gan

judge = tf_audio_gan.load_judge(sys.argv[1] + "/judge")
audio = np.load(sys.argv[1] + "/audio.npy")
np.savez(sys.argv[1] + "/torch.npz", probabilities=judge.probabilities(audio), features=judge.features(audio))
print("LOADED", "tensorflow" in sys.modules)
"""


@pytest.fixture
def judge():
    model = Classifier(**SMALL)
    rng = np.random.default_rng(1)  # so that moving means are no longer 0, variances no longer 1
    model.set_weights([w * 0.7 + rng.uniform(0, 0.1, w.shape).astype("float32") for w in model.get_weights()])
    return model


def test_logits_features_and_probabilities_belong_together(judge):
    features, probabilities = judge.features(AUDIO, batch_size=2), judge.probabilities(AUDIO)
    assert features.shape == (5, 5) and probabilities.shape == (5, 3)
    logits = features @ judge.logits.get_weights()[0] + judge.logits.get_weights()[1]
    np.testing.assert_allclose(keras.ops.convert_to_numpy(judge(AUDIO)), logits, rtol=1e-5, atol=1e-5)
    assert 0.01 < probabilities.max(axis=1).mean() < 0.99, "or the comparison below says little"
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    np.testing.assert_allclose(probabilities, exponents / exponents.sum(axis=1, keepdims=True), atol=1e-6)


def test_configuration_and_preset_round_trip(judge, tmp_path):
    assert {k: judge.get_config()[k] for k in SMALL} == SMALL
    for _ in range(2):
        judge.save_to_preset(tmp_path / "judge", metadata={"note": "x"})
    again = load_judge(tmp_path / "judge")
    assert again.get_config() == judge.get_config() and again.labels == ["low", "high", "none"]
    np.testing.assert_array_equal(again.probabilities(AUDIO), judge.probabilities(AUDIO))
    assert json.loads((tmp_path / "judge" / "metadata.json").read_text())["note"] == "x"
    judge.save(tmp_path / "judge.keras")
    again = tf_audio_gan.load_model(tmp_path / "judge.keras")
    np.testing.assert_array_equal(again.features(AUDIO), judge.features(AUDIO))


def test_pytorch_hears_the_same(judge, tmp_path):
    judge.save_to_preset(tmp_path / "judge")
    np.save(tmp_path / "audio.npy", AUDIO)
    assert "LOADED False" in run_torch("-c", ON_TORCH, tmp_path).stdout
    there = np.load(tmp_path / "torch.npz")
    np.testing.assert_allclose(there["probabilities"], judge.probabilities(AUDIO), atol=1e-5)
    np.testing.assert_allclose(there["features"], judge.features(AUDIO), rtol=1e-4, atol=1e-5)


def test_a_judge_and_a_generator_are_not_mistaken(judge, tmp_path):
    judge.save_to_preset(tmp_path / "judge")
    for wrong in (AudioGAN.from_preset, tf_audio_gan.WaveGAN.from_preset, tf_audio_gan.from_preset):
        with pytest.raises(ValueError, match="judge holds a judge, which makes no sounds. Use tf_audio_gan.load_judge"):
            wrong(tmp_path / "judge")
    tf_audio_gan.WaveGAN(length=256, strides=[4, 4], dim=2).save_to_preset(tmp_path / "gan")
    with pytest.raises(ValueError, match="gan holds no judge but a WaveGAN.* judge train SOUNDS --out JUDGE"):
        load_judge(tmp_path / "gan")
    with pytest.raises(FileNotFoundError, match="nowhere' is no preset"):
        load_judge("nowhere")


def test_damaged_presets_are_named(judge, tmp_path):
    folder = tmp_path / "judge"
    judge.save_to_preset(folder)
    weights, config = folder / "classifier.weights.h5", folder / "config.json"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="classifier.weights.h5 is damaged, or of a model of another size"):
        load_judge(folder)
    weights.unlink()
    with pytest.raises(FileNotFoundError, match="classifier.weights.h5 is missing"):
        load_judge(folder)
    saved = json.loads(config.read_text())
    saved["config"]["labels"] = ["one"]
    config.write_text(json.dumps(saved))
    with pytest.raises(ValueError, match="config.json does not fit this version's Classifier: labels must be at least"):
        load_judge(folder)


def test_sounds_of_another_shape_are_refused(judge):
    for audio in (AUDIO[:, :2000], AUDIO[..., 0], AUDIO[:0], np.zeros((2, 2048, 2)), np.zeros((2, 2048, 1), "int16")):
        with pytest.raises(ValueError, match=r"audio (must be )?\[(n|batch), 2048, 1\].* Received: .*\d"):
            judge.probabilities(audio)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"labels": ["a", "a"]}, "at least two different names"),
        ({"labels": [1, 2]}, "at least two different names"),
        ({"hop_length": 0}, "hop_length must be a whole number from 1"),
        ({"fmax": 5000.0}, "within 0 and 4000 Hz"),
        ({"dropout": 1.0}, r"dropout must be a share in \[0, 1\)"),
        ({"head": "max"}, "head must be one of average, flatten"),
        ({"filters": [4]}, "filters and pools must be as many"),
        ({"length": 100}, "leave nothing of 2 frames x 24 bands"),
    ],
)
def test_wrong_configurations_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        Classifier(**SMALL | change)
