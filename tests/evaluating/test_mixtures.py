"""Mixtures of speech and noise: ratios, draws that depend on their names alone, what is scaled, what is named."""

import shutil

import numpy as np
import pytest
import soundfile

from tf_audio_gan.audio.mixing import active_level
from tf_audio_gan.evaluating import mixtures

RATE = 16000
SNR = (-5.0, 2.5, 15.0)


def speech(seconds, level=0.1, rate=RATE):
    """A voice at the RMS level given while it speaks, with a pause of half the time."""
    t = np.arange(int(seconds * rate)) / rate
    sound = sum(np.sin(2 * np.pi * 140 * k * t) / k for k in range(1, 12))
    sound *= level / np.sqrt(np.mean(sound**2))
    return np.where(t < seconds / 2, sound, 0.0)


@pytest.fixture(name="places")
def some_folders(tmp_path):
    """Speech of two rates, soft and loud; a long noise and one that is shorter than the speech."""
    rng = np.random.default_rng(5)
    for name, sound, rate in (
        ("clean/a/soft.wav", speech(1.0, 0.02), RATE),
        ("clean/b.take.flac", speech(1.3, 0.3), RATE),
        ("clean/wide.wav", np.stack([speech(0.8, 0.1, 48000)] * 2, 1), 48000),
        ("noise/long.wav", 0.2 * rng.standard_normal(4 * RATE), RATE),
        ("noise/short.flac", 0.2 * rng.standard_normal(4000), RATE),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / name, np.clip(sound, -1, 1), rate, "PCM_16")
    return tmp_path


def made(places, out="out", snr=SNR, seed=0):
    return mixtures.mixtures(places / "clean", places / "noise", snr, RATE, seed, places / out, progress=False)


def heard(folder):
    return {p.relative_to(folder).as_posix(): soundfile.read(p)[0] for p in sorted(folder.rglob("*.wav"))}


