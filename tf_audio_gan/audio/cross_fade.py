"""Half-overlapping frames of a signal and their joining by cross-fades, on tensors (`chunking` has it for streams)."""

from keras import ops

from tf_audio_gan.audio.hann import hann_rise


def half_frames(audio, hop, count):
    """Frames of two hops that overlap by one.

    Args:
        audio: [batch, samples, 1], samples at most (count + 1) hop; they may be unknown while a graph is traced.
        hop: samples.
        count: how many, a whole number or scalar tensor; zeros fill the last ones.

    Returns:
        [batch, count, 2 hop].
    """
    padded = ops.pad(audio[..., 0], ((0, 0), (0, (count + 1) * hop - ops.shape(audio)[1])))
    hops = ops.reshape(padded, (-1, count + 1, hop))
    return ops.concatenate([hops[:, :-1], hops[:, 1:]], axis=-1)


def cross_faded(frames, count):
    """Joins the first `count` of frames [batch, n, 2 hop]; Hann weights, the signal's ends not faded.

    Args:
        frames: [batch, n, 2 hop].
        count: how many frames are of the signal, from 1 to n, a whole number or scalar tensor.

    Returns:
        [batch, (n + 1) hop, 1], of which (count + 1) hop are the signal.
    """
    frames, hop = ops.convert_to_tensor(frames), frames.shape[-1] // 2
    left, right = frames[..., :hop], frames[..., hop:]
    before = ops.concatenate([left[:, :1], right], axis=1)
    after = ops.concatenate([left, right[:, -1:]], axis=1)
    behind = ops.arange(ops.shape(after)[1]) >= count
    after = ops.where(behind[None, :, None], before, after)
    rise = ops.convert_to_tensor(hann_rise(hop))
    return ops.reshape(after * rise + before * (1 - rise), (ops.shape(frames)[0], -1, 1))
