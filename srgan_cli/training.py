"""Training: stages of ordinary `keras.Model.fit`, which can be stopped at any moment and resumed.

It goes in intervals of at most `report_every` steps, each one call of `fit`: between them everything is in a consistent
state on every backend, and that is where reports, samples, validations and backups are written.
"""

import math
import shlex
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import keras
from keras import ops
from PIL import Image

from srgan_cli.data import Pairs, Pictures, settle_sampling
from srgan_cli.device import Replicas, computing_in, replicated
from srgan_cli.errors import SrganError
from srgan_cli.files import reason
from srgan_cli.fitting import Watch, fit, no_number
from srgan_cli.model import Generator, GeneratorConfig, build_discriminator, load_discriminator, load_generator
from srgan_cli.optimization import batch_norms
from srgan_cli.options import STAGES, Stage, TrainOptions
from srgan_cli.released import find_weights
from srgan_cli.runs import Backup, Record, RunFolder
from srgan_cli.stages import build_stage, stage_losses, stored_bytes
from srgan_cli.summaries import Summaries
from srgan_cli.validation import Validation

COLLAPSED, COLLAPSED_STEPS = 0.002, 500  # a discriminator loss below the one for longer than the other


@dataclass(frozen=True)
class Listener:
    """Who is told what happens, and asked whether to stop.

    Attributes:
        line: Given a sentence about what is decided or noteworthy.
        record: Given every report.
        stop: Asked after every step; training ends cleanly, with a backup, when it says so.
    """

    line: Callable[[str], None]
    record: Callable[[Record], None] = lambda _: None
    stop: Callable[[], bool] = lambda: False


def train(options: TrainOptions, run: RunFolder, listener: Listener) -> bool:
    """Train, from the newest backup of the run if it has one.

    Args:
        options: As the run's `config.json` has them.
        run: Where everything is written.
        listener: Who is told.

    Returns:
        Whether all steps were done; False if the listener stopped it.

    Raises:
        SrganError: The data, the weights or the run cannot be used, or the loss is no longer a number.
    """
    keras.utils.set_random_seed(options.seed % 2**32)
    with computing_in(options.precision), replicated(options.batch_size, listener.line) as replicas:
        training = _Training(options, run, listener, replicas)
        return all(training.run_stage(stage) for stage in STAGES)


