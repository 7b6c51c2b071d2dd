"""The command enhance, and evaluate of an enhancer: what they print and write, and what they refuse."""

import json

import numpy as np
import pytest
import soundfile

from tf_audio_gan import SEGANPlus, WaveGAN, pair_evaluation


@pytest.fixture(scope="module", name="places")
def some_folders(tmp_path_factory):
    """Two recordings, a broken file among them, one with samples beyond full scale; an enhancer and another model."""
    base, rng = tmp_path_factory.mktemp("enhance"), np.random.default_rng(0)
    for folder in ("in", "clean", "noise"):
        (base / folder).mkdir()
    t = np.arange(12000) / 24000
    voice = sum(np.sin(2 * np.pi * 150 * k * t) / k for k in range(1, 9))[:, None] * [[0.2, 0.1]]
    soundfile.write(base / "in" / "one.wav", voice, 24000)
    soundfile.write(base / "in" / "two.wav", 10 * voice, 24000, "FLOAT")
    (base / "in" / "broken.wav").write_bytes(b"no sound")
    soundfile.write(base / "clean" / "one.wav", 0.3 * voice, 24000)
    soundfile.write(base / "noise" / "hiss.wav", 0.1 * rng.standard_normal(16000), 16000)
    SEGANPlus(window=1024, filters=[4, 8, 8]).save_to_preset(base / "preset")
    WaveGAN(length=256, strides=[4, 4], dim=2).save_to_preset(base / "other")
    return base


def test_a_folder_is_enhanced_and_what_happened_is_said(command, places, tmp_path):
    words = ("enhance", places / "preset", places / "in", "--out", tmp_path, "--blend", 1)
    status, out, err = command(*words)
    assert status == 0, err
    assert (
        f"2 files, 1.0 s of audio in {tmp_path}\n" in out and "skipped 1 files" in out and "broken.wav: cannot" in out
    )
    beyond = int(np.sum(np.abs(soundfile.read(places / "in" / "two.wav")[0]) > 1))
    assert f"clipped {beyond} samples beyond full scale in {tmp_path / 'two.wav'}: lower the recording, or" in out
    found, rate = soundfile.read(tmp_path / "one.wav")
    assert rate == 24000
    np.testing.assert_allclose(found, soundfile.read(places / "in" / "one.wav")[0], atol=1e-4)


def test_seed_zeros_rate_and_floats_are_options(command, places, tmp_path):
    heard = {}
    for name, words in {
        "seed 1": ("--seed", 1),
        "seed 1 again": ("--seed", 1),
        "seed 2": ("--seed", 2),
        "zeros": ("--zeros", "--float", "--sample-rate", 16000),
    }.items():
        words = ("enhance", places / "preset", places / "in" / "one.wav", "--out", tmp_path / name, *words)
        status, out, _ = command(*words, "--json")
        found = json.loads(out)
        assert status == 0 and found["files"] == [str(tmp_path / name / "one.wav")] and found["seconds"] == 0.5
        assert found["skipped"] == []
        heard[name] = soundfile.read(tmp_path / name / "one.wav")[0]
    np.testing.assert_array_equal(heard["seed 1"], heard["seed 1 again"])
    assert np.abs(heard["seed 1"] - heard["seed 2"]).max() > 1e-3
    about = soundfile.info(tmp_path / "zeros" / "one.wav")
    assert (about.samplerate, about.channels, about.subtype, about.frames) == (16000, 2, "FLOAT", 8000)


def test_evaluate_measures_over_ratios(command, places, tmp_path, monkeypatch):
    measure = pair_evaluation.evaluate_pairs
    monkeypatch.setattr(pair_evaluation, "evaluate_pairs", lambda *a, **k: measure(*a, **k, workers=1))
    words = ("evaluate", places / "preset", places / "clean", "--noise", places / "noise", "--out", tmp_path / "o")
    status, out, err = command(*words, "--snr", "-5,5", "--metrics", "si_sdr,segmental_snr")
    assert status == 0, err
    assert "Wiener filter (floor)" in out and "noisy (floor)" in out and "si sdr at -5 dB (dB) ↑" in out
    settings = json.loads((tmp_path / "o" / "results.json").read_text())["settings"]
    assert settings["snr"] == [-5, 5] and settings["noise"] == "noise"


@pytest.mark.parametrize(
    "words, message",
    [
        ("enhance {b}/other {b}/in --out {t}/o", "a WaveGAN is for generation, not an enhancer"),
        ("enhance {b}/preset {b}/nowhere --out {t}/o", "no file or folder at"),
        ("enhance {b}/preset {b}/clean --out {b}/clean", "would be overwritten"),
        ("enhance {b}/preset {b}/in/broken.wav --out {t}/o", "none of 1 files could be enhanced; the first, "),
        ("enhance {b}/preset {b}/in --out {t}/o --blend 2", "'--blend'"),
        ("enhance {b}/preset {b}/in --out {t}/o --sample-rate 3", "sample_rate must be a whole number"),
        ("enhance {b}/preset {b}/in --out {b}/in/one.wav", "one.wav"),
        ("generate {b}/preset --out {t}/o", "does not generate, it is for enhancement: use enhance instead"),
        ("vocode {b}/preset {b}/in --out {t}/o", "is for enhancement, not a vocoder"),
        ("evaluate {b}/preset {b}/clean --out {t}/o", "either noise="),
        ("evaluate {b}/preset {b}/clean --out {t}/o --noise {b}/noise --snr loud", "--snr takes ratios in dB"),
        ("evaluate {b}/other {b}/clean --out {t}/o --noise {b}/noise", "noise is for models of enhancement"),
    ],
)
def test_wrong_inputs_get_one_clear_line_and_leave_nothing(command, places, tmp_path, words, message):
    before = sorted(places.rglob("*"))
    status, out, err = command(*words.format(b=places, t=tmp_path).split())
    said = " ".join((out + err).replace("│", " ").split())
    assert status in (1, 2) and message in said and "Traceback" not in said
    assert sorted(places.rglob("*")) == before and not list(tmp_path.iterdir())
