"""What tests of several models use."""

import pytest

from tf_audio_gan.models import dcgan


@pytest.fixture
def blank(monkeypatch):
    """WaveGAN's and SpecGAN's kernels are 0: of large ones that are only counted, drawing takes the time."""
    monkeypatch.setattr(dcgan, "glorot", lambda *_: "zeros")
