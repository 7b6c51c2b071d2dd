"""ITU-T P.56 against the recommendation's own steps, sample by sample, and against signals whose level is known."""

import numpy as np
import pytest

from tf_audio_gan.audio.mixing import LevelMeter, active_level, mix


def p56(speech, rate):
    """Method B as the recommendation states it: (level, activity), a loop over samples and 15 thresholds."""
    decay, hangover = np.exp(-1 / (rate * 0.03)), int(np.ceil(0.2 * rate))
    thresholds, counts, held = [2.0**k for k in range(-15, 0)], [0] * 15, [hangover] * 15
    once = twice = energy = 0.0
    for sample in speech:
        energy += sample**2
        once = decay * once + (1 - decay) * abs(sample)
        twice = decay * twice + (1 - decay) * once
        for j, threshold in enumerate(thresholds):
            held[j] = 0 if twice >= threshold else held[j] + 1
            counts[j] += held[j] <= hangover
    before = None
    for threshold, count in zip(thresholds, counts, strict=True):
        level, below = 10 * np.log10(energy / count), 20 * np.log10(threshold)
        if level - below <= 15.9:
            break
        before = level, level - below
    share = (before[1] - 15.9) / (before[1] - (level - below))
    level = before[0] + share * (level - before[0])
    return level, energy / len(speech) / 10 ** (level / 10)


def babble(rng, seconds, rate, level):
    """Noise that comes in bursts of syllables' length and loudness, with pauses."""
    loud = np.repeat(rng.uniform(0, 1, int(seconds * 8)) ** 3 * (rng.uniform(size=int(seconds * 8)) < 0.6), rate // 8)
    return level * loud * rng.standard_normal(len(loud))


@pytest.mark.parametrize("rate, level", [(8000, 0.3), (16000, 0.02), (22050, 0.9)])
def test_the_level_is_that_of_the_recommendation(rng, rate, level):
    speech = np.clip(babble(rng, 3, rate, level), -1, 1)
    assert active_level(speech, rate) == pytest.approx(p56(speech, rate), abs=1e-9)


def test_a_tone_half_of_the_time_has_the_level_of_the_tone(rng):
    tone = 0.5 * np.sin(2 * np.pi * 400 * np.arange(16000 * 10) / 16000)
    level, activity = active_level(np.concatenate([tone, np.zeros(16000 * 10)]), 16000)
    assert active_level(tone, 16000)[0] == pytest.approx(-9.03, abs=0.03)
    assert level == pytest.approx(-9.03, abs=0.15)  # the hangover and the envelope's decay count as active
    assert activity == pytest.approx(0.5, abs=0.02)
    in_noise = np.concatenate([tone, 1e-4 * rng.standard_normal(16000 * 10)])
    assert active_level(in_noise, 16000)[0] == pytest.approx(level, abs=1e-3)


def test_the_level_follows_the_gain_at_any_level(rng):
    speech = babble(rng, 3, 16000, 0.2)
    level, activity = active_level(speech, 16000)
    for power in (-40, -6, 3):  # of two: the thresholds fall on the same places
        assert active_level(speech * 2.0**power, 16000) == pytest.approx((level + 6.0206 * power, activity), abs=1e-3)
    assert active_level(0.7 * speech, 16000)[0] == pytest.approx(level + 20 * np.log10(0.7), abs=0.3)


def test_blocks_measure_as_the_whole(rng):
    speech = babble(rng, 2, 16000, 0.2)
    meter = LevelMeter(16000)
    for block in np.split(speech, [1, 5000, 5001, 20000]):
        meter.add(block)
    assert meter.result() == pytest.approx(active_level(speech, 16000), abs=1e-9)


def test_silence_and_clicks_have_a_defined_level():
    assert active_level(np.zeros(5), 16000) == (-np.inf, 0.0)
    assert LevelMeter(16000).result() == (-np.inf, 0.0)
    click = np.zeros(16000)
    click[100] = 1
    level, activity = active_level(click, 16000)
    assert -50 < level < -30 and 0 < activity <= 1


@pytest.mark.parametrize("snr", [-5, 0, 17.5])
def test_a_mix_has_the_ratio_that_was_asked_for(rng, snr):
    speech, noise = babble(rng, 2, 16000, 0.1), rng.standard_normal(32000)
    added = mix(speech, noise, snr, 16000) - speech
    assert p56(speech, 16000)[0] - 10 * np.log10(np.mean(added**2)) == pytest.approx(snr, abs=1e-6)
    assert abs(np.corrcoef(added, noise)[0, 1]) == pytest.approx(1)


def test_what_cannot_be_mixed_is_named():
    tone = np.sin(np.arange(1000.0))
    for clean, noise, message in [
        (np.zeros(1000), tone, "clean is silent"), (tone, np.zeros(1000), "noise is silent"),
        (tone, tone[:9], "received 1000 and 9 samples"), (tone[:, None], tone, r"clean has shape \(1000, 1\)"),
        (tone, tone * np.nan, "noise holds NaN"), (np.zeros(0), np.zeros(0), r"clean has shape \(0,\)"),
    ]:  # fmt: skip
        with pytest.raises(ValueError, match=message):
            mix(clean, noise, 5, 16000)
