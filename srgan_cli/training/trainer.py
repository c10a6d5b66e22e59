"""Training: stages of ordinary `keras.Model.fit`, which can be stopped at any moment and resumed.

A stage goes in intervals of at most `report_every` steps, each one call of `fit`: between them everything is in a
consistent state on every backend, and that is where reports, samples, validations and backups are written.
"""

import math
import time
import warnings
from contextlib import closing
from dataclasses import replace
from typing import Any

import keras
from PIL import Image

from srgan_cli.device import choose_device, computing_in
from srgan_cli.errors import SrganError, is_out_of_memory, reason
from srgan_cli.files import quoted
from srgan_cli.training.batches import BatchDataset
from srgan_cli.training.fitting import Watch, fit, no_number
from srgan_cli.training.optimization import AveragingAdam, rate_of_last_step
from srgan_cli.training.options import STAGES, Stage, TrainOptions
from srgan_cli.training.replicas import replicated
from srgan_cli.training.runs import Backup, Record, RunFolder
from srgan_cli.training.session import Listener, Session
from srgan_cli.training.stages import build_stage, stored_bytes
from srgan_cli.training.summaries import Summaries

COLLAPSED, COLLAPSED_STEPS = 0.002, 500  # a discriminator loss below the one for longer than the other


def fix_seeds(options: TrainOptions) -> None:
    """Begin all random numbers anew."""
    keras.utils.set_random_seed(options.seed % 2**32)


def train(options: TrainOptions, run: RunFolder, listener: Listener) -> bool:
    """Train, from the newest backup of the run if it has one.

    Args:
        options: As the run's `config.json` has them.
        run: Where everything is written.
        listener: Who is told.

    Returns:
        Whether all steps were done; False if the listener stopped it.

    Raises:
        SrganError: The data, the weights or the run cannot be used, the loss is no longer a number, or memory runs out.
    """
    if _is_over(options, run):
        return True
    fix_seeds(options)
    try:
        with computing_in(options.precision), replicated(options.batch_size, listener.line) as replicas:
            more = f" and {replicas.devices - 1} more" if replicas.devices > 1 else ""
            listener.line(f"training on {choose_device('auto')}{more} in {options.precision}")
            session = Session(options, run, listener, replicas)
            if replicas.agree(listener.stop()):
                listener.line("stopped before the first step")
                return False
            with closing(session.prefetcher):
                return all(_StageRun(session, stage).finish() for stage in STAGES if _has_work(session, stage))
    except Exception as error:
        if is_out_of_memory(error):
            raise SrganError("out of memory", "lower --batch-size or --hr-size, or use --precision bfloat16") from error
        raise


def _is_over(options: TrainOptions, run: RunFolder) -> bool:
    """Whether all steps are done and their end is validated: even if the pictures are gone, nothing is missing."""
    *_, last = (stage for stage in STAGES if options.steps_of(stage))
    end, done = options.steps_of(last), list(run.steps_done(options).items())
    return done[-1:] == [(last, end)] and end in run.validated_steps(last)


def _has_work(session: Session, stage: Stage) -> bool:
    """Whether a stage is in the plan and not yet over; that of the newest backup has yet to be brought to its end."""
    done = list(session.run.steps_done(session.options))
    return done[-1:] == [stage] or (stage not in done and session.options.steps_of(stage) > 0)


