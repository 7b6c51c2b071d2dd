"""Training that begins with the weights of a preset."""

import numpy as np
import pytest
from typer.testing import CliRunner

from tf_audio_gan import GANSynth, SpecGAN, WaveGAN, fine_tuning, from_preset, load_recipe, train
from tf_audio_gan.audio.io import write_audio
from tf_audio_gan.audio.synthetic import write_drum_hits
from tf_audio_gan.cli.commands import app
from tf_audio_gan.data.augment import FINE_TUNING

SMALL = {"length": 256, "strides": [4, 4], "dim": 2, "critic_steps": 1, "objective": "lsgan"}
TRAIN = {"batch_size": 2, "learning_rate": 1e-6}  # so little that weights stay recognisable


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "hits"
    write_drum_hits(folder, 4, seed=1)
    return folder


@pytest.fixture
def preset(sounds, tmp_path):
    recipe = {"model": {"name": "wavegan", **SMALL, "seed": 5}, "data": {"crop": "start"}, "train": TRAIN}
    return train(recipe, sounds, tmp_path / "first", steps=1, progress=False).preset


def far(a, b):
    """Largest difference of weights of two networks."""
    return max(np.abs(np.asarray(x) - np.asarray(y)).max() for x, y in zip(a.variables, b.variables, strict=True))


def test_a_presets_folder_is_recipe_and_weights(preset, sounds, tmp_path):
    assert load_recipe(preset).model["seed"] == 5 and load_recipe(preset).data == {"crop": "start"}
    result = CliRunner().invoke(
        app, ["train", str(preset), str(sounds), "--run-dir", str(tmp_path / "run"), "--steps", "1"]
    )
    assert result.exit_code == 0, result.output
    assert "beginning with the weights of" in result.output and "begins anew" not in result.output
    before, after = from_preset(preset), from_preset(tmp_path / "run" / "preset")
    for name in ("generator", "discriminator"):
        assert 0 < far(getattr(before, name), getattr(after, name)) < 1e-4
    assert (
        far(WaveGAN(**SMALL, seed=5).generator, before.generator)
        < 1e-4
        < far(WaveGAN(**SMALL).generator, before.generator)
    )


BOTH = "wavegan_drums"


@pytest.mark.parametrize(
    "name, more, said", [(BOTH, [], True), (BOTH, ["--start", "x"], False), ("wavegan", [], False)]
)
def test_a_name_that_is_a_recipe_and_a_preset_says_which_it_is(name, more, said, tmp_path):
    command = ["train", name, str(tmp_path / "nowhere"), "--run-dir", str(tmp_path / "run"), *more]
    assert (f"The preset's: --start {BOTH}" in CliRunner().invoke(app, command).output) == said


def test_a_run_goes_on_from_its_checkpoint_not_from_the_preset(preset, sounds, tmp_path):
    options = {"start": preset, "progress": False}
    recipe = {"model": {"name": "wavegan", **SMALL}, "train": TRAIN | {"learning_rate": 0.1}}
    first = train(recipe, sounds, tmp_path / "run", steps=1, **options).model
    again = train(recipe, sounds, tmp_path / "run", steps=1, **options).model
    assert far(first.generator, from_preset(preset).generator) > 0.01 and far(first.generator, again.generator) == 0


def test_a_preset_without_a_discriminator_says_so(preset, sounds, tmp_path, capsys):
    from_preset(preset).save_to_preset(tmp_path / "half", discriminator=False)
    train(tmp_path / "half", sounds, tmp_path / "run", steps=1, labels=None)
    assert "it holds no discriminator, which begins anew" in capsys.readouterr().out
    assert far(from_preset(preset).generator, from_preset(tmp_path / "run" / "preset").generator) < 0.01


def test_another_models_preset_is_refused(preset, sounds, tmp_path):
    recipe = {"model": {"name": "wavegan", **SMALL, "dim": 4}, "train": TRAIN}
    with pytest.raises(ValueError, match="its generator has other weights than this WaveGAN. Train with the preset's"):
        train(recipe, sounds, tmp_path / "run", start=preset, steps=1, progress=False)


