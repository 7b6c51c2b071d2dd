"""Every code block of README and docs/ is run or checked; so is every command that the text names.

Python runs page by page, in one namespace, with models small enough and one step of training; `make soak` runs it as it
stands. Commands are parsed by the command line itself, recipes loaded, JSON, YAML and configurations read.
"""

import ast
import inspect
import json
import re
import subprocess
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

import tf_audio_gan
from tests.cli.parsing import check, find, lines_of, options
from tf_audio_gan.audio.io import write_audio

ROOT = Path(__file__).parents[2]
PAGES = {p.relative_to(ROOT).as_posix(): p for p in sorted((ROOT / "docs").rglob("*.md"))}
PAGES |= {"README.md": ROOT / "README.md", "docs/command_line.txt": ROOT / "docs" / "command_line.txt"}
CARDS = {p.relative_to(ROOT).as_posix(): p for p in sorted((ROOT / "zoo").glob("*/README.md"))}
LANGUAGES = {"python", "sh", "bash", "toml", "json", "yaml", "protobuf"}
OTHERS = {
    "pip",
    "make",
    "curl",
    "docker",
    "python",
    "tensorboard",
    "openssl",
    "printf",
    "node",
    "cd",
    "mkdir",
    "export",
}
ELSEWHERE = {  # pages whose Python has a test of its own
    "docs/your_own_model.md": "tests/docs/test_your_own_model.py",
}
WITH_REPLICAS = {"docs/scaling.md"}  # traced graphs for two devices: too dear for every day
SMALL = {
    "WaveGAN": {"dim": 2},
    "SpecGAN": {"dim": 2},
    "GANSynth": {"filters": 16, "max_filters": 4, "latent_dim": 5},
}


def blocks(pages):
    """(page, language, text) of every fenced block."""
    for name, path in pages.items():
        for language, text in re.findall(r"^```(\S*)[^\n]*\n(.*?)^```$", path.read_text("utf-8"), flags=re.S | re.M):
            yield name, language, text


BLOCKS = list(blocks(PAGES))


def of(*languages):
    return [(f"{i} {page}", page, text) for i, (page, language, text) in enumerate(BLOCKS) if language in languages]


def test_every_block_is_of_a_kind_that_is_checked():
    assert {language for _, language, _ in BLOCKS} == LANGUAGES
    tested = {page for page, language, _ in BLOCKS if language == "python"}
    assert set(ELSEWHERE) <= tested and all((ROOT / test).is_file() for test in ELSEWHERE.values())


# Python


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The working folder of a page: sounds, notes, mels, and presets where pages say they lie."""
    from tf_audio_gan.audio.synthetic import write_drum_hits

    monkeypatch.chdir(tmp_path)
    for folder in ("MYSOUNDS", "DIGITS", "sounds"):
        write_drum_hits(tmp_path / folder, 12)
    (tmp_path / "NOTES").mkdir()
    for pitch in (60, 62, 64, 65):
        tone = np.sin(2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * np.arange(16000) / 16000)
        write_audio(tmp_path / "NOTES" / f"tone_{pitch}.wav", tone[:, None].astype("float32"), 16000)
    (tmp_path / "mels").mkdir()
    np.save(tmp_path / "mels" / "hello.npy", np.random.default_rng(0).normal(-2, 1, (40, 80)).astype("float32"))
    return tmp_path


def presets(page):
    """Writes the presets that a page opens."""
    digits = ["eight", "five", "four", "nine", "one", "seven", "six", "three", "two", "zero"]
    wavegan = {"length": 256, "strides": [4, 4], "dim": 2}
    notes = SMALL["GANSynth"] | {"labels": [str(pitch) for pitch in range(48, 73)]}
    needed = {
        "docs/labels.md": ("runs/digits/preset", "WaveGAN", wavegan | {"labels": digits}),
        "docs/tutorials/own_recordings.md": ("runs/mine/preset", "WaveGAN", wavegan | {"channels": 2}),
        "docs/tutorials/notes.md": ("runs/notes/preset", "GANSynth", notes),
        "docs/vocoders.md": ("runs/voice/preset", "MelGAN", {"channels": 16, "d_channels": 4, "d_max_channels": 8}),
        "docs/enhancement.md": ("runs/clean/preset", "SEGANPlus", {"width": 0.02}),
        "docs/judge.md": ("judge", "Classifier", {"labels": digits}),
    }
    if page in needed:
        folder, kind, keywords = needed[page]
        getattr(tf_audio_gan, kind)(**keywords).save_to_preset(folder)


def names(page):
    """What a page's blocks take for granted."""
    rng, heard = np.random.default_rng(0), []
    audio = {"docs/labels.md": (80, 256, 1), "docs/vocoders.md": (8192, 1), "docs/judge.md": (3, 16384, 1)}
    given = {"audio": rng.uniform(-0.5, 0.5, audio.get(page, (1,))).astype("float32"), "labels": np.arange(80) % 10}
    given |= {"mel": np.zeros((9, 80), "float32"), "tacotron_mel": np.zeros((9, 80), "float32"), "play": heard.append}
    given |= {"mel_frames": np.split(rng.normal(-2, 1, (40, 80)).astype("float32"), 8)}
    noisy = rng.uniform(-0.5, 0.5, 20000).astype("float32")
    return given | {"noisy": noisy, "blocks": np.array_split(noisy, 5), "tf_audio_gan": tf_audio_gan}, heard


