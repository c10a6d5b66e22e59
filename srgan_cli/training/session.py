"""What the stages of a training share: the networks, the pictures and the run."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from srgan_cli.device import computing_in
from srgan_cli.errors import SrganError
from srgan_cli.model import Generator, GeneratorConfig, build_discriminator, load_discriminator, load_generator
from srgan_cli.options import flag
from srgan_cli.released import find_weights
from srgan_cli.training.batches import Batches, Prefetcher
from srgan_cli.training.data import Pictures, settle_sampling
from srgan_cli.training.optimization import batch_norms
from srgan_cli.training.options import STAGES, TrainOptions
from srgan_cli.training.replicas import Replicas
from srgan_cli.training.runs import Record, RunFolder
from srgan_cli.training.stages import stage_losses
from srgan_cli.training.validation import Validation


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


class Session:
    """What a program has while it trains.

    Args:
        options: As the run's `config.json` has them.
        run: Where everything is written; with backups, networks are not started from others.
        listener: Who is told.
        replicas: What computes.

    Attributes:
        run: As given; so are `listener` and `replicas`.
        options: With what was found out: how pictures become squares, and the size of the generator.
        pictures: To train on.
        generator: The one that is being trained.
        discriminator: Likewise.
        validation: What is released, on fixed squares.
        losses: Of the stages.
        prefetcher: Makes the batches; to be closed.

    Raises:
        SrganError: The pictures or the weights cannot be used.
    """

    def __init__(self, options: TrainOptions, run: RunFolder, listener: Listener, replicas: Replicas) -> None:
        self.run, self.listener, self.replicas = run, listener, replicas
        self.pictures = Pictures(options.data, int(options.cache * 1e9))
        self._named: set[str] = set()
        options = replace(options, sampling=settle_sampling(options, self.pictures, listener.line))
        # First, since it draws random seeds, and loading another generator, which is left out on resume, draws more.
        self.discriminator = build_discriminator()
        start = load_generator(find_weights(options.start)) if options.start and not run.backups() else None
        if start:
            self._name_differences(options, start.settings)
            options = replace(options, filters=start.settings.filters, residual_blocks=start.settings.residual_blocks)
        self.options = options
        with computing_in(options.generator_precision or options.precision):
            self.generator = Generator(GeneratorConfig(options.filters, options.residual_blocks, options.degradation))
        if start:
            self.generator.set_weights(start.get_weights())
        self._start_discriminator()
        for norm in batch_norms(self.generator) + batch_norms(self.discriminator):
            norm.synchronized = replicas.synchronized > 1  # they see one batch together
        self.validation = Validation(options, self.pictures, self.generator)
        self.name_unusable()
        self.losses = stage_losses(options)
        # TensorFlow's strategies cannot reduce bytes.
        batches = Batches(self.pictures, options, as_floats=replicas.synchronized > 1)
        self.prefetcher = Prefetcher(batches, options.workers, sum(map(options.steps_of, STAGES)))

    def _name_differences(self, options: TrainOptions, settings: GeneratorConfig) -> None:
        """Say what was asked for that a generator to start from does not have, and what it has learned for nothing."""
        for name in ("filters", "residual_blocks"):
            asked, has = getattr(options, name), getattr(settings, name)
            if asked not in (has, TrainOptions.__dataclass_fields__[name].default):
                self.listener.line(f"{flag(name)} {asked} is not used: the generator to start from has {has}")
        if settings.degradation not in ("bicubic", options.degradation):
            has = f"--degradation {settings.degradation}"
            self.listener.line(
                f"the generator to start from was trained with {has}, which is {options.degradation} here"
            )

    def _start_discriminator(self) -> None:
        """Load the discriminator beside the `--from` generator, unless a backup already holds one."""
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

    def name_unusable(self) -> None:
        """Say which pictures were left out, each once."""
        for pictures in (self.pictures, self.validation.pictures):
            for name, why in list(pictures.unusable.items()):  # threads may still add to them
                if name not in self._named:
                    self._named.add(name)
                    self.listener.line(f"left out: {why} ({len(self._named)} so far)")

    @contextmanager
    def forgiving(self) -> Iterator[None]:
        """Around the writing of what training can go on without: an error, as of a full disk, is said and no more."""
        try:
            yield
        except SrganError as error:
            self.listener.line(f"warning: {error.message}; training goes on")