def test_few_sounds_are_changed_a_little_and_a_run_goes_on_as_it_began(preset, sounds, tmp_path, capsys, monkeypatch):
    def tuned(run, steps, **options):
        train(preset, sounds, tmp_path / run, steps=steps, **{"labels": None, **options})
        recipe = load_recipe(str(tmp_path / run / "recipe.toml"))
        return from_preset(tmp_path / run / "preset"), recipe.data, capsys.readouterr().out

    whole, data, said = tuned("whole", 2)
    assert (
        data == {"crop": "start", **FINE_TUNING} and said.count("few sounds to fine-tune on (4 examples in a pass") == 1
    )
    assert "(level down to -3 dB, up to 10 ms later, polarity; --no-augment leaves them as they are)" in said
    tuned("halves", 1)
    monkeypatch.setattr(fine_tuning, "FEW", 2)  # as if the sounds had become many: it goes on as it began
    halves, again, said = tuned("halves", 2)
    assert again == data and "few sounds" not in said
    for name in ("generator", "discriminator"):
        assert far(getattr(whole, name), getattr(halves, name)) == 0
    many, data, said = tuned("many", 1)
    assert data == {"crop": "start"} and "few sounds" not in said
    _, data, said = tuned("asked", 1, augment=True)
    assert data == {"crop": "start", **FINE_TUNING} and "Every example is changed a little" in said


def test_a_flag_leaves_few_sounds_as_they_are(preset, sounds, tmp_path):
    command = ["train", str(preset), str(sounds), "--run-dir", str(tmp_path / "run"), "--steps", "1", "--no-augment"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0 and "few sounds" not in result.output
    assert load_recipe(str(tmp_path / "run" / "recipe.toml")).data == {"crop": "start"}
    with pytest.raises(ValueError, match=r"was started with \[data\] augment_gain = None, now it is 3.0"):
        train(preset, sounds, tmp_path / "run", steps=2, augment=True, progress=False)


def test_training_from_the_start_changes_nothing_unasked(sounds, tmp_path):
    recipe = {"model": {"name": "wavegan", **SMALL}, "train": TRAIN}
    train(recipe, sounds, tmp_path / "run", steps=1, progress=False)
    assert load_recipe(str(tmp_path / "run" / "recipe.toml")).data == {}
    with pytest.raises(ValueError, match="examples for segan_plus cannot be changed further: noise is mixed in anew"):
        train("segan_plus", sounds, tmp_path / "other", noise=sounds, augment=True)


def test_moments_are_the_presets(sounds, tmp_path):
    """A SpecGAN that is fine-tuned keeps the picture that its networks know."""
    keywords = {"length": 256, "n_fft": 32, "strides": [2, 2], "dim": 2, "critic_steps": 1, "objective": "lsgan"}
    model = SpecGAN(**keywords)
    model.adapt(np.random.default_rng(0).uniform(-1, 1, (4, 256, 1)).astype("float32"))
    model.save_to_preset(tmp_path / "preset")
    tuned = train(tmp_path / "preset", sounds, tmp_path / "run", steps=1, progress=False).model
    np.testing.assert_array_equal(tuned.generator.moments.mean, model.generator.moments.mean)


def test_a_grown_gansynth_does_not_grow_again(tmp_path, untraced):
    """The weights of a network in its last stage, and of one on the way there; a run goes on as it began."""
    small = {
        "sample_rate": 8000, "length": 280, "frames": 16, "bins": 32, "blocks": 2, "filters": 16, "max_filters": 6,
        "latent_dim": 5, "stable_images": 4, "fade_images": 4, "batch_size": 2,
    }  # fmt: skip
    for pitch in (60, 62):
        tone = np.sin(2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * np.arange(4000) / 8000)
        write_audio(tmp_path / "notes" / f"tone_{pitch:03d}.wav", tone[:, None].astype("float32") / 2, 8000)
    recipe = {"model": {"name": "gansynth", **small}, "data": {"labels": "pitch"}, "train": {"batch_size": 2}}
    for progress, blocks in ((0.5, 1), (1.0, 2)):
        model, preset = GANSynth(**small), tmp_path / f"preset{blocks}"
        model.ema_generator.facts.assign(progress=progress)
        model.save_to_preset(preset)
        options = {"start": preset, "progress": False}
        tuned = train(recipe, tmp_path / "notes", tmp_path / f"run{blocks}", steps=1, **options)
        assert tuned.model.stage() == (blocks, None)
    again = train(recipe, tmp_path / "notes", tmp_path / "run2", steps=2, **options)
    assert again.step == 2 and again.model.grown()
    assert load_recipe(again.preset).model["progressive"] is False
