"""Training in bfloat16: the same losses as in float32 within a stated tolerance, everything that is kept in float32."""

import keras
import numpy as np
import pytest

from tests.test_training import RECIPE, TRAIN, assert_same
from tf_audio_gan import WaveGAN, export, from_preset, train
from tf_audio_gan.audio.synthetic import write_drum_hits
from tf_audio_gan.backend import dtype_policy

TOLERANCE = 0.02  # of the larger of a loss and 1, for means over 10 of 30 steps; 0.0036 was measured
BF16 = {**RECIPE, "train": {**TRAIN, "precision": "bfloat16"}}


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    write_drum_hits(tmp_path_factory.mktemp("data") / "hits", 12, seed=1)
    return next(tmp_path_factory.getbasetemp().glob("data*/hits"))


@pytest.mark.parametrize("options", [{}, {"batch_norm": True, "objective": "lsgan", "post_filter": 8}])
def test_thirty_steps_have_the_same_losses(options, rng):
    import tensorflow as tf

    batches = rng.uniform(-1, 1, (30, 16, 256, 1)).astype("float32") * np.linspace(1, 0, 256)[:, None] ** 2
    losses = []
    for policy in ("float32", "mixed_bfloat16"):
        keywords = {"length": 256, "strides": [4, 4], "dim": 4, "critic_steps": 2, **options}
        with dtype_policy(policy):
            model = WaveGAN(**keywords)
        model.compile()
        data = tf.data.Dataset.from_tensor_slices(batches.astype("float32"))
        losses.append(model.fit(data, epochs=3, steps_per_epoch=10, verbose=0, shuffle=False).history)
        assert {v.dtype for v in [*model.variables, *model.optimizer.variables]} <= {"float32", "int64", "int32"}
        assert model.generate(2).dtype == np.float32
    assert model.generator.project.compute_dtype == "bfloat16"
    exact, rounded = ({name: np.array(values) for name, values in run.items()} for run in losses)
    worst = {name: (abs(rounded[name] - exact[name]) / np.maximum(1, abs(exact[name]))).max() for name in exact}
    print(worst)
    assert max(worst.values()) < TOLERANCE, worst
    assert any((rounded[name] != exact[name]).any() for name in exact), "it must not be float32 in disguise"


def test_a_run_resumes_exactly_and_its_preset_is_float32(sounds, tmp_path):
    unbroken = train(BF16, sounds, tmp_path / "unbroken", steps=7, progress=False)
    train(BF16, sounds, tmp_path / "run", steps=4, progress=False)
    resumed = train(BF16, sounds, tmp_path / "run", steps=7, progress=False)
    assert_same(resumed.model, unbroken.model)
    assert keras.config.dtype_policy().name == "float32", "training must leave the policy as it was"
    assert unbroken.model.generator.compute_dtype == "bfloat16"
    with dtype_policy("mixed_bfloat16"):
        preset = from_preset(unbroken.preset)
    assert preset.generator.compute_dtype == "float32"
    np.testing.assert_array_equal(preset.generate(2), unbroken.model.in_float32().generate(2))
    np.testing.assert_allclose(unbroken.model.generate(2), preset.generate(2), atol=0.02)
    assert (export(unbroken.model, tmp_path / "exported") / "saved_model.pb").is_file()


def test_another_precision_is_refused():
    from tf_audio_gan.recipes import load_recipe

    with pytest.raises(ValueError, match=r"precision must be one of float32, tf32, bfloat16. Received: 'float16'"):
        load_recipe({**RECIPE, "train": {"precision": "float16"}})