def run_page(page):
    """Runs a page's Python, block after block; a line that says `# refused` has to raise ValueError."""
    space, heard = names(page)
    texts = [text for name, language, text in BLOCKS if name == page and language == "python"]
    for text in texts:
        for statement in ast.parse(text).body:
            lines = "\n".join(text.splitlines()[statement.lineno - 1 : statement.end_lineno])
            code = compile(ast.Module([statement], []), page, "exec")
            if "# refused" in lines:
                with pytest.raises(ValueError):
                    exec(code, space)
            else:
                exec(code, space)
    assert texts, f"{page} has no Python"
    assert "play(" not in "".join(texts) or heard, f"{page}: nothing was played"


class AnyClient:
    """Takes the calls that the true client takes, and answers in their form."""

    def __init__(self, *arguments, **keywords):
        inspect.signature(tf_audio_gan.serving.client.Client).bind(*arguments, **keywords)
        self._mock = mock.create_autospec(tf_audio_gan.serving.client.Client, instance=True)
        self._mock.predict.return_value = {"audio": np.zeros((1, 8, 1), "float32")}
        for name, shape in {"generate": (4, 8, 1), "vocode": (8, 1), "enhance": (8, 1)}.items():
            getattr(self._mock, name).return_value = (np.zeros(shape, "float32"), 16000)

    def __getattr__(self, name):
        return getattr(self._mock, name)


PYTHON = sorted({page for page, language, _ in BLOCKS if language == "python"} - set(ELSEWHERE))


@pytest.fixture
def stand_ins(monkeypatch):
    """No server is asked; nothing is trained for days; an export is tested where exports are."""
    import tf_audio_gan.serving.client  # noqa: F401
    from tf_audio_gan import serving

    monkeypatch.setattr(serving, "Client", AnyClient, raising=False)
    monkeypatch.setattr(tf_audio_gan, "Client", AnyClient, raising=False)
    for name in ("export", "train"):
        monkeypatch.setattr(tf_audio_gan, name, mock.create_autospec(getattr(tf_audio_gan, name)))


def shrink(monkeypatch):
    """Models are small, and one step of them is training."""
    from tf_audio_gan.models.gan import AudioGAN

    def fit(self, *arguments, **keywords):
        steps = {"steps_per_epoch": 1} if "steps_per_epoch" in keywords else {}
        return whole(self, *arguments, **keywords | steps | {"epochs": 1, "verbose": 0})

    def small(kind, keywords):
        return lambda **given: kind(**keywords | given | {k: v for k, v in keywords.items() if k == "dim"})

    whole = AudioGAN.fit
    monkeypatch.setattr(AudioGAN, "fit", fit)
    for name, keywords in SMALL.items():
        monkeypatch.setattr(tf_audio_gan, name, small(getattr(tf_audio_gan, name), keywords))


@pytest.mark.parametrize("page", [page for page in PYTHON if page not in WITH_REPLICAS])
def test_python_runs(page, place, stand_ins, untraced, monkeypatch):
    presets(page)
    shrink(monkeypatch)
    run_page(page)


@pytest.mark.soak
@pytest.mark.parametrize("page", PYTHON)
def test_python_runs_as_it_stands(page, place, stand_ins, two_devices, monkeypatch):
    presets(page)
    if page in WITH_REPLICAS:  # theirs is the paper's model, on GPUs
        shrink(monkeypatch)
    run_page(page)


