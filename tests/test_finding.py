import csv

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from tf_audio_gan import WaveGAN, generate
from tf_audio_gan.cli.commands import app
from tf_audio_gan.finding import find_like
from tf_audio_gan.metrics.spectral import mel_distances

SMALL = {"length": 2048, "strides": [4, 4, 4], "dim": 2, "latent_dim": 8}


@pytest.fixture(scope="module")
def model():
    return WaveGAN(**SMALL)


def test_a_sound_of_its_own_is_found(model):
    """The recording is seed 37's, softer: that seed is nearest, at a distance of 0, and nothing is nearer."""
    found = find_like(model, 0.5 * model.generate(1, seed=37)[0], n=3, seeds=100, rounds=2)
    assert found.seeds[0] == 37 and found.distances[0] < 0.01
    assert (np.diff(found.distances) >= 0).all() and found.distances[1] < found.median
    np.testing.assert_array_equal(found.latents[0], np.asarray(model.latents(np.array([37])))[0])


def test_refining_comes_nearer_and_says_how_near(model):
    """A latent between seeds: the search around the best seed approaches it, and the distance is the sound's own."""
    hidden = np.asarray(model.latents(np.array([1000, 1001]))).mean(axis=0, keepdims=True)
    wanted = model.generate_from(hidden)
    rough = find_like(model, wanted[0], seeds=64, rounds=0)
    fine = find_like(model, wanted[0], seeds=64, rounds=12)
    assert fine.seeds[0] == rough.seeds[0] and fine.distances[0] < 0.9 * rough.distances[0]
    assert np.abs(fine.latents).max() <= 1
    found = model.generate_from(fine.latents)
    peaks = [x / np.abs(x).max() for x in (wanted, found)]
    np.testing.assert_allclose(mel_distances(*peaks, model.sample_rate)[0, 0], fine.distances[0], rtol=1e-4)


def test_labels_are_searched_or_given():
    model = WaveGAN(**SMALL, labels=["a", "b"])
    wanted = model.generate(1, seed=5, labels="b")[0]  # 5 is odd: of its own it is a "b"
    assert find_like(model, wanted, seeds=16, rounds=0).distances[0] < 0.01
    assert find_like(model, wanted, seeds=16, rounds=0, labels="a").distances[0] > 0.01


def test_the_command_writes_what_it_found(model, tmp_path):
    model.save_to_preset(tmp_path / "preset")
    t = np.arange(3000) / 8000
    soundfile.write(tmp_path / "my.wav", 0.3 * np.sin(2 * np.pi * 500 * t), 8000)
    out = tmp_path / "out"
    given = ["--like", str(tmp_path / "my.wav"), "--n", "2", "--out", str(out)]
    result = CliRunner().invoke(app, ["generate", str(tmp_path / "preset"), *given])
    assert result.exit_code == 0 and "nearest to" in result.output, result.output
    rows = list(csv.DictReader(open(out / "sounds.csv")))
    assert rows[0]["sound"].startswith("near seed") and rows[1]["sound"].startswith("seed") and "dB" in rows[1]["sound"]
    again = generate(tmp_path / "preset", tmp_path / "again", latents=out / "latents.npy")
    sound, _ = soundfile.read(out / rows[0]["file"])
    np.testing.assert_allclose(again.audio[0, :, 0], sound, atol=1e-4)


def test_wrong_inputs_are_named(model, tmp_path):
    with pytest.raises(ValueError, match="nothing to be heard in the first 2048 samples"):
        find_like(model, np.zeros((100, 1)))
    with pytest.raises(ValueError, match="n must be from 1 to the 4 seeds"):
        find_like(model, np.ones((100, 1)), n=5, seeds=4)
    with pytest.raises(FileNotFoundError, match="no such file"):
        find_like(model, tmp_path / "none.wav")
    with pytest.raises(ValueError, match="leave interpolate and latents out"):
        generate(model, tmp_path / "out", like=tmp_path / "none.wav", interpolate=3)
