import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tf_audio_gan import WaveGAN, from_preset, hub, load_judge, write_zoo_index

ZOO = Path(__file__).parents[1] / "zoo"
SMALL = {"length": 256, "strides": [4, 4], "dim": 2}


@pytest.fixture
def zoo(tmp_path, monkeypatch):
    """A zoo of one small preset, with its index."""
    folder = tmp_path / "zoo"
    WaveGAN(**SMALL).save_to_preset(folder / "tiny")
    write_zoo_index(folder)
    monkeypatch.setattr(hub, "ZOO", folder)
    return folder


def test_a_name_is_found_and_verified(zoo):
    assert hub.resolve("tiny") == zoo / "tiny"
    np.testing.assert_array_equal(from_preset("tiny").generate(1), from_preset(zoo / "tiny").generate(1))


@pytest.mark.parametrize("name", ["generator.weights.h5", "config.json"])
def test_a_changed_file_is_refused(zoo, name):
    path = zoo / "tiny" / name
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    with pytest.raises(ValueError, match=f"{name} is not the file the zoo's index names"):
        hub.resolve("tiny")


def test_a_missing_file_is_named(zoo):
    (zoo / "tiny" / "generator.weights.h5").unlink()
    with pytest.raises(FileNotFoundError, match="generator.weights.h5 is missing from the zoo"):
        hub.resolve("tiny")


def test_an_unknown_name_lists_the_presets(zoo):
    with pytest.raises(FileNotFoundError, match="'tinny' is no preset: no such folder.*Presets: tiny"):
        hub.resolve("tinny")


def test_the_index_of_this_zoo_is_up_to_date():
    done = subprocess.run([sys.executable, ZOO / "make_index.py", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def sound_of(model):
    """What a preset makes: of seeds, or of a second of a tone like a voice's, in noise for one that enhances."""
    if model.task == "generation":
        audio = model.generate(4, seed=0)
        assert audio.shape == (4, model.length, model.channels)
        return audio
    t = np.arange(model.sample_rate) / model.sample_rate
    voice = 0.2 * sum(np.sin(2 * np.pi * 150 * k * t) / k for k in range(1, 12)).astype("float32")[:, None]
    if model.task == "vocoding":
        return model.vocode(np.asarray(model.front_end(voice[None]))[0])
    return model.enhance(voice + 0.05 * np.random.default_rng(0).standard_normal(voice.shape).astype("float32"))


PRESETS = json.loads((ZOO / "index.json").read_text())["presets"]


@pytest.mark.parametrize("name", [name for name, about in PRESETS.items() if about.get("trained", True)])
def test_every_preset_opens_and_does_what_it_is_for(name):
    if PRESETS[name]["class"] == "tf_audio_gan>Classifier":
        judge = load_judge(name)
        shares = judge.probabilities(np.random.default_rng(0).uniform(-1, 1, (2, judge.length, 1)))
        np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-5)
        assert shares.shape == (2, len(judge.labels))
    else:
        audio = sound_of(from_preset(name))
        assert np.isfinite(audio).all()
        assert 0.003 < np.sqrt((audio**2).mean()) < 0.5, "neither silence nor noise at full scale"
    card = (ZOO / name / "README.md").read_text()
    for word in ("## Use", "## Training", "## Results", "## Licence", name):
        assert word in card
