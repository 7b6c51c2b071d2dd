"""The stage table to the image."""

import keras
import numpy as np
import pytest

from tf_audio_gan.models.gansynth.schedule import Schedule

ENDS = [0.8, 1.6, 2.4, 3.2, 4.0, 4.8, 5.6, 6.4, 7.2, 8.0, 8.8, 9.6, 11.0]  # cumulative, in millions of images


def test_stages_are_magentas():
    """13 stages: even ones stable, odd ones fades, (s + 1) // 2 + 1 blocks."""
    schedule = Schedule(7)
    assert len(schedule.stages()) == 13
    for s, (end, stage) in enumerate(zip(ENDS, schedule.stages(), strict=True)):
        start, last = (0 if s == 0 else round(ENDS[s - 1] * 1e6)), round(end * 1e6) // 8 - 1
        assert stage == ((s + 1) // 2 + 1, s % 2 == 1, start)
        assert schedule.stage_at(start // 8) == schedule.stage_at(last) == stage
        assert s == 12 or schedule.stage_at(last + 1) != stage
    assert schedule.restarts() == [round(end * 125_000) for end in ENDS[:-1]]


def magentas_progress(image, stable, fade, blocks):
    capped = min(image, blocks * (stable + fade) - fade - 1)
    return capped // (stable + fade) + max(0.0, (capped % (stable + fade) - stable) / fade)


@pytest.mark.parametrize(("stable", "fade", "blocks"), [(40, 24, 4), (16, 80, 3), (0, 30, 3), (33, 21, 3)])
def test_progress_is_magentas_at_every_step(stable, fade, blocks):
    schedule = Schedule(blocks, stable, fade, batch_size=8)
    for step in range(60):
        now, fading, start = schedule.stage_at(step)
        share = schedule.share(step, start) if fading else 1.0
        wanted = magentas_progress(step * 8, stable, fade, blocks)
        if step * 8 >= blocks * (stable + fade) - fade:
            wanted = blocks - 1  # theirs stops one image short
        assert now - 2 + share == pytest.approx(wanted, abs=1e-9)
        in_graph = float(keras.ops.convert_to_numpy(schedule.share(keras.ops.convert_to_tensor(step, "int64"), start)))
        assert not fading or in_graph == pytest.approx(share, abs=1e-6)


def test_optimizers_restart_with_the_first_step_of_a_stage():
    schedule = Schedule(3, 33, 21, batch_size=8)
    found = [s for s in range(1, 40) if schedule.stage_at(s) != schedule.stage_at(s - 1)]
    assert found == schedule.restarts() and len(found) == 4


def test_all_blocks_from_the_start():
    schedule = Schedule(7, progressive=False)
    assert schedule.stages() == [(7, False, 0)] and schedule.restarts() == []
    assert schedule.stage_at(10**9) == (7, False, 0)


def test_counting_is_exact_where_float32_is_not():
    schedule = Schedule(7, 800_000, 800_000, batch_size=1)
    step = 8_800_000 + 400_001
    share = schedule.share(keras.ops.convert_to_tensor(step, "int64"), 8_800_000)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(share), 400_001 / 800_000, rtol=1e-7)


@pytest.mark.parametrize("options", [{"blocks": 0}, {"stable_images": -1}, {"fade_images": 0}, {"batch_size": 2.0}])
def test_wrong_settings_are_named(options):
    ((name, value),) = options.items()
    with pytest.raises(ValueError, match=f"{name} must be a whole number from .*Received: {name}={value}"):
        Schedule(**{"blocks": 3} | options)
