"""What can be chosen in training, once: the command line, TOML files and a run's `config.json` are all made from this.

Nothing heavy is imported here, so that the command line can be built from it at once.
"""

import glob
import math
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from types import NoneType
from typing import Any, Literal, Self, get_args, get_origin, get_type_hints

from srgan_cli.errors import UsageError, reason
from srgan_cli.options import Degradation, Precision, flag, key
from srgan_cli.released import released

Sampling = Literal["resize", "crop"]
Stage = Literal["pretrain", "discriminator", "adversarial"]
STAGES: tuple[Stage, ...] = get_args(Stage)
DEFAULT_RUN = Path("runs/srgan")
HR_MULTIPLE = 16  # the strides of the discriminator


def option(default: Any, about: str, least: float | None = None, short: str | None = None) -> Any:
    """A field of an options class.

    Args:
        default: None where something is found out or left out.
        about: One sentence for people.
        least: The smallest number that is accepted.
        short: Another name on the command line, such as `-d`.
    """
    return field(default=default, metadata={"about": about, "least": least, "short": short})


@dataclass(frozen=True)
class TrainOptions:
    """How to train; each field's sentence is beside it. The defaults are those of the reference implementation."""

    data: str = option("", "A folder of any depth, a glob, or a .zip of pictures, which is read in place.", short="-d")
    sampling: Sampling | None = option(None, "Resize whole pictures, or take random crops; else what suits their size.")
    hr_size: int = option(256, "Side of the HR squares in pixels, a multiple of 16.", 2 * HR_MULTIPLE)
    batch_size: int = option(1, "Pairs a step.", 1)
    degradation: Degradation = option("bicubic", "How LR is made: clean, or like pictures from the real world.")
    seed: int = option(0, "What all randomness is derived from.", 0)
    cache: float = option(4.0, "Gigabytes of memory for decoded pictures.", 0)
    workers: int = option(2, "Threads that prepare batches while the network computes.", 1)
    pretrain_steps: int = option(0, "Steps of the first stage, on pixels.", 0)
    pixel_loss: Literal["mse", "l1"] = option("mse", "The loss of the first stage.")
    discriminator_steps: int = option(
        0, "Steps of the discriminator alone before the second stage, for a --from trained adversarially.", 0
    )
    steps: int = option(20_000, "Steps of the second stage, adversarial.", 0)
    content_loss: Literal["vgg", "cosine", "mse"] = option(
        "vgg", "What the second stage compares: one VGG19 layer, five VGG19 layers by cosine distance, or pixels."
    )
    vgg_weights: str | None = option(None, "File of VGG19's weights without top; else Keras downloads them.")
    vgg_layer: Literal["block3_conv3", "block5_conv4"] = option("block3_conv3", "What --content-loss vgg compares.")
    adversarial_weight: float = option(1e-3, "Weight of the adversarial loss; the content loss has 1.", 0)
    pixel_weight: float = option(0.0, "Weight of the pixels' mean absolute error in the second stage.", 0)
    colour_weight: float = option(0.0, "Weight of the error of mean colours of 4x4 pixels in the second stage.", 0)
    learning_rate: float = option(2e-4, "Adam's learning rate; the highest if it changes.", 0)
    schedule: Literal["constant", "cosine", "steps"] = option(
        "constant", "The learning rate in a stage: cosine falls to a hundredth, steps to a tenth at half."
    )
    warmup_steps: int = option(0, "Steps at the start of a stage in which the learning rate rises from 0.", 0)
    beta_1: float = option(0.5, "Adam's beta_1, below 1.", 0)
    clip_norm: float | None = option(None, "Shorten each variable's gradient to this length at most; 0: never.", 0)
    average: float = option(0.0, "Momentum of the average of the weights that is released, below 1; 0: none.", 0)
    batch_norm: Literal["train", "frozen"] = option(
        "train", "The generator's batch norms: trained, or left as they are."
    )
    precision: Precision = option("float32", "What is computed in; variables are float32.")
    generator_precision: Literal["float32", "bfloat16"] | None = option(
        None, "The generator's precision, if not --precision."
    )
    filters: int = option(64, "Channels of the generator's residual blocks, if it does not start from another.", 1)
    residual_blocks: int = option(16, "The generator's residual blocks, likewise.", 1)
    start: str | None = option(
        None, "A generator to start from: a released name, a .keras file, or a run with its discriminator."
    )
    validation: str | None = option(
        None, "Pictures for samples and validation, of which eight are taken; else some of --data."
    )
    report_every: int = option(20, "Steps between reports, at most.", 1)
    sample_every: int = option(100, "Steps between sample sheets.", 1)
    validate_every: int = option(500, "Steps between validations, which also write the networks.", 1)
    backup_every: str = option("10min", "Steps, or minutes as in 10min, between backups.")

    def __post_init__(self) -> None:
        """Check what types and limits cannot say.

        Raises:
            UsageError: A value makes no sense.
        """
        if not any(self.steps_of(stage) for stage in STAGES):
            raise UsageError("--steps, --pretrain-steps and --discriminator-steps are all 0", "give one of them some")
        if self.hr_size % HR_MULTIPLE:
            raise UsageError(f"--hr-size is {self.hr_size}", f"use a multiple of {HR_MULTIPLE}")
        for name in ("beta_1", "average"):
            if getattr(self, name) >= 1:
                raise UsageError(f"{flag(name)} is {getattr(self, name)}", "use a number from 0 to 1, but not 1")
        self.backup_interval()

    def steps_of(self, stage: Stage) -> int:
        """Steps of a stage."""
        steps = {"pretrain": self.pretrain_steps, "discriminator": self.discriminator_steps, "adversarial": self.steps}
        return steps[stage]

    def end_of_interval(self, stage: Stage, step: int) -> int:
        """The next step of a stage at which something is due."""
        periods = (self.report_every, self.sample_every, self.validate_every, self.backup_interval()[0])
        return min(self.steps_of(stage), *(step - step % period + period for period in periods if period))

    def backup_interval(self) -> tuple[int | None, float | None]:
        """Between backups: steps, or seconds; the other is None.

        Raises:
            UsageError: `backup_every` is neither.
        """
        number = self.backup_every.removesuffix("min")
        if not number.isdecimal() or int(number) == 0:
            raise UsageError(f"--backup-every is {self.backup_every!r}", "use steps as in 500, or minutes as in 10min")
        return (int(number), None) if number == self.backup_every else (None, 60 * int(number))

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], source: str) -> Self:
        """The options with these values; what is not named keeps its default.

        Args:
            values: By name, as from TOML or JSON.
            source: Where they come from, for messages.

        Raises:
            UsageError: A name is unknown, or a value is not of its type or below its limit, or makes no sense.
        """
        return cls(**cls.checked(values, source))

    @classmethod
    def checked(cls, values: Mapping[str, Any], source: str) -> dict[str, Any]:
        """The same values in the types of their options; whether they go together is not looked at."""
        kinds, limits = get_type_hints(cls), {f.name: f.metadata["least"] for f in fields(cls)}
        checked = {}
        for name, value in values.items():
            if name not in limits:
                alike = get_close_matches(name.replace("-", "_"), limits, 1)
                hint = f"did you mean {alike[0]}?" if alike else f"known: {', '.join(map(key, limits))}"
                where = f"; write them without [{name}]" if isinstance(value, dict) else ""
                raise UsageError(f"{source}: there is no option {name!r}", hint + where)
            checked[name] = _converted(value, kinds[name], f"{source}: {name}")
            if limits[name] is not None and value is not None and not limits[name] <= value < math.inf:
                raise UsageError(f"{source}: {name} is {value}", f"use a number, {limits[name]} or more")
        return checked


