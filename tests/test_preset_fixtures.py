"""Presets of every release load for ever, on every backend, and make what they made when they were recorded.

`tests/fixtures/presets/make.py` adds the folder of a release; no folder that is there is ever changed.
"""

import json
import runpy
from pathlib import Path

import numpy as np
import pytest

import tf_audio_gan
from tf_audio_gan import from_preset, load_judge, load_recipe
from tf_audio_gan.models import MODELS

FIXTURES = Path(__file__).parent / "fixtures" / "presets"
PRESETS = sorted(path.parent for path in FIXTURES.glob("*/*/config.json"))
marks = runpy.run_path(str(FIXTURES / "make.py"), run_name="read")["marks"]


@pytest.mark.parametrize("folder", PRESETS, ids=lambda folder: f"{folder.parent.name}-{folder.name}")
def test_it_loads_and_makes_the_same(folder):
    recorded = np.load(folder / "recorded.npz")
    judge = folder.name == "classifier"
    model = load_judge(folder) if judge else from_preset(folder)
    given = recorded["given"] if "given" in recorded else None
    made = model.probabilities(given) if judge else model.preview(given)
    assert np.abs(recorded["made"]).max() > 0.02
    np.testing.assert_allclose(made[:2], recorded["made"], rtol=0, atol=1e-5)
    networks = {"classifier": model} if judge else {n: getattr(model, n) for n in ("generator", *model.saved_networks)}
    assert {key for key in recorded if key.startswith("marks_")} == {f"marks_{name}" for name in networks}
    for name, network in networks.items():
        np.testing.assert_allclose(marks(network), recorded[f"marks_{name}"], rtol=1e-6, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("folder", [f for f in PRESETS if f.name != "classifier"], ids=lambda f: f.name)
def test_its_recipe_is_read(folder):
    made = load_recipe(str(folder / "recipe.toml"))
    assert MODELS[made.model["name"]] == json.loads((folder / "config.json").read_text())["registered_name"][13:]
    assert load_recipe(folder).train == made.train


def test_this_release_has_every_model():
    here = {path.name for path in PRESETS if path.parent.name == tf_audio_gan.__version__}
    assert here == {*MODELS, "classifier"}, "run tests/fixtures/presets/make.py for this version, and commit it"


def test_they_are_small():
    assert sum(path.stat().st_size for path in FIXTURES.rglob("*") if path.is_file()) < 2_000_000