def test_every_file_has_every_ratio_of_active_speech_to_noise(places):
    found = made(places)
    clean, noisy = heard(found.clean), heard(found.noisy)
    stems = ("a/soft", "b.take", "wide")
    assert list(clean) == list(noisy) == sorted(f"{r:g} dB/{s}.wav" for r in SNR for s in stems) and not found.failed
    for name, reference in clean.items():
        noise = noisy[name] - reference
        ratio = active_level(reference, RATE)[0] - 10 * np.log10(np.mean(noise**2))
        assert ratio == pytest.approx(float(name.split(" ")[0]), abs=0.01)
        assert np.abs(noisy[name]).max() <= 1 and len(reference) == len(noisy[name])
    half = clean["15 dB/a/soft.wav"][: RATE // 2]
    assert np.sqrt(np.mean(half**2)) == pytest.approx(0.02, abs=1e-4), "what fits keeps its level"
    np.testing.assert_allclose(len(clean["15 dB/wide.wav"]), 0.8 * RATE, atol=1)


def test_a_sum_that_passes_full_scale_is_scaled_with_its_reference(places):
    found = made(places)
    clean, noisy = heard(found.clean), heard(found.noisy)
    loud, soft = clean["-5 dB/b.take.wav"], clean["15 dB/b.take.wav"]
    assert np.abs(noisy["-5 dB/b.take.wav"]).max() == pytest.approx(1) and np.abs(noisy["15 dB/b.take.wav"]).max() < 1
    factor = loud @ soft / (soft @ soft)
    assert 0.2 < factor < 0.9
    np.testing.assert_allclose(loud, factor * soft, atol=1e-6)


def test_noise_depends_on_seed_name_and_ratio_alone(places):
    shutil.copy(places / "clean" / "wide.wav", places / "clean" / "twin.wav")
    found, again = made(places), made(places, "again")
    for path in found.noisy.rglob("*.wav"):
        assert path.read_bytes() == (again.noisy / path.relative_to(found.noisy)).read_bytes()
    (places / "clean" / "a" / "soft.wav").unlink()
    fewer = made(places, "fewer", snr=SNR[:2])
    for name, sound in heard(fewer.noisy).items():
        np.testing.assert_array_equal(sound, heard(found.noisy)[name])
    other = heard(made(places, "other", seed=1).noisy)
    assert all(np.abs(other[name] - sound).max() > 0.001 for name, sound in heard(fewer.noisy).items())
    twins = (heard(found.noisy)[f"15 dB/{name}.wav"] for name in ("wide", "twin"))
    assert np.abs(np.subtract(*twins)).max() > 0.001, "a name's noise is its own"
    excerpts = [x - heard(found.clean)[name] for name, x in heard(found.noisy).items() if name.endswith("wide.wav")]
    for a, b in ((0, 1), (0, 2), (1, 2)):
        a, b = excerpts[a], excerpts[b]
        assert abs(a @ b) < 0.9 * np.sqrt((a @ a) * (b @ b)), "a ratio's noise is its own"


def test_noise_that_is_too_short_goes_round(places):
    (places / "noise" / "long.wav").unlink()
    found = made(places)
    noise = heard(found.noisy)["2.5 dB/wide.wav"] - heard(found.clean)["2.5 dB/wide.wav"]
    np.testing.assert_allclose(noise[4000:8000], noise[:4000], atol=1e-6)
    source = soundfile.read(places / "noise" / "short.flac")[0]
    match = np.fft.irfft(np.fft.rfft(noise[:4000]) * np.conj(np.fft.rfft(source)))
    assert match.max() == pytest.approx(np.sqrt(source @ source * (noise[:4000] @ noise[:4000])), rel=1e-3)


def test_what_cannot_be_mixed_is_named_and_the_rest_is_mixed(places):
    (places / "clean" / "text.wav").write_text("no sound")
    soundfile.write(places / "clean" / "silent.wav", np.zeros(RATE), RATE)
    (places / "noise" / "text.wav").write_text("no sound")
    soundfile.write(places / "noise" / "silent.wav", np.zeros(RATE), RATE)
    found = made(places)
    assert len(heard(found.noisy)) == 9
    reasons = {(role, file): reason for role, file, reason in found.failed}
    assert set(reasons) == {
        ("clean", "text.wav"),
        ("clean", "silent.wav"),
        ("noise", "text.wav"),
        ("noise", "silent.wav"),
    }
    assert "clean is silent" in reasons["clean", "silent.wav"] and "cannot be decoded" in reasons["clean", "text.wav"]


def test_a_silent_stretch_of_noise_is_drawn_again(places):
    shutil.rmtree(places / "noise")
    (places / "noise").mkdir()
    sound = np.zeros(20 * RATE)
    sound[-RATE:] = 0.1 * np.random.default_rng(0).standard_normal(RATE)
    soundfile.write(places / "noise" / "late.wav", sound, RATE)
    found = made(places)
    assert len(heard(found.noisy)) == 9 and not found.failed
    sound[: -RATE // 100] = 0
    soundfile.write(places / "noise" / "late.wav", np.pad(sound, (60 * RATE, 0)), RATE)
    with pytest.raises(ValueError, match="could be mixed with noise; the first, .*holds no sounds that are not silent"):
        made(places, "none")


@pytest.mark.parametrize("snr", [(), (0.0, 0.0), (np.nan,), (np.inf, 0.0)])
def test_ratios_that_cannot_be_are_refused(places, snr):
    with pytest.raises(ValueError, match="snr must be one or more different ratios in dB"):
        made(places, snr=snr)


def test_two_files_of_one_name_and_folders_without_sounds_are_refused(places):
    with pytest.raises(FileNotFoundError, match="no folder at"):
        mixtures.mixtures(places / "nowhere", places / "noise", SNR, RATE, 0, places / "o")
    (places / "empty").mkdir()
    with pytest.raises(ValueError, match="holds no audio files"):
        mixtures.mixtures(places / "clean", places / "empty", SNR, RATE, 0, places / "o")
    soundfile.write(places / "clean" / "wide.flac", speech(0.5), RATE)
    with pytest.raises(ValueError, match="holds wide.flac and wide.wav: one name"):
        made(places)
    assert not (places / "o").exists() and not (places / "out").exists()
