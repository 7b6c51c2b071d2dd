"""Files through an enhancer: time, rate, channels, length and level stay; what is bad is named."""

import resource
import weakref

import numpy as np
import pytest
import soundfile

from tests.stand_ins import Amplifier
from tf_audio_gan import MelGAN, SEGANPlus, WaveGAN, enhance, enhancement, generate, vocode
from tf_audio_gan.audio.io import read_audio

MELS = {"sample_rate": 8000, "n_fft": 256, "hop_length": 64, "n_mels": 20}


@pytest.fixture(scope="module", name="identity")
def small_identity():
    return Amplifier()


def bursts(rate, seconds=1.37, channels=1):
    """Tones under 3.5 kHz that come and go, others in each channel: float32 [samples, channels]."""
    t = np.arange(int(rate * seconds)) / rate
    sound = [
        0.3 * np.sin(2 * np.pi * (440 + 300 * c) * t) * np.exp(-(((t - 0.4 - 0.05 * c) / 0.1) ** 2))
        + 0.2 * np.sin(2 * np.pi * (1900 + 300 * c) * t) * np.exp(-(((t - 0.9) / 0.03) ** 2))
        for c in range(channels)
    ]
    return np.stack(sound, 1).astype("float32")


def written(path, audio, rate, subtype="FLOAT"):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, audio, rate, subtype=subtype)
    return path


@pytest.mark.parametrize("rate, channels", [(16000, 1), (16000, 3), (8000, 1), (22050, 1), (44100, 2), (48000, 6)])
def test_what_a_model_leaves_alone_comes_out_as_it_went_in(identity, tmp_path, rate, channels):
    """Sample for sample: to 1e-6 at the model's rate, as well as resampling there and back can elsewhere."""
    sound = bursts(rate, channels=channels)
    made = enhance(identity, written(tmp_path / "a.wav", sound, rate), tmp_path / "o", float32=True, progress=False)
    found, found_rate = soundfile.read(made.files[0], dtype="float32", always_2d=True)
    assert found_rate == rate and found.shape == sound.shape and made.seconds == len(sound) / rate
    np.testing.assert_allclose(found, sound, atol=1e-6 if rate == 16000 else 3e-5)
    lags = range(-3, 4)
    for heard, meant in zip(found.T, sound.T, strict=True):
        products = [heard[3 + lag : len(heard) - 3 + lag] @ meant[3:-3] for lag in lags]
        assert lags[int(np.argmax(products))] == 0


@pytest.mark.parametrize("rate", [8000, 11025, 44100])
def test_no_length_is_too_short_and_none_is_rounded(identity, tmp_path, rate):
    for samples in (1, 2, 7, 441, 1000, 3001):
        written(tmp_path / "in" / f"{samples}.wav", bursts(rate)[:samples] + 0.1, rate)
    made = enhance(identity, tmp_path / "in", tmp_path / "o", progress=False)
    assert not made.skipped and {p.stem: str(soundfile.info(p).frames) for p in made.files} == {
        p.stem: p.stem for p in made.files
    }


def test_what_lies_above_half_of_the_models_rate_is_lost_but_for_the_share_that_blend_keeps(identity, tmp_path):
    t = np.arange(48000) / 48000
    low, high = (0.25 * np.sin(2 * np.pi * hz * t)[:, None].astype("float32") for hz in (1000, 12000))
    source = written(tmp_path / "a.wav", low + high, 48000)
    for blend in (0.0, 0.2, 1.0):
        made = enhance(identity, source, tmp_path / str(blend), blend=blend, float32=True, progress=False)
        found = soundfile.read(made.files[0], dtype="float32", always_2d=True)[0]
        np.testing.assert_allclose(found[2000:-2000], (low + blend * high)[2000:-2000], atol=1e-4)


