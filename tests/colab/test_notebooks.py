"""The notebooks of colab/: whole, tidy, and run from top to bottom with a step for a training.

`make test` runs their cells in this process, with a stand-in for what shows pictures and sounds, which looks at both;
`make soak` runs them in kernels of their own, as Colab does.
"""

import ast
import importlib
import json
import os
import re
import sys
import types
from pathlib import Path

import pytest

import tf_audio_gan

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "colab").glob("*.ipynb"))
BY_NAME = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
PARAMETER = re.compile(r"^(\w+) = (.+?)  # @param(.*)$", flags=re.M)
NAMES = ["0_listen", "1_train", "2_vocoder", "3_denoise", "4_midi", "5_serve", "6_several_gpus"]


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def code(path):
    return ["".join(cell["source"]) for cell in read(path)["cells"] if cell["cell_type"] == "code"]


def test_they_are_all_there_and_the_readme_has_them():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [path.stem for path in NOTEBOOKS] == NAMES
    assert re.findall(r"\]\(colab/(\w+)\.ipynb\)", readme) == NAMES


@BY_NAME
def test_a_notebook_is_tidy(path):
    book = read(path)
    assert book["nbformat"] == 4 and book["cells"][0]["source"][0].startswith(f"# {path.stem[0]} · ")
    for cell in book["cells"]:
        assert cell["cell_type"] == "markdown" or cell["outputs"] == [] and cell["execution_count"] is None
        assert len(cell["id"]) and cell["source"], "no empty cells"
    assert len({cell["id"] for cell in book["cells"]}) == len(book["cells"])
    assert path.read_text(encoding="utf-8") == json.dumps(book, indent=1, ensure_ascii=False) + "\n"


@BY_NAME
def test_a_notebook_is_what_jupyter_reads(path):
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
    assert nbformat.validate(nbformat.read(path, as_version=4)) is None, "or it raises"


@BY_NAME
def test_the_first_cell_installs_this_version(path):
    first, *_ = code(path)
    ours = re.sub(r"\[\w+\]", "[serve]", first)
    assert ours == code(NOTEBOOKS[0])[0], "one cell for all of them, but for the extra"
    extra, version = re.search(r'package = "tf-audio-gan\[(\w+)\]==([\d.]+)"', first).groups()
    assert version == tf_audio_gan.__version__ and f'"{extra}": [' in (ROOT / "setup.py").read_text(encoding="utf-8")


@BY_NAME
def test_every_form_is_used_and_holds_what_it_offers(path):
    cells = code(path)
    for i, cell in enumerate(cells):
        found = PARAMETER.findall(cell)
        assert not found or cell.startswith("# @title "), "a form has a title"
        for name, value, form in found:
            assert len(re.findall(rf"\b{name}\b", "\n".join(cells[i:]))) > 1, f"{name} is not used"
            value, choices = ast.literal_eval(value), re.search(r"\[.*\]", form)
            assert not choices or value in ast.literal_eval(choices[0]), name
            limits = re.search(r'"slider", min:(-?[\d.]+), max:([\d.]+), step:[\d.]+}', form)
            assert not limits or float(limits[1]) <= value <= float(limits[2]), name
            assert choices or limits or re.search(r'{type:"(string|integer|boolean)"}', form), form


@BY_NAME
def test_every_name_that_is_imported_exists(path):
    optional = {"google", "IPython"}
    for node in ast.walk(ast.parse("\n".join(code(path)))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                importlib.import_module(alias.name)
        elif isinstance(node, ast.ImportFrom) and node.module.split(".")[0] not in optional:
            assert all(hasattr(importlib.import_module(node.module), alias.name) for alias in node.names)


def shown(heard, seen):
    """A stand-in for IPython.display: sounds have to be sounds, pictures files of pictures."""
    import numpy as np

    from tf_audio_gan.audio.io import read_audio

    def audio(data=None, filename=None, rate=None):
        sound = read_audio(filename)[0] if filename else np.asarray(data)
        assert filename or rate and sound.ndim == 1
        assert np.isfinite(sound).all() and np.ptp(sound) > 0
        heard.append(sound)

    def image(filename):
        assert Path(filename).read_bytes().startswith(b"\x89PNG")
        seen.append(filename)

    display = types.ModuleType("IPython.display")
    display.Audio, display.Image, display.display = audio, image, lambda *_: None
    return display


class Worker:
    """A stand-in for a process of the command line: its words have to be right."""

    started = []

    def __init__(self, command, env, **_):
        import typer

        from tf_audio_gan.cli.commands import app
        from tf_audio_gan.distribution import cluster

        assert command[:3] == [sys.executable, "-m", "tf_audio_gan"] and Path(command[4]).is_file()
        typer.main.get_command(app).commands[command[3]].make_context(command[3], command[4:])
        self.started.append(cluster(env["TF_CONFIG"]))

    def wait(self):
        return 0


@BY_NAME
def test_a_notebook_runs(path, tmp_path, monkeypatch, two_devices, capsys):
    heard, seen = [], []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TF_AUDIO_GAN_SMOKE", "1")
    monkeypatch.setitem(sys.modules, "IPython.display", shown(heard, seen))
    monkeypatch.setattr("subprocess.Popen", Worker) if path.stem.startswith("6") else None
    Worker.started.clear()
    space = {}
    for cell in code(path):
        exec(compile(cell, path.name, "exec"), space)
    assert heard, "a player at least"
    assert seen or path.stem == "5_serve", "a picture at least"
    if path.stem == "1_train":
        assert "from step 2 to 4: finished" in capsys.readouterr().out
    if path.stem == "6_several_gpus":
        assert space["apart"] < 1e-5 and Worker.started == [(2, 0), (2, 1)]


@pytest.mark.soak
@BY_NAME
def test_a_notebook_runs_in_a_kernel(path, tmp_path, monkeypatch):
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
    nbformat = pytest.importorskip("nbformat")
    monkeypatch.setenv("TF_AUDIO_GAN_SMOKE", "1")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    book = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(book, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    kinds = {kind for cell in book.cells for output in cell.get("outputs", []) for kind in output.get("data", {})}
    assert "text/html" in kinds or "audio/wav" in kinds
    if path.stem == "6_several_gpus":
        said = "".join(output.get("text", "") for cell in book.cells for output in cell.get("outputs", []))
        assert "exit statuses: [0, 0]" in said, said
