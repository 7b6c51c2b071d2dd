"""TensorBoard's event files without TensorFlow: scalars, sounds and pictures, the same on every backend."""

import itertools
import os
import struct
import time
from pathlib import Path

from tf_audio_gan.audio.analysis import png_bytes
from tf_audio_gan.audio.io import wav_bytes
from tf_audio_gan.data.crc32c import masked_crc32c

_numbers = itertools.count()


class EventWriter:
    """Appends to an event file of its own, which TensorBoard reads while it grows.

    Args:
        folder: for `tensorboard --logdir`; made where missing.
    """

    def __init__(self, folder):
        from tensorboard.compat.proto import event_pb2

        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        name = f"events.out.tfevents.{time.time():.0f}.{os.getpid()}.{next(_numbers)}.v2"
        self._event, self._file = event_pb2.Event, open(folder / name, "xb")
        self._record(self._event(wall_time=time.time(), file_version="brain.Event:2"))

    def scalar(self, tag, value, step):
        """Adds a number to the curve called `tag`."""
        from tensorboard.plugins.scalar.metadata import create_summary_metadata

        self._add(tag, step, create_summary_metadata(None, None), "DT_FLOAT", float_val=[float(value)])

    def sounds(self, tag, audio, sample_rate, step):
        """Adds a list of sounds, float [samples, channels] in [-1, 1]."""
        from tensorboard.plugins.audio.metadata import Encoding, create_summary_metadata

        rows = [part for sound in audio for part in (wav_bytes(sound, sample_rate), b"")]
        metadata = create_summary_metadata(None, None, encoding=Encoding.Value("WAV"))
        self._add(tag, step, metadata, "DT_STRING", shape=(len(rows) // 2, 2), string_val=rows)

    def pictures(self, tag, images, step):
        """Adds a list of pictures, uint8 [height, width, 3], all of one size."""
        from tensorboard.plugins.image.metadata import create_summary_metadata

        height, width, _ = images[0].shape
        rows = [str(width).encode(), str(height).encode(), *map(png_bytes, images)]
        metadata = create_summary_metadata(None, None)
        self._add(tag, step, metadata, "DT_STRING", shape=(len(rows),), string_val=rows)

    def flush(self):
        """Writes what was added to the disk."""
        self._file.flush()

    def close(self):
        """Ends the file."""
        self._file.close()

    def _add(self, tag, step, metadata, dtype, shape=(), **values):
        from tensorboard.compat.proto import summary_pb2, tensor_pb2, tensor_shape_pb2, types_pb2

        sizes = [tensor_shape_pb2.TensorShapeProto.Dim(size=n) for n in shape]
        tensor = tensor_pb2.TensorProto(
            dtype=types_pb2.DataType.Value(dtype), tensor_shape=tensor_shape_pb2.TensorShapeProto(dim=sizes), **values
        )
        summary = summary_pb2.Summary(value=[summary_pb2.Summary.Value(tag=tag, tensor=tensor, metadata=metadata)])
        self._record(self._event(wall_time=time.time(), step=step, summary=summary))

    def _record(self, event):
        """One record as TFRecord frames it."""
        data = event.SerializeToString()
        length = struct.pack("<Q", len(data))
        crcs = (struct.pack("<I", masked_crc32c(part)) for part in (length, data))
        self._file.write(length + next(crcs) + data + next(crcs))
