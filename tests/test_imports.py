"""The import rules of the house, checked on the source itself."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "tf_audio_gan"
LEVELS = {
    "threefry": -1, "device": -1, "backend": 0, "audio": 0, "optimizers": 0, "durable": 0, "runtimes": 0,
    "protos": 0, "downloads": 0.5, "hub": 0.75,
    "preset_folder": 1, "half_width": 1.5,
    "layers": 1, "losses": 1, "metrics": 1, "data": 1, "chunking": 1, "pictures": 1, "listening": 1,
    "listening_tests": 2, "models": 2, "events": 2,
    "recipes": 3, "callbacks": 3, "health": 3, "run_folder": 3, "fine_tuning": 3.25, "warmup": 3, "distribution": 3,
    "evaluating": 3,
    "vocoding": 3, "enhancement": 3, "finding": 3, "export_formats": 3, "publishing": 3.25, "pair_evaluation": 3.5,
    "convert": 4, "training": 4, "evaluation": 4, "exporting": 4, "generation": 4, "playing": 4, "judging": 4,
    "zoo_evaluation": 4.5,
    "serving": 5, "studio": 5,
    "cli": 6, "__main__": 7,
}  # fmt: skip
BACKEND_FREE = ("layers", "losses", "audio", "models", "optimizers")
MAY_IMPORT_TENSORFLOW = {
    "backend.py",
    "device.py",
    "threefry.py",
    "distribution.py",
    "exporting.py",
    "export_formats.py",
    "warmup.py",
    "runtimes.py",
    "convert/magenta.py",
}
REQUIRED = {"tensorflow", "keras", "numpy", "tf_audio_gan", "typer", "rich"}
MODULES = sorted(p.relative_to(PACKAGE) for p in PACKAGE.rglob("*.py"))


def level(parts):
    """A room's level; inside models/ the shared files are 2 (the bases of several models above) and a folder is 3."""
    if not parts:
        return None
    if parts[0] == "models" and len(parts) > 1 and (PACKAGE / "models" / parts[1]).is_dir():
        return 3
    if parts[0] == "models":
        return {
            "saving": 1.75,
            "dcgan": 2.25,
            "one_pass": 2.25,
            "latent_gan": 2.5,
            "vocoder": 2.5,
            "enhancer": 2.5,
        }.get("".join(parts[1:2]), LEVELS["models"])
    return LEVELS[parts[0]]


def imports(path):
    """(dotted name, is it at module level) of every import in a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    top = {id(n) for n in tree.body}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, id(node) in top
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import; write the full name"
            yield node.module, id(node) in top
            for alias in node.names:
                yield f"{node.module}.{alias.name}", id(node) in top


@pytest.mark.parametrize("relative", MODULES, ids=str)
def test_imports_go_down(relative):
    mine = [p.removesuffix(".py") for p in relative.parts if p != "__init__.py"]
    if not mine:
        return
    for name, _ in imports(PACKAGE / relative):
        theirs = name.split(".")
        if theirs[0] != "tf_audio_gan" or len(theirs) < 2 or theirs[1] not in LEVELS:
            continue
        theirs = theirs[1:]
        same_folder = theirs[0] == mine[0] and (mine[0] != "models" or theirs[1:2] in ([], mine[1:2]))
        generation = level(mine) == 4 and theirs[0] == "generation"
        assert same_folder or generation or level(theirs) < level(mine), f"{relative} imports {name}"


@pytest.mark.parametrize("relative", MODULES, ids=str)
def test_tensorflow_stays_in_its_rooms(relative):
    names = {name.split(".")[0] for name, _ in imports(PACKAGE / relative)}
    allowed = (
        str(relative) in MAY_IMPORT_TENSORFLOW
        or relative.name.startswith("tf_")
        or (relative.parts[0] == "serving" and relative.name != "client.py" and "asking" not in relative.parts)
    )
    if relative.parts[0] in (*BACKEND_FREE, "hub.py", "generation.py", "cli", "__init__.py") or not allowed:
        assert not names & {"tensorflow", "torch", "jax"}, f"{relative} imports {names & {'tensorflow', 'torch'}}"


@pytest.mark.parametrize("relative", MODULES, ids=str)
def test_optional_packages_are_imported_where_used(relative):
    allowed = REQUIRED | sys.stdlib_module_names
    for name, at_top in imports(PACKAGE / relative):
        if at_top:
            assert name.split(".")[0] in allowed, f"{relative} imports {name} at module level"


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_importing_the_package_loads_neither_tensorflow_nor_keras():
    code = "import sys, tf_audio_gan; print(sorted({'tensorflow', 'keras', 'librosa', 'numpy'} & set(sys.modules)))"
    assert run(sys.executable, "-c", code).stdout.strip() == "[]"


def test_tensorflow_keeps_its_memory_unless_told_otherwise():
    code = (
        "import importlib, os\nname = 'TF_CPU_ALLOCATOR_USE_BFC'\nos.environ.pop(name, None)\nimport tf_audio_gan\n"
        "by_default = os.environ[name]\nos.environ[name] = 'false'\nimportlib.reload(tf_audio_gan)\n"
        "print(by_default, os.environ[name])"
    )
    assert run(sys.executable, "-c", code).stdout.split() == ["true", "false"]


def test_help_loads_no_tensorflow():
    code = (
        "import sys\nfrom tf_audio_gan.cli import main\nsys.argv = ['tf-audio-gan', '--help']\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print('LOADED', sorted({'tensorflow', 'keras', 'librosa'} & set(sys.modules)))"
    )
    out = run(sys.executable, "-c", code).stdout
    assert "LOADED []" in out and "generate" in out


def test_every_public_name_exists():
    import tf_audio_gan

    for name in tf_audio_gan.__all__:
        assert getattr(tf_audio_gan, name) is not None
    with pytest.raises(AttributeError, match="public names: AudioGAN"):
        _ = tf_audio_gan.nonsense
    assert not {n for n in tf_audio_gan.__all__ if (PACKAGE / f"{n}.py").exists() or (PACKAGE / n).exists()}
