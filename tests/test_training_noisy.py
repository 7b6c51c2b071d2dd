"""Training runs on noisy speech: exact resume, what is left on disk, and whose a run is."""

import json

import numpy as np
import pytest
import soundfile

from tf_audio_gan import train

MODEL = {"name": "segan_plus", "window": 64, "filters": [2], "adversarial": 0.0, "stft_resolutions": [[32, 8, 32]]}
RECIPE = {
    "model": MODEL,
    "data": {"snr": [-5, 15], "gain": [0.5, 1.0], "reverberation": 0.5, "normalize": "peak"},
    "train": {"batch_size": 4, "log_steps": 3, "checkpoint_minutes": 0.0},
}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("speech"), np.random.default_rng(2)
    for i, name in enumerate(("clean/a.wav", "clean/b.wav", "noise/a.wav", "noise/c.wav", "noisy/b.wav")):
        (folder / name).parent.mkdir(exist_ok=True)
        soundfile.write(folder / name, rng.uniform(-0.1, 0.1, 3000 + 500 * (i % 3)), 16000)
    (folder / "noise/broken.wav").write_bytes(b"RIFF nothing")
    return folder


@pytest.fixture(scope="module")
def unbroken(root, tmp_path_factory):
    run = tmp_path_factory.mktemp("run") / "unbroken"
    return train(RECIPE, root / "clean", run, noise=root / "noise", steps=7, progress=False)


def weights(result):
    return [
        np.array(v.numpy())
        for v in [*result.model.variables, *result.model.optimizer.variables]
        if "means" not in v.path
    ]


def test_a_resumed_run_equals_an_unbroken_one(unbroken, root, tmp_path):
    for steps in (4, 7):
        result = train(RECIPE, root / "clean", tmp_path / "run", noise=root / "noise", steps=steps, progress=False)
    for a, b in zip(weights(result), weights(unbroken), strict=True):
        np.testing.assert_array_equal(a, b)


def test_people_get_mono_sounds_and_the_preset_says_how_they_were_mixed(unbroken, root):
    run = unbroken.preset.parent
    names = sorted(p.name for p in (run / "generated").glob("*.wav"))
    assert names == sorted(f"{kind}_{i}.wav" for kind in ("clean", "noisy", "enhanced") for i in range(8))
    assert all(soundfile.info(run / "generated" / name).channels == 1 for name in names)
    assert unbroken.contact_sheet.read_bytes()[:4] == b"\x89PNG"
    data = json.loads((unbroken.preset / "metadata.json").read_text())["data"]
    assert data["clips"] == 2 and data["noise"] == {"clips": 2, "seconds": 0.438} and data["snr"] == [-5.0, 15.0]
    assert data["gain"] == [0.5, 1.0] and data["reverberation"] == 0.5 and len(data["fingerprint"]) == 16
    assert unbroken.skipped[0][0] == str(root / "noise/broken.wav")
    assert str(root / "noise/broken.wav") in (run / "skipped.txt").read_text()


def test_pairs_train_with_the_same_recipe_and_the_run_knows_its_data(unbroken, root, tmp_path, capsys):
    result = train(RECIPE, root / "clean", tmp_path / "run", noisy=root / "noisy", steps=2)
    out = capsys.readouterr().out
    assert result.step == 2 and "1 pairs" in out and "not used here: [data] snr, reverberation" in out
    assert [path for path, _ in result.skipped] == [str(root / "clean/a.wav")]
    with pytest.raises(ValueError, match=r"started with \[data\] reverberation = 0.5, now it is 0.25"):
        other = RECIPE | {"data": RECIPE["data"] | {"reverberation": 0.25}}
        train(other, root / "clean", tmp_path / "run", noise=root / "noise", progress=False)


def test_a_run_never_trains_on_what_it_makes(root):
    for folder in ("clean", "noise"):
        with pytest.raises(ValueError, match=rf"lies in the folder of sounds .*{folder}"):
            train(RECIPE, root / "clean", root / folder / "run", noise=root / "noise", progress=False)
