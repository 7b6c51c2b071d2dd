"""Package metadata; build and tool settings are in pyproject.toml."""

from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).parent


class BuildWithIndex(build_py):
    """The zoo's index goes into the package, so that a wheel knows its presets and what every file of them is."""

    def run(self):
        super().run()
        if not self.editable_mode:  # a checkout has its zoo/
            index = Path(self.build_lib) / "tf_audio_gan" / "zoo_index.json"
            self.copy_file(str(HERE / "zoo" / "index.json"), str(index))


EXTRAS = {
    "cuda": ["tensorflow[and-cuda]>=2.17"],
    "io": ["tensorflow-io==0.37.1"],
    # pyworld and pysptk are built from source by a C compiler, and load pkg_resources, which setuptools 82 dropped
    "eval": ["pystoi>=0.4.1", "pyworld>=0.3.5", "pysptk>=1.0.1", "setuptools<82"],
    # apart, and never bundled: the ITU's code in it has a licence of its own, which restricts commercial use.
    # 0.0.4 is what published tables are made with: later code follows Corrigendum 2 and gives other numbers
    "pesq": ["pesq==0.0.4"],
    "convert": ["pyyaml>=6"],
    "litert": ["ai-edge-litert>=2.0"],
    "datasets": ["tensorflow-datasets>=4.9", "importlib_resources"],  # which etils asks for and does not bring
    "midi": ["mido>=1.3"],
    "demo": ["gradio>=6.31,<7", "mido>=1.3"],
    "hf": ["huggingface_hub>=0.25"],
    "onnx": ["tf2onnx>=1.17", "onnxruntime>=1.20"],
    "serve": ["uvicorn>=0.30", "orjson>=3.10", "grpcio>=1.60", "protobuf>=4.25"],
    "docs": ["mkdocs>=1.6,<2", "mkdocs-material>=9.6,<10", "mkdocstrings[python]>=0.29"],
    "dev": ["pytest>=8", "pytest-xdist>=3.6", "ruff>=0.9", "pystoi>=0.4.1", "nbclient>=0.10", "ipykernel>=6"],
}
EXTRAS["dev"] += EXTRAS["midi"] + EXTRAS["serve"] + EXTRAS["convert"] + EXTRAS["litert"] + EXTRAS["onnx"]

setup(
    name="tf-audio-gan",
    version="0.1.0",
    description="Audio GANs for Keras 3 on TensorFlow: train on a folder of sounds, export, serve",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    author="The tf_audio_gan authors",
    license="Apache-2.0",
    packages=find_packages(include=["tf_audio_gan", "tf_audio_gan.*"]),
    cmdclass={"build_py": BuildWithIndex},
    package_data={
        "tf_audio_gan": ["py.typed", "listening.html", "listening_tests/page.html"]
        + ["studio/page.html", "studio/page.css", "studio/page.js"]
    },
    python_requires=">=3.11,<3.14",
    install_requires=[
        "tensorflow>=2.17",
        "keras>=3.15",
        "numpy>=1.26",
        "scipy>=1.11",
        "librosa>=0.10.2",
        "soundfile>=0.12.1",
        "soxr>=0.3.7",
        "typer>=0.12",
        "rich>=13.7",
        "tensorboard>=2.17",
        "matplotlib>=3.8",
    ],
    extras_require=EXTRAS,
    entry_points={"console_scripts": ["tf-audio-gan=tf_audio_gan.cli:main"]},
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "Operating System :: OS Independent",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Multimedia :: Sound/Audio :: Sound Synthesis",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Typing :: Typed",
    ],
)
