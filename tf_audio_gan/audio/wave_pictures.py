"""Sounds themselves in the form of GANSynth's pictures, a single bin wide; and a representation by its name."""

from keras import ops

from tf_audio_gan.audio.note_pictures import KINDS, NotePictures

REPRESENTATIONS = (*KINDS, "wave")


def pictures_of(representation, **settings):
    """The way from sounds to pictures and back: `NotePictures`, or of "wave" `WavePictures`.

    Args:
        representation: one of `REPRESENTATIONS`.
        **settings: sample_rate, length, frames, bins, discard_dc, mel_variant, griffin_lim, as of `NotePictures`.

    Raises:
        ValueError: an unknown representation, or settings that it cannot have.
    """
    if representation not in REPRESENTATIONS:
        raise ValueError(
            f"representation must be one of {', '.join(REPRESENTATIONS)}. Received: representation={representation!r}"
        )
    if representation != "wave":
        return NotePictures(representation, **settings)
    if settings.get("griffin_lim"):
        raise ValueError(f"griffin_lim is for pictures, not waves. Received: griffin_lim={settings['griffin_lim']}")
    return WavePictures(**{name: settings[name] for name in ("sample_rate", "length", "frames", "bins")})


class WavePictures:
    """The waveform, with zeros before and after, in both channels of a picture [batch, frames, 1, 2].

    As Magenta's code has it, for networks that are made for two channels. On the way back the first one is heard.

    Args:
        sample_rate: Hz.
        length: samples of a sound.
        frames: of a picture, one a sample: 65536 for 64000 samples.
        bins: 1.

    Attributes:
        front: zeros before the sound; as many follow, or one less.

    Raises:
        ValueError: more than one bin, or fewer frames than samples.
    """

    kind = "wave"

    def __init__(self, *, sample_rate=16000, length=64000, frames=65536, bins=1):
        if bins != 1 or not 1 <= length <= frames:
            raise ValueError(
                "representation='wave' has bins=1 and at least as many frames as the sound has samples, such as 65536 "
                f"of 64000. Received: bins={bins}, frames={frames}, length={length}"
            )
        self.sample_rate, self.length, self.frames, self.bins = sample_rate, length, frames, bins
        self.front = (frames - length + 1) // 2

    def of(self, audio):
        """Sounds [batch, length, 1] -> pictures float32 [batch, frames, 1, 2]."""
        behind = self.frames - self.length - self.front
        padded = ops.pad(ops.cast(audio, "float32"), ((0, 0), (self.front, behind), (0, 0)))[:, :, None]
        return ops.concatenate([padded, padded], axis=-1)

    def audio(self, pictures):
        """Pictures [batch, frames, 1, 2] -> sounds float32 [batch, length, 1]."""
        return ops.cast(pictures, "float32")[:, self.front : self.front + self.length, 0, :1]
