"""The page's three files make a model that keeps the contract and goes all the way to a SavedModel."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np

PAGE = (Path(__file__).parents[2] / "docs" / "your_own_model.md").read_text(encoding="utf-8")
ROOT = Path(__file__).parents[2]
SCRIPT = """
import sys
from pathlib import Path
import numpy as np
from tf_audio_gan import models, export, generate
models.__path__.append({parent!r})
models.MODELS["tinygan"] = "TinyGAN"
from tf_audio_gan.recipes import load_recipe
from tests.models import contract
contract.check_files = lambda *_: None  # its fresh process would not know a model that lives in a folder of a test
model = load_recipe("tinygan").build_model()
batch = np.random.default_rng(0).uniform(-1, 1, (4, 256, 1)).astype("float32")
contract.run_gan_test(type(model), {{"length": 256, "dim": 4}}, batch, Path({parent!r}))
model.save_to_preset({parent!r} + "/preset")
made = generate({parent!r} + "/preset", {parent!r} + "/out", n=2)
np.testing.assert_array_equal(made.audio, model.generate(2))
print("EXPORTED", export({parent!r} + "/preset", {parent!r} + "/exported"))
"""


def test_the_page_works_as_it_stands(tmp_path):
    folder = tmp_path / "tinygan"
    folder.mkdir()
    blocks = re.findall(r"```python file=(\S+)\n(.*?)```", PAGE, flags=re.S)
    assert [name for name, _ in blocks] == ["networks.py", "tinygan.py", "presets.py"]
    for name, text in blocks:
        (folder / name).write_text(text, encoding="utf-8")
    script = SCRIPT.format(parent=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert f"EXPORTED {tmp_path / 'exported' / '1'}" in done.stdout, done.stderr[-3000:]
    assert np.load(tmp_path / "out" / "latents.npy").shape == (2, 16)