def test_another_rate_is_that_of_resampling_the_recording(identity, tmp_path):
    source = written(tmp_path / "a.wav", bursts(48000, channels=2), 48000)
    made = enhance(identity, source, tmp_path / "o", sample_rate=16000, float32=True, progress=False)
    found, rate = soundfile.read(made.files[0], dtype="float32")
    wanted, _ = read_audio(source, 16000)
    assert rate == 16000 and found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_segan_plus_enhances_a_folder_as_it_does_arrays(tmp_path):
    model = SEGANPlus(window=1024, filters=[4, 8, 8])
    sounds = {"a.wav": bursts(16000, channels=2), "b/c.flac": bursts(16000, 0.01), "b/d.wav": bursts(16000, 0.3)}
    for name, sound in sounds.items():
        written(tmp_path / "in" / name, sound, 16000, "PCM_16")
    model.save_to_preset(tmp_path / "preset")
    made = enhance(str(tmp_path / "preset"), tmp_path / "in", tmp_path / "o", seed=4, blend=0.25, progress=False)
    assert [str(p.relative_to(tmp_path / "o")) for p in made.files] == ["a.wav", "b/c.wav", "b/d.wav"]
    for path, name in zip(made.files, sounds, strict=True):
        noisy = soundfile.read(tmp_path / "in" / name, dtype="float32", always_2d=True)[0]
        wanted = np.stack([model.enhance(x, seed=4, blend=0.25) for x in noisy.T], 1).clip(-1, 1)
        found = soundfile.read(path, dtype="float32", always_2d=True)
        assert found[1] == 16000 and soundfile.info(path).subtype == "PCM_16"
        np.testing.assert_allclose(found[0], wanted, atol=1e-4)
    zeros = enhance(model, tmp_path / "in" / "a.wav", tmp_path / "z", zeros=True, float32=True, progress=False)
    noisy = soundfile.read(tmp_path / "in" / "a.wav", dtype="float32")[0]
    found = soundfile.read(zeros.files[0], dtype="float32")[0]
    np.testing.assert_allclose(found[:, 1], model.enhance(noisy[:, 1], zeros=True), atol=1e-5)


def test_samples_beyond_full_scale_are_clipped_and_counted_or_written_as_floats(tmp_path):
    sound = bursts(16000, channels=2)
    loud = Amplifier(gain=4.0)
    written(tmp_path / "in" / "loud.wav", sound, 16000)
    written(tmp_path / "in" / "soft.wav", 0.1 * sound, 16000)
    made = enhance(loud, tmp_path / "in", tmp_path / "o", progress=False)
    beyond = int(np.sum(np.abs(4 * sound) > 1))
    assert beyond > 100 and list(made.clipped) == [tmp_path / "o" / "loud.wav"]
    assert abs(made.clipped[tmp_path / "o" / "loud.wav"] - beyond) <= 2
    found = soundfile.read(tmp_path / "o" / "loud.wav")[0]
    np.testing.assert_allclose(found, np.clip(4 * sound, -1, 1), atol=1e-4)
    made = enhance(loud, tmp_path / "in", tmp_path / "f", float32=True, progress=False)
    assert made.clipped == {} and soundfile.info(made.files[0]).subtype == "FLOAT"
    np.testing.assert_allclose(soundfile.read(made.files[0])[0], 4 * sound, atol=1e-5)


def test_bad_files_are_named_the_others_made_and_nothing_is_half_written(identity, tmp_path):
    sound = bursts(16000)
    good = written(tmp_path / "in" / "good.wav", sound, 16000)
    written(tmp_path / "in" / "empty.wav", sound[:0], 16000)
    late = np.concatenate([sound] * 50)
    late[-1] = np.nan
    written(tmp_path / "in" / "late.wav", late, 16000)
    (tmp_path / "in" / "text.wav").write_text("no sound")
    (tmp_path / "in" / "notes.txt").write_text("not looked at")
    made = enhance(identity, tmp_path / "in", tmp_path / "o", progress=False)
    assert made.files == [tmp_path / "o" / "good.wav"]
    reasons = {path.rsplit("/", 1)[-1]: reason for path, reason in made.skipped}
    assert list(reasons) == ["empty.wav", "late.wav", "text.wav"]
    assert reasons["empty.wav"] == "holds no samples" and reasons["late.wav"] == "holds NaN or infinite samples"
    assert reasons["text.wav"].startswith("cannot be decoded")
    assert [p.name for p in (tmp_path / "o").rglob("*")] == ["good.wav"], "no temporary files"
    good.unlink()
    with pytest.raises(ValueError, match=r"none of 3 files could be enhanced; the first, .*empty\.wav: holds no"):
        enhance(identity, tmp_path / "in", tmp_path / "none", progress=False)
    assert not (tmp_path / "none").exists()


