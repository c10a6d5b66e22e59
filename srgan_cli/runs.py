"""The folder of a training run: its configuration, log, backups and what is exported. No networks."""

import csv
import json
import re
import shlex
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

from srgan_cli.errors import SrganError
from srgan_cli.files import check_can_be_made, remove_stale, replacing
from srgan_cli.options import STAGES, Stage, TrainOptions

BACKUPS_KEPT = 2
LOSSES = ("loss", "g_loss", "content", "adversarial", "d_loss", "d_hr", "d_sr")
SCORES = ("psnr", "ssim", "validation")
COLUMNS = ("stage", "step", "learning_rate", "images_per_second", "wait_share", *LOSSES, *SCORES)


@dataclass(frozen=True)
class Record:
    """A report.

    Attributes:
        stage: `pretrain`, `discriminator` or `adversarial`.
        step: Steps done in this stage.
        values: By column of log.csv: means over the steps since the last report, and scores after a validation.
    """

    stage: Stage
    step: int
    values: dict[str, float]


@dataclass(frozen=True)
class Backup:
    """A file from which training can go on: the state after `step` steps of `stage`."""

    stage: Stage
    step: int
    path: Path


def is_run(path: Path) -> bool:
    """Whether a folder is that of a training run."""
    return (path / "config.json").exists() and ((path / "backup").is_dir() or (path / "log.csv").exists())


class RunFolder:
    """The files of a run. Whatever is replaced is replaced whole, so that a crash or a full disk spoils nothing.

    Args:
        path: The folder.
        writes: False for all but the first of several machines that train together.
    """

    def __init__(self, path: Path, writes: bool = True) -> None:
        self.path, self.writes = path, writes
        self._config = path / "config.json"
        self._log = path / "log.csv"
        self._backups = path / "backup"

    def refuse_existing(self) -> None:
        """Make sure that a new run can begin here.

        Raises:
            SrganError: There is a run already, or a file that it would replace, or no folder can be made here.
        """
        names = (self._config.name, self._log.name, "generator.keras", "discriminator.keras") if self.writes else ()
        there = [name for name in names if (self.path / name).exists()]
        if self._config.name in there and self._backups.is_dir():
            resume = shlex.quote(str(self.path))
            raise SrganError(f"{self.path}: holds a run already", f"go on with --resume {resume}, or name another -o")
        if there:
            raise SrganError(f"{self.path}: holds {', '.join(there)} already", "name another -o")
        check_can_be_made(self.path)

    def prepare(self, options: TrainOptions) -> None:
        """Make the folder if need be, write down the options, and clear away what a killed process left half written.

        Raises:
            SrganError: The folder cannot be made or written to.
        """
        folders = self._backups, self.path / "samples", self.path / "best"
        try:
            for folder in folders:
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SrganError(f"{self.path}: cannot be made a folder ({error.strerror})", "name another -o") from error
        for folder in (self.path, *folders) if self.writes else ():
            remove_stale(folder)
        if self._config.exists() and self.read_options() == options:
            return
        self.write("config.json", lambda path: path.write_text(json.dumps(asdict(options), indent=2) + "\n"))

    def read_options(self) -> TrainOptions:
        """The options that the run was started with.

        Raises:
            SrganError: There is no run, or its configuration is damaged.
        """
        try:
            saved = dict(json.loads(self._config.read_text()))
        except (OSError, ValueError, TypeError) as error:
            raise SrganError(f"{self.path}: is not a training run ({error})", "name the folder of one") from error
        return TrainOptions.from_mapping(saved, str(self._config))

    def log(self, record: Record) -> None:
        """Append a record to log.csv.

        Raises:
            SrganError: It cannot be written.
        """
        if not self.writes:
            return
        row = {"stage": record.stage, "step": record.step, **{k: f"{v:.7g}" for k, v in record.values.items()}}
        try:
            with self._log.open("a", newline="") as file:
                writer = csv.DictWriter(file, COLUMNS)
                if file.tell() == 0:
                    writer.writeheader()
                writer.writerow(row)
        except OSError as error:
            raise SrganError(f"{self._log}: cannot be written ({error.strerror})", "free some space") from error

    def read_log(self) -> list[dict[str, str]]:
        """The rows of log.csv, column -> text, but for what was cut off when the computer stopped."""
        if not self._log.exists():
            return []
        with self._log.open(newline="") as file:
            lines = [line for line in file if line.endswith("\n")]
        return [row for row in csv.DictReader(lines) if row.get("stage") in STAGES and (row["step"] or "").isdecimal()]

    def forget_after(self, stage: Stage, step: int) -> None:
        """Drop the records of steps that a resumed run is going to do again."""
        rows = [row for row in self.read_log() if _order(row["stage"], int(row["step"])) <= _order(stage, step)]

        def save(path: Path) -> None:
            with path.open("w", newline="") as file:
                writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore")
                writer.writeheader()
                writer.writerows(rows)

        self.write("log.csv", save)

    def validated_steps(self, stage: Stage) -> list[int]:
        """The steps of a stage after which there was a validation."""
        return [int(row["step"]) for row in self.read_log() if row["stage"] == stage and row["validation"]]

    def write(self, name: str, save: Callable[[Path], object]) -> None:
        """Have `save` write a file of this name, and put it into place when it is whole.

        Raises:
            SrganError: It cannot be written; what stood there before still does.
        """
        if not self.writes:
            with tempfile.TemporaryDirectory() as folder:  # reading variables takes all machines together
                save(Path(folder) / Path(name).name)
            return
        with replacing(self.path / name) as temporary:
            save(temporary)

    def back_up(self, stage: Stage, step: int, save: Callable[[Path], object]) -> None:
        """Write a backup and delete all but the newest two.

        Raises:
            SrganError: It cannot be written; the older ones are still there.
        """
        self.write(f"backup/{stage}-{step:08d}.weights.h5", save)
        for old in self.backups()[BACKUPS_KEPT:] if self.writes else ():
            old.path.unlink()

    def past_stages(self) -> tuple[Stage, ...]:
        """The stages before that of the newest backup."""
        newest = self.backups()[:1]
        return STAGES[: STAGES.index(newest[0].stage)] if newest else ()

    def backups(self) -> list[Backup]:
        """The backups, newest first."""
        found = []
        for path in self._backups.glob("*.weights.h5"):
            match = re.fullmatch(rf"({'|'.join(STAGES)})-(\d+)\.weights\.h5", path.name)
            if match:
                found.append(Backup(cast(Stage, match[1]), int(match[2]), path))
        return sorted(found, key=lambda backup: _order(backup.stage, backup.step), reverse=True)


def _order(stage: str, step: int) -> tuple[int, int]:
    return STAGES.index(stage), step