class _Training:
    """What the stages share: the networks, the pictures and the run."""

    def __init__(self, options: TrainOptions, run: RunFolder, listener: Listener, replicas: Replicas) -> None:
        self.run, self.listener, self.replicas = run, listener, replicas
        self.pictures = Pictures(options.data, int(options.cache * 2**30))
        self.named: set[str] = set()
        options = replace(options, sampling=settle_sampling(options, self.pictures, listener.line))
        self.discriminator = build_discriminator()  # before what draws seeds and is left out on resume
        start = load_generator(find_weights(options.start)) if options.start and not run.backups() else None
        if start:
            options = replace(options, **asdict(start.settings))
        self.options = options
        with computing_in(options.generator_precision or options.precision):
            self.generator = Generator(GeneratorConfig(options.filters, options.residual_blocks))
        if start:
            self.generator.set_weights(start.get_weights())
        self._start_discriminator()
        synchronized = replicas.synchronized > 1
        for norm in batch_norms(self.generator) + batch_norms(self.discriminator):
            norm.synchronized = synchronized  # replicas see one batch together
        self.validation = Validation(self.options, self.pictures, self.generator)
        self._name_unusable()
        self.losses = stage_losses(options)
        self.collapsed_for, self.backed_up_at = 0, time.monotonic()

    def run_stage(self, stage: Stage) -> bool:
        """Do what is left of a stage. False if it was stopped."""
        newest = [backup.stage for backup in self.run.backups()[:1]]
        over = newest and STAGES.index(newest[0]) > STAGES.index(stage)
        if over or (newest != [stage] and not self.options.steps_of(stage)):
            return True
        self.content = self.losses[stage]
        model = self._build(stage)
        step = self._restore(model, stage)
        self.generator.split_tail()
        self.run.prepare(self.options)
        self._attempt(lambda: self.run.forget_after(stage, step))
        self.best = self._measure_best(stage, step)
        self.summaries: Summaries | None = None
        self._attempt(lambda: self._open_summaries(self._global_step(stage, step)))
        while step < self.options.steps_of(stage):
            record = self._run_interval(model, stage, step, self.options.end_of_interval(stage, step))
            at_end = record.step == self.options.steps_of(stage)
            stopped = self.replicas.agree(self.listener.stop()) and not at_end
            self._write_down(model, record, step, last=stopped or at_end)
            step = record.step
            if stopped:
                resume = shlex.quote(str(self.run.path))
                self.listener.line(f"stopped after step {step} of {stage}; go on with --resume {resume}")
                return False
        if self.replicas.machines == 1 and step not in self.run.validated_steps(stage):  # it was killed before that
            record = Record(stage, step, {})
            self._attempt(lambda: self._look(model, record, validate=True))
            self._attempt(lambda: self.run.log(record))
        self._put_averages(model)
        model.optimizer = None  # else the next stage's backups would hold it
        if self.summaries:
            self._attempt(self.summaries.close)
        return True

    def _start_discriminator(self) -> None:
        """Take over that of the run that was started from, as long as there are no backups of one."""
        options, backups = self.options, self.run.backups()
        needed = options.discriminator_steps or options.steps
        if not (options.start and needed) or (backups and backups[0].stage != "pretrain"):
            return
        try:
            beside = find_weights(options.start).with_name("discriminator.keras")
        except SrganError:
            return  # deleted since this run began
        if beside.is_file():
            load_discriminator(self.discriminator, beside)
            self.listener.line(f"the discriminator starts from {beside}")

    def _open_summaries(self, step: int) -> None:
        if self.run.writes:
            self.summaries = Summaries(self.run.path / "logs", step + 1, self.generator, self.discriminator)

    def _name_unusable(self) -> None:
        """Say which pictures were left out, each once."""
        for pictures in (self.pictures, self.validation.pictures):
            for name, why in list(pictures.unusable.items()):  # threads may still add to them
                if name not in self.named:
                    self.named.add(name)
                    self.listener.line(f"left out: {why} ({len(self.named)} so far)")

    def _build(self, stage: Stage) -> keras.Model:
        model = build_stage(stage, self.options, self.generator, self.discriminator, self.content)
        if stage == "pretrain":
            # Else Keras builds its loss in the first `fit` with a batch that, on JAX, it then puts behind the others.
            hr = self.validation.hr[:1]
            model.compute_loss(y=hr, y_pred=hr)
        return model

    def _restore(self, model: keras.Model, stage: Stage) -> int:
        """Load the newest backup of a stage that can be read; its step, 0 if there is no backup."""
        backups = [backup for backup in self.run.backups() if backup.stage == stage]
        step = next((backup.step for backup in backups if self._load(model, backup)), 0)
        if backups and not step:
            damaged = ", ".join(str(backup.path) for backup in backups)
            raise SrganError(
                f"{self.run.path}: no backup of stage {stage} can be read",
                f"delete {damaged} and --resume to go on from what was before them, or start a new run",
            )
        return step

    def _load(self, model: keras.Model, backup: Backup) -> bool:
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("error", message="Skipping variable loading")
                model.load_weights(backup.path)
        except Exception as error:  # noqa: BLE001 (HDF5 and Keras each report a damaged file in their own ways)
            self.listener.line(f"{backup.path} cannot be read ({reason(error)}); trying the one before")
            return False
        self.listener.line(f"resumed after step {backup.step} of {backup.stage}")
        return True

    def _global_step(self, stage: Stage, step: int) -> int:
        return step + sum(self.options.steps_of(before) for before in STAGES[: STAGES.index(stage)])

    def _run_interval(self, model: keras.Model, stage: Stage, step: int, until: int) -> Record:
        """One `fit`."""
        pairs = Pairs(self.pictures, self.options, self._global_step(stage, step), self._global_step(stage, until))
        # Several machines have to stop at the same step, so there only the end of an interval will do.
        watch = Watch(pairs, self.listener.stop if self.replicas.machines == 1 else lambda: False)
        history = fit(model, pairs, watch)
        self._name_unusable()
        if watch.broken_at:
            raise no_number(stage, step + watch.broken_at, self.options.precision)
        values = {
            "learning_rate": float(ops.convert_to_numpy(model.optimizer.learning_rate)),
            "images_per_second": watch.steps * self.options.batch_size / watch.seconds,
            "wait_share": watch.waited / watch.seconds,
            **{name: float(numbers[-1]) for name, numbers in history.items()},
        }
        return Record(stage, step + watch.steps, values)

    def _write_down(self, model: keras.Model, record: Record, step: int, last: bool) -> None:
        """Report; sample, validate and back up where due; a full disk is said, only the last backup must succeed."""

        def due(every: int | None) -> bool:
            return last or (every is not None and record.step // every > step // every)

        options = self.options
        every, seconds = options.backup_interval()
        late = bool(seconds) and time.monotonic() - self.backed_up_at >= (seconds or 0)
        saving, looking = (
            self.replicas.agree(due(every) or late),
            due(options.sample_every) or due(options.validate_every),
        )
        if (saving or looking) and not self.validation.is_sound(self.generator, self.discriminator, self.content):
            raise no_number(record.stage, record.step, options.precision)  # which no loss has shown yet
        if saving:
            self.backed_up_at = time.monotonic()
            self._back_up(model, record, must=last)  # first, since whoever stops a run may not wait for the rest
        if looking:
            self._attempt(lambda: self._look(model, record, validate=due(options.validate_every)))
        self._attempt(lambda: self.run.log(record))
        if self.summaries:
            summaries, global_step = self.summaries, self._global_step(record.stage, record.step)
            self._attempt(lambda: summaries.scalars(global_step, record.values))
        self.listener.record(record)
        self._watch_discriminator(record, record.step - step)

    def _back_up(self, model: keras.Model, record: Record, must: bool) -> None:
        write = partial(self.run.back_up, record.stage, record.step, model.save_weights, stored_bytes(model))
        if must:
            write()
        else:
            self._attempt(write)

    def _attempt(self, write: Callable[[], None]) -> None:
        try:
            write()
        except SrganError as error:
            self.listener.line(f"warning: {error.message}; training goes on")

    def _look(self, model: keras.Model, record: Record, validate: bool) -> None:
        """Write a sample sheet; when validating also the scores and both networks."""
        self.validation.release(self._averaged_weights(model))
        sr = self.validation.enlarge()
        sheet = self.validation.sheet(sr)
        name = f"samples/{record.stage}_{record.step:06d}.png"
        self.run.write(name, lambda path: Image.fromarray(sheet).save(path, "PNG"))
        if self.summaries:
            self.summaries.sheet(self._global_step(record.stage, record.step), sheet)
        if validate:
            record.values.update(self.validation.score(sr, self.content))
            alone = record.stage == "discriminator"  # the latest is its best, since the generator stays as it is
            best = self.replicas.agree(alone or record.values["validation"] < self.best)
            generator, discriminator = self.validation.released, self.discriminator
            for folder in ("", "best/")[: 1 + best]:
                self.run.write(f"{folder}generator.keras", generator.save, stored_bytes(generator))
                if record.stage != "pretrain":  # where it has learned nothing yet
                    self.run.write(f"{folder}discriminator.keras", discriminator.save, stored_bytes(discriminator))
            self.best = min(self.best, record.values["validation"])

    def _measure_best(self, stage: Stage, step: int) -> float:
        """The validation loss of the best of a stage so far; anew, since what it is measured by may have changed."""
        # What is behind the step may be forgotten by one machine only, and measuring takes all of them.
        if not any(validated <= step for validated in self.run.validated_steps(stage)):
            return math.inf
        return self.validation.measure(self.run.path / "best" / "generator.keras", self.content)

    def _averaged_weights(self, model: keras.Model) -> list[Any]:
        """The generator's weights as they would be released; the networks are left as they are."""
        kept = model.get_weights()
        self._put_averages(model)
        weights = self.generator.get_weights()
        model.set_weights(kept)
        return weights

    def _put_averages(self, model: keras.Model) -> None:
        adam = getattr(model.optimizer, "inner_optimizer", model.optimizer)  # float16 wraps it in loss scaling
        if adam.use_ema:
            adam.put_averages_into(model.trainable_variables)

    def _watch_discriminator(self, record: Record, steps: int) -> None:
        """Warn once when the discriminator has been right about everything for long."""
        before = self.collapsed_for
        collapsed = record.stage == "adversarial" and record.values.get("d_loss", math.inf) < COLLAPSED
        self.collapsed_for = before + steps if collapsed else 0
        if before < COLLAPSED_STEPS <= self.collapsed_for:
            self.listener.line(
                f"warning: the discriminator's loss has been at zero for {self.collapsed_for} steps, so the generator"
                " learns nothing from it; start again with more --pretrain-steps, fewer --discriminator-steps, a lower"
                " --learning-rate, or a larger --batch-size"
            )
