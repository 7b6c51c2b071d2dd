import csv

import numpy as np
import pytest

from tf_audio_gan import WaveGAN, generate
from tf_audio_gan.audio.io import read_audio

OPTIONS = {"length": 256, "strides": [4, 4], "dim": 2}


@pytest.fixture(scope="module")
def model():
    return WaveGAN(**OPTIONS)


def test_files_hold_the_sounds_and_how_to_make_them_again(model, tmp_path):
    made = generate(model, tmp_path / "a", n=5, seed=3)
    rows = list(csv.DictReader(open(tmp_path / "a" / "sounds.csv")))
    assert [row["sound"] for row in rows] == [f"seed {s}" for s in range(3, 8)]
    for row, sound, seed in zip(rows, made.audio, range(3, 8), strict=True):
        audio, rate = read_audio(tmp_path / "a" / row["file"])
        assert rate == 16000
        np.testing.assert_allclose(audio, sound, atol=1 / 32767)
        np.testing.assert_allclose(model.generate(1, seed=seed)[0], sound, atol=1e-6)
    assert made.picture.read_bytes()[:4] == b"\x89PNG"
    again = generate(model, tmp_path / "b", latents=tmp_path / "a" / "latents.npy")
    np.testing.assert_array_equal(again.audio, made.audio)


def test_a_preset_and_its_model_make_the_same(model, tmp_path):
    model.save_to_preset(tmp_path / "preset")
    a, b = generate(str(tmp_path / "preset"), tmp_path / "a", n=2), generate(model, tmp_path / "b", n=2)
    np.testing.assert_array_equal(a.audio, b.audio)


def test_interpolation_is_a_line_between_two_seeds(model, tmp_path):
    made = generate(model, tmp_path, seed=4, interpolate=5)
    ends = np.asarray(model.latents(np.array([4, 5])))
    np.testing.assert_allclose(made.latents[[0, 4]], ends, atol=1e-6)
    np.testing.assert_allclose(made.latents[1], 0.75 * ends[0] + 0.25 * ends[1], atol=1e-6)
    assert made.names[2] == "seed 4 to 5 at 0.50" and len(made.files) == 5


@pytest.mark.parametrize(
    "options, message",
    [
        ({"n": 0}, "n must be at least 1 sound. Received: n=0"),
        ({"interpolate": 1}, "interpolate must be at least 2"),
        ({"seed": 2**63 - 3, "n": 5}, "fit into 64 bits"),
        ({"latents": np.full((2, 100), np.nan)}, "NaN or infinite"),
        ({"latents": np.zeros((2, 3))}, r"must hold float32 \[n, 100\]. Received: float64, shape \(2, 3\)"),
    ],
)
def test_what_is_wrong_is_named(model, tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        generate(model, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_a_folder_holds_what_its_table_says(model, tmp_path):
    generate(model, tmp_path, n=6)
    (tmp_path / "mine.wav").write_bytes(b"x")
    generate(model, tmp_path, n=2, seed=3)
    assert sorted(p.name for p in tmp_path.glob("*.wav")) == ["0000_seed_3.wav", "0001_seed_4.wav", "mine.wav"]
    assert len(np.load(tmp_path / "latents.npy")) == 2


def test_a_file_that_holds_no_latents_is_named(model, tmp_path):
    (tmp_path / "x.npy").write_text("not numbers")
    with pytest.raises(ValueError, match="x.npy is no .npy file of numbers"):
        generate(model, tmp_path / "out", latents=tmp_path / "x.npy")
    with pytest.raises(FileNotFoundError, match="missing.npy"):
        generate(model, tmp_path / "out", latents=tmp_path / "missing.npy")
