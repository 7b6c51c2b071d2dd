"""Long signals in parts, several requests at once, joined without a seam."""

import collections
import concurrent.futures
import itertools
import math

import numpy as np

from tf_audio_gan import chunking

CHUNK = 256  # mel frames in a request
PART_SECONDS = 16  # of noisy audio in a request, beside its context
_NEGLIGIBLE = 1e-8  # of a sample's effect on a later one


def in_flight(ask, items, parallel):
    """Yields `ask(item)` in the items' order, with some of them under way at once.

    Args:
        ask: function of an item, called from threads.
        items: iterable, read as far as requests are sent.
        parallel: how many at once.
    """
    items, waiting = iter(items), collections.deque()
    with concurrent.futures.ThreadPoolExecutor(parallel, "ask") as pool:
        try:
            for item in itertools.islice(items, parallel):
                waiting.append(pool.submit(ask, item))
            while waiting:
                done = waiting.popleft().result()
                for item in itertools.islice(items, 1):
                    waiting.append(pool.submit(ask, item))
                yield done
        finally:
            for future in waiting:
                future.cancel()


def mel_parts(mel, description, chunk_frames=CHUNK):
    """Cuts a mel spectrogram into chunks with the generator's receptive field on either side.

    Args:
        mel: float32 [frames, n_mels].
        description: the model's, with `receptive_frames` and `least_frames`.
        chunk_frames: frames in a chunk.

    Yields:
        (float32 [n, n_mels], number of its first frame, function that crops the audio [n hop, 1] made of it).
    """
    hop = description["hop_length"]
    for window in chunking.windows([mel], chunk_frames, description["receptive_frames"]):
        missing = max(0, description["least_frames"] - len(window.frames))
        frames = np.pad(window.frames, ((0, missing), (0, 0)), mode="edge")
        yield frames, window.start - window.before, lambda audio, window=window: window.crop(audio, hop)


def noisy_parts(audio, description):
    """Cuts a signal into parts of whole half windows, with what the enhanced audio depends on at either side.

    A sample depends on the windows over it: two half windows before and one behind; and, through de-emphasis, on what
    came before as far as it is heard.

    Args:
        audio: float32 [samples, 1].
        description: the model's, with `length` (of a window) and `pre_emphasis`.

    Yields:
        (float32 [n, 1], number of its first window, function that crops the audio made of it).
    """
    hop, coefficient = description["length"] // 2, description["pre_emphasis"]
    reach = math.ceil(math.log(_NEGLIGIBLE) / math.log(coefficient)) if coefficient else 0
    size = max(1, round(PART_SECONDS * description["sample_rate"] / hop))
    hops = np.arange(-(-len(audio) // hop))
    for window in chunking.windows([hops], size, 2 + -(-reach // hop)):
        first = window.start - window.before
        part = audio[first * hop : (first + len(window.frames)) * hop]
        yield part, first, lambda made, window=window: window.crop(made, hop)
