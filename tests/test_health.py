"""The alarms: silent on healthy runs, heard on divergence and on a generator that makes one sound."""

import numpy as np
import pytest

from tf_audio_gan import WaveGAN
from tf_audio_gan.audio.synthetic import drum_hits
from tf_audio_gan.health import Diversity, Health, spread

# d/adversarial, d/gradient_penalty, g/adversarial at steps 50, 650, 1250, 1850, 3050 of zoo/wavegan_drums' run
HEALTHY = [
    (-11.7, 0.264, -4.13),
    (-8.93, 0.162, -6.5),
    (-7.61, 0.124, -3.84),
    (-5.82, 0.0839, -1.31),
    (-5.78, 0.0885, -0.0521),
]


class Model:
    """What a callback sees of a model that makes given sounds."""

    sample_rate, stop_training, variables = 16000, False, ()
    optimizer = type("Optimizer", (), {"iterations": 50})
    sounds = None

    def generate(self, n, seed):
        return self.sounds[:n]


def watched(callback):
    callback.set_model(Model())
    callback.on_train_begin()
    return callback


def lines(health, rows):
    for row in rows:
        health.on_epoch_end(0, dict(zip(("d/adversarial", "d/gradient_penalty", "g/adversarial"), row, strict=True)))
    return health.problem


def test_a_healthy_log_raises_no_alarm():
    assert lines(watched(Health()), HEALTHY * 8) is None
    first = [(0.3, 58.6, -0.3), (0.02, 30.9, -0.3)]  # untrained, with batch normalisation
    assert lines(watched(Health()), first + HEALTHY) is None
    scaled = [tuple(80 * x for x in row) for row in HEALTHY * 4]  # large, as on sounds padded with silence, but steady
    assert lines(watched(Health()), scaled) is None


def test_growth_beyond_the_run_s_own_past_is_divergence():
    health = watched(Health())
    assert lines(health, HEALTHY * 2) is None
    assert lines(health, [(-900.0, 0.2, 3.0)]) is None, "large, and below 1000"
    assert lines(health, [(-1300.0, 0.2, 3.0)]) == "diverged: d/adversarial is -1300 at step 50"
    assert health.model.stop_training


@pytest.mark.parametrize("value", [float("nan"), float("-inf"), 2e6])
def test_what_is_never_healthy_is_found_in_the_first_line(value):
    assert lines(watched(Health()), [(0.1, value, 0.1)]).startswith("diverged: d/gradient_penalty is ")


def test_weights_that_are_not_numbers_are_found_before_a_checkpoint():
    health, model = Health(), WaveGAN(length=256, strides=[4, 4], dim=2)
    model.compile()
    health.set_model(model)
    assert health.check_weights()
    kernel = model.discriminator.logit.kernel
    kernel.assign(kernel.numpy() * np.nan)
    assert not health.check_weights() and "logit/kernel holds numbers that are not finite" in health.problem


def hits(n, seed):
    sounds = [np.pad(audio, ((0, 8192), (0, 0)))[:8192] for _, audio in drum_hits(n, 16000, seed)]
    return np.stack(sounds)


def run(diversity, sounds, count):
    values = []
    for _ in range(count):
        diversity.model.sounds, logs = sounds, {}
        diversity.on_epoch_end(0, logs)
        values.append(logs["g/diversity"])
    return values


def test_a_varied_generator_has_a_diversity_near_one_and_no_warning(capsys):
    diversity = watched(Diversity(hits(16, seed=1)))
    assert 0.8 < run(diversity, hits(16, seed=2), 30)[0] < 1.2
    assert "collapsed" not in capsys.readouterr().out


def test_a_generator_that_collapses_is_named_once(capsys):
    diversity, varied = watched(Diversity(hits(16, seed=1))), hits(16, seed=2)
    run(diversity, varied, 6)
    one = varied[:1] + 1e-4 * np.random.default_rng(0).standard_normal(varied.shape).astype("float32")
    assert max(run(diversity, one, 4)) < 0.1 and "collapsed" not in capsys.readouterr().out
    run(diversity, one, 1)
    assert "warning: the generator has collapsed: at step 50" in capsys.readouterr().out
    run(diversity, one, 30)
    assert "collapsed" not in capsys.readouterr().out


def test_a_collapse_that_passes_and_a_slow_start_are_no_collapse(capsys):
    diversity, varied = watched(Diversity(hits(16, seed=1))), hits(16, seed=2)
    for _ in range(4):
        run(diversity, varied[:1].repeat(16, 0), 4)
        run(diversity, varied, 1)
    untrained = watched(Diversity(hits(16, seed=1)))
    assert run(untrained, np.zeros_like(varied), 20)[0] == 0
    assert "collapsed" not in capsys.readouterr().out
    run(untrained, np.zeros_like(varied), 5)
    assert "collapsed" in capsys.readouterr().out, "what never begins to vary is a collapse too"


def test_a_real_generator_without_its_latents_has_none():
    model = WaveGAN(length=1024, strides=[4, 4], dim=2)
    some = spread(model.generate(16) * 30, 16000)
    model.ema_generator.project.kernel.assign(0 * model.ema_generator.project.kernel.numpy())
    assert spread(model.generate(16) * 30, 16000) == 0 < some
