"""Packs a training run for a machine without a network: python zoo/pack.py RECIPE DATA OUT --python 3.12 --platform ...

OUT is one folder of at most 60 MB: this package, wheels of what the machine lacks, the recipe, the prepared sounds, and
run.py. The machine needs Python, numpy and PyTorch; TensorFlow is neither packed nor needed. There:

    python OUT/run.py RESULTS --minutes 25        # and the same again to go on

RESULTS/run then holds preset/, log.csv, logs/ (TensorBoard), generated/, contact_sheet.png and checkpoints/.
"""

import argparse
import hashlib
import importlib.metadata
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

from packaging.requirements import Requirement

import tf_audio_gan

ROOTS = ("keras", "matplotlib", "protobuf")  # with what they require
ALONE = ("tensorboard",)  # its event messages; its server's requirements stay behind
THERE = {"numpy", "typing-extensions"}  # come with PyTorch
LIMIT = 60 * 10**6


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipe", help="a recipe by name, or a .toml file")
    parser.add_argument("data", type=Path, help="a folder of audio, or of shards made by `tf-audio-gan prepare`")
    parser.add_argument("out", type=Path, help="a new folder")
    parser.add_argument("--python", required=True, help="the machine's Python, e.g. 3.12")
    parser.add_argument("--platform", required=True, help="the machine's wheel platform, e.g. manylinux_2_28_x86_64")
    parser.add_argument("--lacks", nargs="+", help="the packages to bring, instead of all that training needs")
    options = parser.parse_args()
    if options.out.exists():
        sys.exit(f"{options.out} exists and will not be overwritten. Choose a new folder.")
    try:
        pack(options)
    except BaseException:
        shutil.rmtree(options.out, ignore_errors=True)
        raise


def pack(options):
    """Fills the folder and says what takes how much."""
    out, recipe = options.out, tf_audio_gan.load_recipe(options.recipe)
    out.mkdir(parents=True)
    recipe.write(out / "recipe.toml")
    copy_data(options.data, out / "data", recipe)
    package = Path(tf_audio_gan.__file__).parent
    shutil.copytree(package, out / "source" / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    download(options.lacks or needed(), out / "wheels", options.python, options.platform)
    shutil.copy(Path(__file__).with_name("pack_run.py"), out / "run.py")
    files = sorted(p for p in out.rglob("*") if p.is_file())
    digests = {p.relative_to(out).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}
    manifest = {"python": options.python, "platform": options.platform, "sha256": digests}
    (out / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    parts = {part.name: size(part) for part in out.iterdir()}
    for name, count in sorted(parts.items(), key=lambda item: -item[1]):
        print(f"{count / 1e6:7.2f} MB  {name}")
    total = sum(parts.values())
    print(f"{total / 1e6:7.2f} MB  in all: {out}")
    if total > LIMIT:
        raise SystemExit(f"the pack takes {total / 1e6:.1f} MB, at most {LIMIT / 1e6:.0f} fit. Use fewer sounds.")


def copy_data(data, target, recipe):
    """Shards as they are; a folder of audio is prepared at the model's rate and channels."""
    if (data / "index.json").is_file():
        shutil.copytree(data, target)
        return
    model = recipe.build_model()
    labels = recipe.data.get("labels")
    tf_audio_gan.prepare_sounds(data, target, sample_rate=model.sample_rate, channels=model.channels, labels=labels)


def needed():
    """Names and versions of what training needs beside PyTorch, as installed here."""
    found, waiting = {}, [*ROOTS, *ALONE]
    while waiting:
        name = waiting.pop()
        found[name] = importlib.metadata.version(name)
        requirements = [] if name in ALONE else importlib.metadata.requires(name) or []
        for requirement in map(Requirement, requirements):
            known = {*found, *waiting, *THERE}
            wanted = requirement.name.lower().replace("_", "-")
            if wanted not in known and (not requirement.marker or requirement.marker.evaluate({"extra": ""})):
                waiting.append(wanted)
    return [f"{name}=={version}" for name, version in sorted(found.items())]


def download(packages, folder, python, platform):
    """Binary wheels for the machine named, without their requirements."""
    digits = python.replace(".", "")
    command = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary=:all:", "--implementation", "cp", "--python-version", python]
    for abi in (f"cp{digits}", "abi3", "none"):
        command += ["--abi", abi]
    for name in platforms(platform):
        command += ["--platform", name]
    subprocess.run([*command, "--dest", str(folder), *packages], check=True)


def platforms(platform):
    """A manylinux platform and the older ones whose wheels run on it; any other alone."""
    match = re.fullmatch(r"manylinux_2_(\d+)_(\w+)", platform)
    if not match:
        return [platform]
    newest, machine = int(match[1]), match[2]
    names = [f"manylinux_2_{n}_{machine}" for n in range(newest, 4, -1)]
    return [*names, *(f"manylinux{old}_{machine}" for old in ("2014", "2010", "1"))]


def size(path):
    """Bytes of a file, or of all files in a folder."""
    return path.stat().st_size if path.is_file() else sum(p.stat().st_size for p in path.rglob("*") if p.is_file())


if __name__ == "__main__":
    main()
