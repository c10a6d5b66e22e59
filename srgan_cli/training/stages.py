"""Options -> the model that `fit` trains in each stage, which layers learn in it, and what its files take."""

import math
from dataclasses import replace

import keras

from srgan_cli.model import Generator
from srgan_cli.training.losses import Loss, content_loss, pixel_loss
from srgan_cli.training.objectives import SRGAN, Discrimination, LossWeights, Objective, Pretraining
from srgan_cli.training.optimization import batch_norms, make_optimizer
from srgan_cli.training.options import STAGES, Stage, TrainOptions

BYTES_PER_VARIABLE = 4096  # that HDF5 takes besides


def stage_losses(options: TrainOptions) -> dict[Stage, Loss]:
    """How far SR is from HR, by stage; the discriminator's stage does not minimise it.

    Raises:
        SrganError: The weights that the content loss needs are not there.
    """
    losses: dict[Stage, Loss] = {stage: pixel_loss(options) for stage in STAGES}
    if options.steps:
        losses["adversarial"] = content_loss(options)
    return losses


def build_stage(
    stage: Stage, options: TrainOptions, generator: Generator, discriminator: keras.Model, loss: Loss
) -> Objective:
    """The model of a stage, LR -> SR, compiled: its optimizer has the variables that backups hold.

    Args:
        stage: Which one.
        options: Of the run.
        generator: Of the run.
        discriminator: Of the run.
        loss: The stage's, from `stage_losses`.
    """
    _choose_trainable(stage, options, generator)
    model: Objective
    if stage == "pretrain":
        model = Pretraining(generator, loss)
    elif stage == "discriminator":
        model = Discrimination(generator, discriminator)
        options = replace(options, average=0.0)  # else the stage would end with the discriminator's average
    else:
        weights = LossWeights(options.adversarial_weight, options.pixel_weight, options.colour_weight)
        model = SRGAN(generator, discriminator, loss, weights)
    model.compile(optimizer=make_optimizer(options, options.steps_of(stage)))
    model.optimizer.build(model.trainable_variables)
    return model


def _choose_trainable(stage: Stage, options: TrainOptions, generator: Generator) -> None:
    """Hold the generator as it is while the discriminator learns alone.

    Its batch norms go by the statistics that they will go by in the next stage, so that SR is what it will be there.
    """
    learns = stage != "discriminator"
    generator.trainable = learns
    for norm in batch_norms(generator):
        norm.trainable = options.batch_norm == "train"
        for variable in (norm.gamma, norm.beta):
            variable.trainable = learns and norm.trainable


def stored_bytes(network: keras.Model) -> int:
    """What a file of a network and of its optimizer takes at most, with what HDF5 adds to every variable."""
    optimizer = getattr(network, "optimizer", None)
    variables = network.variables + (optimizer.variables if optimizer else [])
    return sum(4 * math.prod(variable.shape) + BYTES_PER_VARIABLE for variable in variables)