def resumed(saved: TrainOptions, changes: Mapping[str, Any], done: Mapping[Stage, int]) -> TrainOptions:
    """The options of a run that goes on with some of them changed.

    Args:
        saved: Those it had.
        changes: By name; the size of a generator that starts from another is that one's.
        done: Steps by stage; those before the last are over.

    Raises:
        UsageError: A backup does not fit such a change, or it comes too late.
    """
    size = ("filters", "residual_blocks") if saved.start else ()
    changes = {name: value for name, value in changes.items() if name not in size}
    options = TrainOptions.from_mapping({**asdict(saved), **changes}, "options")
    for stage, before in done.items():
        after, over = options.steps_of(stage), stage != list(done)[-1]
        if after < before or (over and after != before):
            raise UsageError(
                f"stage {stage} {'is over after' if over else 'has done'} {before} steps and cannot take {after}",
                "leave it, or start a new run with --from",
            )
    parts = _parts_of_backups(options)
    for name, part in _parts_of_backups(saved).items():
        if part != parts[name]:
            raise UsageError(
                f"{flag(name)} is {_told(saved, name)} in this run and cannot become {_told(options, name)}",
                "leave it, or start a new run with --from",
            )
    return options


def _told(options: TrainOptions, name: str) -> str:
    value = getattr(options, name)
    return "not given" if value is None else str(value)


