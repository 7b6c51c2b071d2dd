"""The batching parameters file of TensorFlow Serving."""

import dataclasses
import os

from tf_audio_gan.serving.configuration import ConfigError
from tf_audio_gan.serving.messages import read_text_file


@dataclasses.dataclass(frozen=True)
class BatchingParameters:
    """The fields of the file, with TensorFlow's defaults.

    Args:
        max_batch_size: rows in one batch, and in one request unless large ones are split.
        batch_timeout_micros: how long a batch that is not full waits for more.
        max_enqueued_batches: batches that wait for one signature; past it requests are refused.
        num_batch_threads: batches that run at once.
        allowed_batch_sizes: rising, the last one the largest batch that runs; a batch is filled up to one of them.
        pad_variable_length_inputs: fill shorter rows with zeros, so that rows of other lengths fit together.
        enable_large_batch_splitting: split requests larger than a batch.
        max_execution_batch_size: rows in one run where requests are split; 0 is `max_batch_size`.

    Raises:
        ConfigError: a number is out of range or the sizes do not fit together.
    """

    max_batch_size: int = 1000
    batch_timeout_micros: int = 0
    max_enqueued_batches: int = 10
    num_batch_threads: int = os.cpu_count() or 1
    allowed_batch_sizes: tuple = ()
    pad_variable_length_inputs: bool = False
    enable_large_batch_splitting: bool = False
    max_execution_batch_size: int = 0

    def __post_init__(self):
        for name in ("max_batch_size", "max_enqueued_batches", "num_batch_threads"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is 1 or more, received {getattr(self, name)}")
        if self.batch_timeout_micros < 0 or not 0 <= self.max_execution_batch_size <= self.max_batch_size:
            raise ConfigError(
                "batch_timeout_micros is 0 or more and max_execution_batch_size at most max_batch_size, received "
                f"{self.batch_timeout_micros} and {self.max_execution_batch_size}"
            )
        sizes = list(self.allowed_batch_sizes)
        if sizes and (sizes != sorted(set(sizes)) or sizes[0] < 1 or sizes[-1] != self.largest):
            raise ConfigError(f"allowed_batch_sizes rise, and the last one is {self.largest}, received {sizes}")

    @property
    def largest(self):
        """Rows of the largest run."""
        return (self.enable_large_batch_splitting and self.max_execution_batch_size) or self.max_batch_size


def read_batching_parameters(path):
    """BatchingParameters of a text file; raises ValueError with its path."""
    message = read_text_file(path, "BatchingParameters")
    fields = {}
    for field, value in message.ListFields():
        if field.name != "thread_pool_name":
            plain = value.value if hasattr(value, "value") else value
            fields[field.name] = tuple(plain) if field.name == "allowed_batch_sizes" else plain
    try:
        return BatchingParameters(**fields)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error.message}") from None