class _StageRun:
    """One stage, from its newest backup to its end."""

    def __init__(self, session: Session, stage: Stage) -> None:
        self._session, self._stage, self._loss = session, stage, session.losses[stage]
        self._options, self._run = session.options, session.run
        self._steps = self._options.steps_of(stage)
        self._steps_before = sum(self._options.steps_of(before) for before in STAGES[: STAGES.index(stage)])
        networks = session.generator, session.discriminator
        self._model: keras.Model = build_stage(stage, self._options, *networks, self._loss)
        self._step = self._restore()
        session.generator.split_tail()
        self._run.prepare(self._options)
        with session.forgiving():
            if old := self._run.forget_after(stage, self._step):
                session.listener.line(f"warning: log.csv could not be read; it is {old} now, and a new one is begun")
        logs, first_step = self._run.path / "logs", self._steps_before + self._step + 1
        self._summaries = Summaries(logs, first_step, *networks) if self._run.writes else None
        self._best = self._measure_best()
        self._collapsed_for, self._backed_up_at = 0, time.monotonic()

    def finish(self) -> bool:
        """Do what is left of it. False if it was stopped."""
        session = self._session
        if self._step and self._step % self._options.validate_every == 0:
            self._make_up_for_validation()
        while self._step < self._steps:
            record = self._run_interval()
            at_end = record.step == self._steps
            stopped = session.replicas.agree(session.listener.stop()) and not at_end
            self._write_down(record, last=stopped or at_end)
            self._step = record.step
            if stopped:
                done = f"stopped after step {record.step} of {self._stage}"
                session.listener.line(f"{done}; go on with --resume {quoted(self._run.path)}")
                return False
        self._make_up_for_validation()
        self._put_averages()
        return True

    def _restore(self) -> int:
        """Load the newest backup that can be read; its step, 0 if there is no backup."""
        backups = [backup for backup in self._run.backups() if backup.stage == self._stage]
        step = next((backup.step for backup in backups if self._load(backup)), 0)
        if backups and not step:
            damaged = ", ".join(str(backup.path) for backup in backups)
            raise SrganError(
                f"{self._run.path}: no backup of stage {self._stage} can be read",
                f"delete {damaged} and --resume to go on from what was before them, or start a new run",
            )
        return step

    def _load(self, backup: Backup) -> bool:
        line = self._session.listener.line
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("error", message="Skipping")  # what is not there, which stays as it was
                self._model.load_weights(backup.path)
        except Exception as error:  # HDF5 and Keras each report a damaged file in their own ways
            if is_out_of_memory(error):
                raise
            line(f"{backup.path} cannot be read ({reason(error)}); trying the one before")
            return False
        line(f"resumed after step {backup.step} of {backup.stage}")
        return True

    def _measure_best(self) -> float:
        """The validation loss of the best so far; anew, since what it is measured by may have changed."""
        # What is behind the step may be forgotten by one machine only, and measuring takes all of them.
        if not any(validated <= self._step for validated in self._run.validated_steps(self._stage)):
            return math.inf
        return self._session.validation.measure(self._run.path / "best" / "generator.keras", self._loss)

    def _run_interval(self) -> Record:
        """One `fit`."""
        session, options, step = self._session, self._options, self._step
        until = options.end_of_interval(self._stage, step)
        dataset = BatchDataset(session.prefetcher, self._steps_before + step, self._steps_before + until)
        # Several machines have to stop at the same step, so there only the end of an interval will do.
        watch = Watch(dataset, session.listener.stop if session.replicas.machines == 1 else lambda: False)
        try:
            history = fit(self._model, dataset, watch)
        except SrganError:  # such as that the pictures are gone; on JAX the numbers are, too
            if watch.steps and session.replicas.machines == 1 and keras.backend.backend() == "tensorflow":
                self._back_up(step + watch.steps)
            raise
        seconds = watch.seconds
        session.name_unusable()
        if watch.broken_at:
            raise no_number(self._stage, step + watch.broken_at, options.precision)
        values = {
            "learning_rate": rate_of_last_step(self._adam),
            "images_per_second": watch.steps * options.batch_size / seconds,
            "wait_share": watch.waited / seconds,
            **{name: float(numbers[-1]) for name, numbers in history.items()},
        }
        return Record(self._stage, step + watch.steps, values)

    def _write_down(self, record: Record, last: bool) -> None:
        """Report, and sample, validate and back up when due; only a failed last backup is an error, raised last."""

        def due(every: int | None) -> bool:
            return last or (every is not None and record.step // every > self._step // every)

        session, options, failure = self._session, self._options, None
        every, seconds = options.backup_interval()
        late = seconds is not None and time.monotonic() - self._backed_up_at >= seconds
        saving = session.replicas.agree(due(every) or late)
        looking = due(options.sample_every) or due(options.validate_every)
        if (saving or looking) and not session.validation.is_sound(
            session.generator, session.discriminator, self._loss
        ):
            raise no_number(record.stage, record.step, options.precision)  # which no loss has shown yet
        if saving:  # first, since whoever stops a run may not wait for the rest
            failure = self._back_up(record.step)
            if failure and not last:
                session.listener.line(f"warning: {failure.message}; training goes on")
        if looking:
            with session.forgiving():
                record = self._sample(record, validate=due(options.validate_every))
        with session.forgiving():
            self._run.log(record)
        if self._summaries:
            with session.forgiving():
                self._summaries.scalars(self._steps_before + record.step, record.values)
        session.listener.record(record)
        self._watch_discriminator(record)
        if failure and last:
            raise failure

    def _back_up(self, step: int) -> SrganError | None:
        """Write a backup; why it could not be written."""
        self._backed_up_at = time.monotonic()
        try:
            self._run.back_up(self._stage, step, self._model.save_weights, stored_bytes(self._model))
        except SrganError as error:
            return error
        return None

    def _sample(self, record: Record, validate: bool) -> Record:
        """Write a sample sheet and, when validating, both networks; the record with the scores of that."""
        session, validation = self._session, self._session.validation
        validation.release(self._averaged_weights())
        sr = validation.enlarge()
        # Before anything is written, since a full disk must not keep one of several machines from agreeing.
        scores = validation.score(sr, self._loss) if validate else {}
        alone = record.stage == "discriminator"  # the latest is its best, since the generator stays as it is
        better = validate and session.replicas.agree(alone or scores["validation"] < self._best)
        sheet = validation.sheet(sr)
        name = f"samples/{record.stage}_{record.step:06d}.png"
        self._run.write(name, lambda path: Image.fromarray(sheet).save(path, "PNG"))
        if self._summaries:
            self._summaries.sheet(self._steps_before + record.step, sheet)
        if validate:
            self._write_networks(["", "best/"][: 1 + better])
            self._best = min(self._best, scores["validation"])
        return replace(record, values={**record.values, **scores})  # which say that the networks are there

    def _write_networks(self, folders: list[str]) -> None:
        generator, discriminator = self._session.validation.released, self._session.discriminator
        for folder in folders:
            self._run.write(f"{folder}generator.keras", generator.save, stored_bytes(generator))
        for folder in folders if self._stage != "pretrain" else ():  # where it has learned nothing yet
            with self._session.forgiving():
                self._run.write(f"{folder}discriminator.keras", discriminator.save, stored_bytes(discriminator))

    def _make_up_for_validation(self) -> None:
        """Validate the present step if the program was killed before that."""
        session, record = self._session, Record(self._stage, self._step, {})
        if session.replicas.machines == 1 and self._step not in self._run.validated_steps(self._stage):
            with session.forgiving():
                record = self._sample(record, validate=True)
            with session.forgiving():
                self._run.log(record)

    def _averaged_weights(self) -> list[Any]:
        """The generator's weights as they would be released; the networks are left as they are."""
        kept = self._model.get_weights()
        self._put_averages()
        weights = self._session.generator.get_weights()
        self._model.set_weights(kept)
        return weights

    @property
    def _adam(self) -> AveragingAdam:
        return getattr(self._model.optimizer, "inner_optimizer", self._model.optimizer)  # float16 wraps it

    def _put_averages(self) -> None:
        if self._adam.use_ema:
            self._adam.put_averages_into(self._model.trainable_variables)

    def _watch_discriminator(self, record: Record) -> None:
        """Warn once when the discriminator has been right about everything for long."""
        before = self._collapsed_for
        collapsed = record.stage == "adversarial" and record.values.get("d_loss", math.inf) < COLLAPSED
        self._collapsed_for = before + record.step - self._step if collapsed else 0
        if before < COLLAPSED_STEPS <= self._collapsed_for:
            self._session.listener.line(
                f"warning: the discriminator's loss has been at zero for {self._collapsed_for} steps, so the generator"
                " learns nothing from it; start again with more --pretrain-steps, fewer --discriminator-steps, a lower"
                " --learning-rate, or a larger --batch-size"
            )
