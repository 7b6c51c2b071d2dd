"""Writes the zoo's architectures, presets without weights, from the recipes of their names; cards stay as they are.

python zoo/make_architectures.py [NAME...]
"""

import sys
from pathlib import Path

import tf_audio_gan

NAMES = (
    "wavegan_sc09", "specgan_sc09", "gansynth_nsynth", "melgan_ljspeech", "multiband_melgan_ljspeech",
    "parallel_wavegan_ljspeech", "segan_vctk", "segan_plus_vctk",
)  # fmt: skip

if __name__ == "__main__":
    for name in sys.argv[1:] or NAMES:
        print(tf_audio_gan.publish_architecture(name, Path(__file__).parent))