def test_what_was_made_before_is_not_enhanced_again(identity, tmp_path):
    written(tmp_path / "in" / "a.wav", bursts(16000), 16000)
    for _ in range(2):
        made = enhance(identity, tmp_path / "in", tmp_path / "in" / "enhanced", progress=False)
        assert made.files == [tmp_path / "in" / "enhanced" / "a.wav"]
    with pytest.raises(ValueError, match="would be overwritten"):
        enhance(identity, tmp_path / "in" / "a.wav", tmp_path / "in", progress=False)


def test_a_broken_off_recording_is_enhanced_to_its_break(identity, tmp_path):
    path = written(tmp_path / "a.flac", bursts(16000, 3.0), 16000, "PCM_16")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    made = enhance(identity, path, tmp_path / "o", progress=False)
    wanted = soundfile.read(made.files[0], dtype="float32")[0]
    assert 4000 < len(wanted) < 44000
    np.testing.assert_allclose(wanted, bursts(16000, 3.0)[: len(wanted), 0], atol=1e-4)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"blend": 1.1}, "blend=1.1"),
        ({"seed": 2**63}, "seed="),
        ({"sample_rate": 10}, "sample_rate must be a whole number"),
    ],
)
def test_options_out_of_range_are_refused_before_a_file_is_read(identity, tmp_path, options, message):
    (tmp_path / "a.wav").write_text("no sound")
    with pytest.raises(ValueError, match=message):
        enhance(identity, tmp_path / "a.wav", tmp_path / "o", **options)
    with pytest.raises(FileNotFoundError, match="no file or folder at"):
        enhance(identity, tmp_path / "nowhere", tmp_path / "o")


def test_models_for_something_else_are_refused_and_enhancers_elsewhere(identity, tmp_path):
    source = written(tmp_path / "a.wav", bursts(16000), 16000)
    generator = WaveGAN(length=256, strides=[4, 4], dim=2)
    vocoder = MelGAN(
        front_end=MELS, segment_length=1024, channels=32, upsample_scales=[8, 4, 2], stacks=1, d_channels=4,
        d_max_channels=16,
    )  # fmt: skip
    for model, name, task in ((generator, "WaveGAN", "generation"), (vocoder, "MelGAN", "vocoding")):
        with pytest.raises(ValueError, match=f"a {name} is for {task}, not an enhancer: use a SEGAN"):
            enhance(model, source, tmp_path / "o")
    with pytest.raises(ValueError, match="does not generate, it is for enhancement: use enhance instead"):
        generate(identity, tmp_path / "o")
    with pytest.raises(ValueError, match="is for enhancement, not a vocoder"):
        vocode(identity, source, tmp_path / "o")
    assert not (tmp_path / "o").exists()


def test_a_few_blocks_are_all_that_is_held(identity, tmp_path, monkeypatch):
    """Channels advance side by side, and what all of them have taken is let go."""
    sound = np.tile(bursts(8000, 2.0, channels=3), (40, 1))
    blocks, held, finite = [], [], enhancement.finite

    def watched(parts):
        for block in finite(parts):
            blocks.append(weakref.ref(block))
            yield block

    class Writer(enhancement.SoundWriter):
        def write(self, audio):
            super().write(audio)
            held.append(sum(block() is not None for block in blocks))

    monkeypatch.setattr("tf_audio_gan.data.resample.BLOCK_SAMPLES", 3 * 8192)
    monkeypatch.setattr(enhancement, "finite", watched)
    monkeypatch.setattr(enhancement, "SoundWriter", Writer)
    made = enhance(identity, written(tmp_path / "a.wav", sound, 8000), tmp_path / "o", progress=False)
    assert made.seconds == len(sound) / 8000 and len(blocks) > 70
    assert max(held) <= 4


@pytest.mark.soak
def test_an_hour_of_stereo_takes_no_more_memory_than_a_minute(tmp_path):
    model, minute = Amplifier(window=16384), np.tile(bursts(44100, 2.0, channels=2), (30, 1))
    peaks = []
    for minutes in (1, 60):
        with soundfile.SoundFile(tmp_path / "a.wav", "w", 44100, 2, "PCM_16") as file:
            for _ in range(minutes):
                file.write(minute)
        made = enhance(model, tmp_path / "a.wav", tmp_path / "o", progress=False)
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        assert made.seconds == minutes * 60
    assert peaks[1] - peaks[0] < 60, f"MiB at the most: {peaks}; an hour of samples is 1.2 GB"
