"""The gradient penalty of WGAN-GP (Gulrajani et al. 2017, eq. 3)."""

from keras import ops

from tf_audio_gan import backend


def gradient_penalty(critic, real, fake, alpha):
    """How far the critic's slope is from 1 on points between real and fake.

    Two-sided; the norm is over time and channels; 1e-12 under the root, whose derivative at 0 is infinite.

    Args:
        critic: [batch, samples, channels] -> logits [batch] (or anything to be summed).
        real: [batch, samples, channels].
        fake: the same shape.
        alpha: [batch, 1, 1] in [0, 1): the point is real + alpha (fake - real).

    Returns:
        (mean of (norm - 1)^2, mean norm): scalars. A well-trained critic's norm stays near 1.
    """
    real, fake, alpha = (ops.convert_to_tensor(x) for x in (real, fake, alpha))
    points = real + alpha * (fake - real)
    slope = backend.input_gradient(lambda x: ops.sum(critic(x)), points)
    norm = ops.sqrt(ops.sum(ops.square(slope), axis=list(range(1, len(slope.shape)))) + 1e-12)
    return ops.mean(ops.square(norm - 1)), ops.mean(norm)
