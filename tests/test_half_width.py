"""Weights stored in half the width: what is written, what is measured, what is refused, on every backend."""

import json

import h5py
import keras
import numpy as np
import pytest

from tf_audio_gan import Classifier, MultiBandMelGAN, SEGANPlus, WaveGAN, from_preset, half_width, load_judge

WAVEGAN = {"length": 1024, "strides": [4, 4, 4], "dim": 8}
MELS = {"sample_rate": 8000, "n_fft": 256, "hop_length": 64, "n_mels": 20}
BANDS = {
    "front_end": MELS, "segment_length": 1024, "channels": 16, "upsample_scales": [4, 2, 2], "stacks": 1,
    "d_channels": 4, "d_max_channels": 8, "d_scales": 1, "downsample_scales": [4, 4],
}  # fmt: skip
SMALL = {
    "wavegan": lambda: WaveGAN(**WAVEGAN),
    "multiband_melgan": lambda: MultiBandMelGAN(**BANDS),
    "segan_plus": lambda: SEGANPlus(window=1024, filters=[4, 8, 8]),
}


def numbers(path):
    """{name: array} of an HDF5 file."""
    found = {}
    with h5py.File(path, "r") as file:
        file.visititems(lambda name, item: found.update({name: item[()]} if hasattr(item, "dtype") else {}))
    return found


def weights(network):
    return [keras.ops.convert_to_numpy(v) for v in network.variables]


@pytest.mark.parametrize("name", SMALL)
def test_weights_are_halved_and_widened_again(name, tmp_path):
    model = SMALL[name]()
    before = weights(model.ema_generator)
    model.save_to_preset(tmp_path / "whole")
    model.save_to_preset(tmp_path / "half", dtype="float16")
    for new, old in zip(weights(model.ema_generator), before, strict=True):
        np.testing.assert_array_equal(new, old)  # the model itself keeps its weights
    for path in (tmp_path / "half").glob("*.weights.h5"):
        whole, half = numbers(tmp_path / "whole" / path.name), numbers(path)
        assert whole.keys() == half.keys()
        for key, values in half.items():
            wanted = whole[key].astype("float16") if whole[key].dtype == np.float32 else whole[key]
            assert values.dtype == wanted.dtype
            np.testing.assert_array_equal(values, wanted)
    again = from_preset(tmp_path / "half")
    assert {str(v.dtype).removeprefix("torch.") for v in again.ema_generator.variables} <= {"float32", "int32", "int64"}
    sounds = half_width.probe(model.length, model.channels, model.sample_rate)
    a, b = (np.asarray(m.preview(sounds), np.float64) for m in (model, again))
    facts = json.loads((tmp_path / "half" / "metadata.json").read_text())["float16"]
    decibels = 20 * np.log10(np.sqrt(((a - b) ** 2).mean() / (a**2).mean()))
    assert -110 < decibels <= half_width.LIMIT and abs(facts["outputs_db"] - decibels) < 0.3
    assert facts["outputs_largest"] == pytest.approx(np.abs(a - b).max(), rel=0.06)


def test_files_shrink_by_almost_half(tmp_path):
    model = WaveGAN(length=4096, strides=[4, 4, 4, 4], dim=8)
    sizes = []
    for dtype in ("float32", "float16"):
        model.save_to_preset(tmp_path / dtype, dtype=dtype)
        sizes.append(sum(p.stat().st_size for p in (tmp_path / dtype).glob("*.weights.h5")))
    assert 0.49 < sizes[1] / sizes[0] < 0.56


def test_a_judge_too(tmp_path):
    judge = Classifier(length=4096, labels=["a", "b"], filters=[4, 4], pools=[[2, 2], [2, 2]], feature_dim=8)
    judge.save_to_preset(tmp_path / "judge", dtype="float16")
    sounds = half_width.probe(4096, 1, 16000)
    again = load_judge(tmp_path / "judge").probabilities(sounds)
    np.testing.assert_allclose(again, judge.probabilities(sounds), atol=2e-3)
    assert (
        "classifier.weights.h5"
        in json.loads((tmp_path / "judge" / "metadata.json").read_text())["float16"]["weights_db"]
    )


def test_outputs_that_change_are_refused_with_the_figure(tmp_path, monkeypatch):
    model = SMALL["wavegan"]()
    monkeypatch.setattr(half_width, "LIMIT", -90.0)
    with pytest.raises(ValueError, match=r"outputs differ by -\d\d\.\d dB .*at most -90 dB are allowed. Store them in"):
        model.save_to_preset(tmp_path / "half", dtype="float16")
    assert not (tmp_path / "half").exists()


@pytest.mark.parametrize("value", [1e5, np.inf, np.nan])
def test_numbers_that_do_not_fit_are_refused(value, tmp_path):
    model = SMALL["wavegan"]()
    kernel = model.discriminator.trainable_variables[0]
    kernel.assign(np.full(kernel.shape, value, "float32"))
    with pytest.raises(ValueError, match=r"discriminator.weights.h5 holds numbers that float16 cannot"):
        model.save_to_preset(tmp_path / "half", dtype="float16")


def test_other_widths_are_refused(tmp_path):
    with pytest.raises(ValueError, match='must be "float32" or "float16". Received: dtype=\'int8\''):
        SMALL["wavegan"]().save_to_preset(tmp_path / "x", dtype="int8")


def test_the_error_is_that_of_a_computation_by_hand():
    before, after = np.array([3.0, -4.0]), np.array([3.0, -4.005])
    assert half_width.error(before, after) == {"db": -60.0, "largest": 0.005}
    assert half_width.error(before, before)["db"] == -200.0


def test_training_goes_on_from_half_width_weights(tmp_path):
    model = WaveGAN(length=256, strides=[4, 4], dim=2)
    model.save_to_preset(tmp_path / "half", dtype="float16")
    again = from_preset(tmp_path / "half")
    for network in ("generator", "discriminator"):
        for old, new in zip(weights(getattr(model, network)), weights(getattr(again, network)), strict=True):
            np.testing.assert_array_equal(old.astype("float16").astype("float32"), new)