def _parts_of_backups(options: TrainOptions) -> dict[str, Any]:
    """What decides which variables a backup holds, and what the losses in the log are."""
    generator_precision = options.generator_precision or options.precision
    kept = ("filters", "residual_blocks", "start", "batch_norm", "pixel_loss", "content_loss", "vgg_layer")
    return {
        **{name: getattr(options, name) for name in kept},
        "average": options.average > 0,
        "precision": options.precision == "float16",  # loss scaling
        "generator_precision": generator_precision == "float16",
    }


def read_toml(path: Path | None) -> dict[str, Any]:
    """The training options in a TOML file, checked; none without a file.

    Raises:
        UsageError: The file cannot be read, or something in it is no option.
    """
    if path is None:
        return {}
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({reason(error)})", "check the spelling") from error
    except ValueError as error:
        raise UsageError(
            f"{path}: cannot be read as TOML ({reason(error)})", "write lines such as batch_size = 16"
        ) from error
    if {"from", "start"} <= values.keys():
        raise UsageError(f"{path}: from and start are the same", "leave one of them out")
    if "from" in values:  # see `key`
        values["start"] = values.pop("from")
    return TrainOptions.checked(values, str(path))  # so that what is wrong there is said of the file


def with_absolute_paths(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same values with paths that hold from any folder, so that a run can be resumed from anywhere."""
    paths = {name: values.get(name) for name in ("data", "validation", "vgg_weights", "start")}
    absolute = {
        name: _absolute(path)
        for name, path in paths.items()
        if path and (name != "start" or (path not in released() and Path(path).exists()))  # a released name is no path
    }
    return {**values, **absolute}


def _absolute(path: str) -> str:
    if glob.has_magic(path) and not Path(path).exists():  # the current folder may have brackets in its own name
        return str(Path(glob.escape(str(Path.cwd())), path))
    return str(Path(path).absolute())


def without_none(kind: Any) -> Any:
    """The type of a field where it has a value: `int | None` -> int, int -> int."""
    return next(k for k in get_args(kind) if k is not NoneType) if NoneType in get_args(kind) else kind


def _converted(value: Any, kind: Any, where: str) -> Any:
    wanted = without_none(kind)
    if value == "":  # such as a variable of a script that was never set
        raise UsageError(f"{where} is empty", "give it a value, or leave it out")
    if value is None and wanted is not kind:
        return None
    if get_origin(wanted) is Literal:
        if value not in get_args(wanted):
            raise UsageError(f"{where} is {value!r}", f"use one of {', '.join(get_args(wanted))}")
        return value
    if wanted is float and type(value) is int:
        return float(value)
    if wanted is str and type(value) in (int, float):  # backup_every = 500
        return str(value)
    if type(value) is not wanted:
        accepted = {int: "a whole number", float: "a number"}.get(wanted, "text")
        raise UsageError(f"{where} is {value!r}", f"use {accepted}")
    return value