@pytest.mark.soak
@pytest.mark.parametrize("card", [card for card, path in CARDS.items() if "```python" in path.read_text("utf-8")])
def test_python_of_cards_runs(card, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    index = json.loads((ROOT / "zoo" / "index.json").read_text(encoding="utf-8"))["presets"]
    length = index[Path(card).parent.name]["length"]
    audio = np.zeros((2, length, 1) if "judge" in card else (length, 1), "float32")
    space = {"noisy": audio[:, 0], "mel": np.zeros((20, 80), "float32"), "audio": audio, "tf_audio_gan": tf_audio_gan}
    slow = [mock.create_autospec(getattr(tf_audio_gan, n)) for n in ("train_judge", "extract_sounds", "extract_nsynth")]
    for stand_in in slow:  # hours, and downloads
        monkeypatch.setattr(tf_audio_gan, stand_in.__name__, stand_in)
    for _, language, text in blocks({card: CARDS[card]}):
        if language == "python":
            exec(text, space)
    made = [name for name in space if name not in ("noisy", "mel", "audio", "tf_audio_gan", "__builtins__")]
    assert made or any(stand_in.called for stand_in in slow), f"{card}: its Python makes nothing"


# Commands


SHELL = of("sh")


@pytest.mark.parametrize("page, text", [b[1:] for b in SHELL], ids=[b[0] for b in SHELL])
def test_commands_are_right(page, text):
    makefile, setup = (ROOT / "Makefile").read_text(), (ROOT / "setup.py").read_text()
    subprocess.run(["bash", "-n"], input=text, text=True, check=True)
    for words in filter(None, lines_of(text)):
        head, rest = words[0], words[1:]
        if head == "tf-audio-gan":
            check(rest)
            continue
        assert head in OTHERS or (ROOT / head).is_file(), f"{page}: {head}"
        if head == "make":
            assert all(re.search(rf"^{target}:", makefile, flags=re.M) for target in rest if "=" not in target), words
        for extra in re.findall(r"\[(\w+)\]", " ".join(rest) if head == "pip" else ""):
            assert f'"{extra}": [' in setup, extra
        if head == "curl" and "-d" in rest:
            assert set(json.loads(rest[rest.index("-d") + 1])) <= {"signature_name", "instances", "inputs"}
        if head == "python" and rest[0].endswith(".py"):
            script = (ROOT / rest[0]).read_text(encoding="utf-8")
            assert all(f'"{word}"' in script for word in rest if word.startswith("--")), words


@pytest.mark.parametrize("page", [*PAGES, *CARDS])
def test_commands_in_the_text_exist(page):
    """Whole commands are named as `tf-audio-gan ...`: command and options exist. In cards, indented lines too."""
    text = (PAGES | CARDS)[page].read_text(encoding="utf-8")
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.S | re.M)
    for line in re.findall(r"`tf-audio-gan\s([^`]+)`|^    tf-audio-gan (.*)$", prose, flags=re.M):
        command, rest = find("".join(line).replace("...", "").split())
        assert {w.partition("=")[0] for w in rest if w.startswith("--")} <= options(command), line


# The rest

TOML = of("toml")


@pytest.mark.parametrize("page, text", [b[1:] for b in TOML], ids=[b[0] for b in TOML])
def test_recipes_are_valid(page, text, tmp_path):
    from tf_audio_gan.recipes import load_recipe

    (tmp_path / "recipe.toml").write_text(text, encoding="utf-8")
    assert load_recipe(str(tmp_path / "recipe.toml")).shape()["length"]


def test_json_and_yaml_are_read():
    for _, _, text in of("json"):
        json.loads(text)
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    for _, _, text in of("yaml"):
        assert all(yaml.safe_load_all(text))


def test_scripts_are_bash():
    for _, _, text in of("bash"):
        subprocess.run(["bash", "-n"], input=text, text=True, check=True)


def test_configurations_are_read(tmp_path):
    pytest.importorskip("google.protobuf", reason="protobuf is not installed")
    from tf_audio_gan.serving.batching_parameters import read_batching_parameters
    from tf_audio_gan.serving.configuration import read_model_config_file
    from tf_audio_gan.serving.server import _metrics_path

    ((_, _, text),) = of("protobuf")
    files = dict(re.findall(r"^# (\w+)\.config(?:.*?)\n(.*?)(?=^# \w+\.config|\Z)", text, flags=re.S | re.M))
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    assert [config.name for config in read_model_config_file(tmp_path / "models")] == ["drums"]
    assert read_batching_parameters(tmp_path / "batching").max_batch_size == 16
    assert _metrics_path(tmp_path / "monitoring").startswith("/monitoring")
