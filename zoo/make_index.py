"""Writes zoo/index.json: the size and sha256 of every file of every preset beside this script.

python zoo/make_index.py            write it
python zoo/make_index.py --check    exit 1 if it is not up to date
"""

import sys
from pathlib import Path

import tf_audio_gan

ZOO = Path(__file__).parent

if __name__ == "__main__":
    check = "--check" in sys.argv[1:]
    if not tf_audio_gan.write_zoo_index(ZOO, check) and check:
        sys.exit(f"{ZOO / 'index.json'} is out of date: run {__file__}")
