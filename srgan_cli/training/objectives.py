"""What the stages minimise: models LR -> SR with the loss that `keras.Model.fit` takes down.

Batches come to them as bytes, a quarter of what floats take on the way to a GPU, and become floats there.
"""

from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from srgan_cli import SCALE
from srgan_cli.model import Generator
from srgan_cli.training.losses import Loss

LEAST_PROBABILITY = 1e-30  # Keras's own binary cross-entropy has no gradient below 1e-7 on JAX


@dataclass(frozen=True)
class LossWeights:
    """What counts in the perceptual loss beside the content loss; the defaults are the paper's (its equation 3).

    Attributes:
        adversarial: The binary cross-entropy of what the discriminator says of SR.
        pixel: The mean absolute error of pixels, which also holds texture down.
        colour: That of the mean colours of 4x4 pixels, which leaves texture free.
    """

    adversarial: float = 1e-3
    pixel: float = 0.0
    colour: float = 0.0


class ReplicaLoss(keras.losses.Loss):
    """A scalar, which Keras divides by the number of replicas where a `tf.distribute` strategy adds up gradients."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The scalar, (1,)."""
        del y_true
        return ops.reshape(y_pred, (1,))


class Objective(keras.Model):
    """A generator with a loss: LR -> SR.

    LR (B, h, w, 3) and HR (B, 4 h, 4 w, 3) are RGB in uint8 or in [-1, 1], SR (B, 4 h, 4 w, 3) is in [-1, 1].

    Args:
        generator: LR -> SR, both in [-1, 1].
        policy: The precision by which Keras scales the loss, or not; the usual one if None.
    """

    def __init__(self, generator: Generator, policy: keras.DTypePolicy | None = None) -> None:
        super().__init__(name="srgan", dtype=policy)
        self.generator = generator
        self._total = ReplicaLoss()
        self.built = True

    def call(self, lr: Any, training: bool | None = None) -> Any:
        """The generator."""
        return self.generator(_as_floats(lr), training=training)

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool | None = True
    ) -> Any:
        """What is minimised, given HR as `y` and SR as `y_pred`; a scalar."""
        del x, sample_weight
        loss = self._loss(_as_floats(y), ops.cast(y_pred, "float32"), training)
        return self._total(loss, loss)

    def _loss(self, hr: Any, sr: Any, training: bool | None) -> Any:
        raise NotImplementedError


def _as_floats(rgb: Any) -> Any:
    """uint8, or floats in [-1, 1] -> float32 in [-1, 1], as `to_tensor` makes it."""
    floats = ops.cast(rgb, "float32")
    return floats / 127.5 - 1 if keras.backend.standardize_dtype(rgb.dtype) == "uint8" else floats


class Pretraining(Objective):
    """A generator that learns alone.

    Args:
        generator: LR -> SR.
        content: (HR, SR) -> how far they are apart, a scalar.
    """

    def __init__(self, generator: Generator, content: Loss) -> None:
        super().__init__(generator, generator.dtype_policy)
        self._content = content

    def _loss(self, hr: Any, sr: Any, training: bool | None) -> Any:
        del training
        return self._content(hr, sr)


class Discrimination(Objective):
    """A discriminator that learns to tell SR from HR; the loss has no gradient for the generator.

    Args:
        generator: LR -> SR.
        discriminator: HR or SR -> probabilities of being HR.
    """

    mean_names: tuple[str, ...] = ("d_loss", "d_hr", "d_sr")

    def __init__(self, generator: Generator, discriminator: keras.Model) -> None:
        super().__init__(generator)
        self.discriminator = discriminator
        self._means = {name: keras.metrics.Mean(name=name) for name in self.mean_names}

    def _loss(self, hr: Any, sr: Any, training: bool | None) -> Any:
        """The least-squares loss of what the discriminator says of HR and of SR."""
        d_hr = self.discriminator(hr, training=training)
        d_sr = self.discriminator(ops.stop_gradient(sr), training=training)
        d_loss = 0.5 * (ops.mean(ops.square(d_hr - 1)) + ops.mean(ops.square(d_sr)))
        self._note(d_loss=d_loss, d_hr=ops.mean(d_hr), d_sr=ops.mean(d_sr))
        return d_loss

    def _note(self, **values: Any) -> None:
        for name, value in values.items():
            self._means[name].update_state(value)


def adversarial_loss(fooled: Any) -> Any:
    """The binary cross-entropy of the discriminator's probabilities of SR against 1, "real"; a scalar."""
    return -ops.mean(ops.log(ops.maximum(fooled, LEAST_PROBABILITY)))


class SRGAN(Discrimination):
    """Both networks, which learn together.

    One step is one pass of the generator and one optimizer update. The loss is the sum of the generator's and the
    discriminator's; what the one network's loss must not change is held constant there, so that each receives exactly
    its own gradient.

    Args:
        generator: LR -> SR.
        discriminator: HR or SR -> probabilities of being HR.
        content: (HR, SR) -> the content loss, a scalar: of features or of pixels.
        weights: Of the parts of the perceptual loss.
    """

    mean_names = ("g_loss", "content", "adversarial", *Discrimination.mean_names)

    def __init__(
        self,
        generator: Generator,
        discriminator: keras.Model,
        content: Loss,
        weights: LossWeights | None = None,
    ) -> None:
        super().__init__(generator, discriminator)
        self._content, self._weights = content, weights or LossWeights()

    def _loss(self, hr: Any, sr: Any, training: bool | None) -> Any:
        """Perceptual loss of SR (equation 3 of the paper) + the discriminator's least-squares loss."""
        content, weights = self._content(hr, sr), self._weights
        fooled = self._discriminate_as_constant(sr)
        adversarial = adversarial_loss(fooled)
        g_loss = content + weights.adversarial * adversarial
        if weights.pixel:
            g_loss += weights.pixel * ops.mean(ops.absolute(hr - sr))
        if weights.colour:
            reduced = ops.average_pool(hr - sr, SCALE, SCALE)  # on JAX, Keras does not infer the strides
            g_loss += weights.colour * ops.mean(ops.absolute(reduced))
        self._note(g_loss=g_loss, content=content, adversarial=adversarial)
        return g_loss + super()._loss(hr, sr, training)

    def _discriminate_as_constant(self, sr: Any) -> Any:
        """D(SR) with the discriminator's variables as constants; its moving statistics are not changed."""
        constants = [(variable, ops.stop_gradient(variable.value)) for variable in self.discriminator.variables]
        with keras.StatelessScope(state_mapping=constants):
            return self.discriminator(sr, training=True)
