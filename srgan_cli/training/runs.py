"""The folder of a training run: its configuration, log, backups and what is exported. No networks."""

import csv
import io
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

from srgan_cli.errors import SrganError, reason
from srgan_cli.files import append, check_folder, quoted, remove_stale, replacing
from srgan_cli.released import is_run
from srgan_cli.training.options import STAGES, Stage, TrainOptions

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

BACKUPS_KEPT = 2
SHEETS = "samples"
LOSSES = ("loss", "g_loss", "content", "adversarial", "d_loss", "d_hr", "d_sr")
SCORES = ("psnr", "ssim", "validation")
COLUMNS = ("stage", "step", "learning_rate", "images_per_second", "wait_share", *LOSSES, *SCORES)


@dataclass(frozen=True)
class Record:
    """What is reported of an interval of steps.

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


def holds_sheets(folder: Path) -> bool:
    """Whether a folder is where a run puts its sample sheets, which are no pictures to train on."""
    return folder.name == SHEETS and is_run(folder.parent)


class RunFolder:
    """The files of a run. Whatever is replaced is replaced whole, so that a crash or a full disk spoils nothing.

    Args:
        path: The folder.

    Attributes:
        writes: False for all but the first of several machines that train together.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.writes = path, True
        self._config = path / "config.json"
        self._log = path / "log.csv"
        self._backups = path / "backup"

    def refuse_existing(self) -> None:
        """Make sure that a new run can begin here.

        Raises:
            SrganError: There is a run already, or a file that it would replace, or no folder can be made here.
        """
        files = self._config, self._log, self.path / "generator.keras", self.path / "discriminator.keras"
        there = [file.name for file in files if self.writes and file.exists()]
        there += [backup.path.name for backup in self.backups() if self.writes]
        if self._config.name in there and self._backups.is_dir():
            hint = f"go on with --resume {quoted(self.path)}, or name another -o"
            raise SrganError(f"{self.path}: holds a run already", hint)
        if there:
            raise SrganError(f"{self.path}: holds {', '.join(there)} already", "name another -o")
        check_folder(self.path)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other programs from training here meanwhile, as far as the disk can; the folder is made if need be.

        Raises:
            SrganError: Another one does, or the folder cannot be made.
        """
        if not self.writes or fcntl is None:
            yield
            return
        made = not self.path.exists()
        _make(self.path, self.path)
        folder = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(folder)
            message = f"{self.path}: another program is training here"
            raise SrganError(message, "wait until it has ended, or name another -o") from None
        except OSError:  # a disk without locks
            pass
        try:
            yield
        finally:
            os.close(folder)
            if made:
                with suppress(OSError):  # there is something in it
                    self.path.rmdir()

    def prepare(self, options: TrainOptions) -> None:
        """Make the folder if need be, write down the options, and clear away what a killed process left half written.

        Raises:
            SrganError: The folder cannot be made or written to.
        """
        folders = self._backups, self.path / SHEETS, self.path / "best"
        for folder in folders:
            _make(folder, self.path)
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
            raise SrganError(
                f"{self.path}: is not a training run ({self._config}: {reason(error)})", "name the folder of one"
            ) from error
        return TrainOptions.from_mapping(saved, str(self._config))

    def log(self, record: Record) -> None:
        """Append a record to log.csv.

        Raises:
            SrganError: It cannot be written.
        """
        if not self.writes:
            return
        row = {"stage": record.stage, "step": record.step, **{k: f"{v:.7g}" for k, v in record.values.items()}}
        head, line = io.StringIO(), io.StringIO()
        csv.DictWriter(head, COLUMNS).writeheader()
        csv.DictWriter(line, COLUMNS).writerow(row)
        try:
            append(self._log, line.getvalue().encode(), head.getvalue().encode())
        except OSError as error:
            raise SrganError(f"{self._log}: cannot be written ({reason(error)})", "free some space") from error

    def read_log(self) -> list[dict[str, str]]:
        """The rows of log.csv, column -> text, but for what is damaged or was cut off when the computer stopped."""
        if not self._log.exists():
            return []
        with self._log.open(newline="", encoding="utf-8-sig", errors="replace") as file:
            columns, *lines = [_cells(line) for line in file if line.endswith("\n")] or [[]]
        rows = [dict(zip(columns, cells, strict=True)) for cells in lines if len(cells) == len(columns)]
        return [row for row in rows if row.get("stage") in STAGES and row.get("step", "").isdecimal()]

    def forget_after(self, stage: Stage, step: int) -> Path | None:
        """Drop the records of steps that a resumed run is going to do again.

        Returns:
            Where the old log was moved if it could not be parsed; None otherwise.
        """
        known = self.read_log()
        rows = [row for row in known if _order(row["stage"], int(row["step"])) <= _order(stage, step)]
        old = None
        if not known and self.writes and self._log.is_file() and self._log.read_bytes().count(b"\n") > 1:
            old = self._log.replace(self._log.with_suffix(".csv.old"))

        def save(path: Path) -> None:
            with path.open("w", newline="") as file:
                writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore")
                writer.writeheader()
                writer.writerows(rows)

        self.write("log.csv", save)
        return old

    def validated_steps(self, stage: Stage) -> list[int]:
        """The steps of a stage after which there was a validation."""
        return [int(row["step"]) for row in self.read_log() if row["stage"] == stage and row.get("validation")]

    def write(self, name: str, save: Callable[[Path], object], size: int = 0) -> None:
        """Have `save` write a file of this name, and put it into place when it is whole.

        Args:
            name: Below the run's folder.
            save: Writes to a path.
            size: About how many bytes, if `save` cannot be trusted with a full disk.

        Raises:
            SrganError: It cannot be written; what stood there before still does.
        """
        if not self.writes:
            with tempfile.TemporaryDirectory() as folder:  # reading variables takes all machines together
                save(Path(folder) / Path(name).name)
            return
        if size and shutil.disk_usage(self.path).free < size:
            raise SrganError(f"{self.path / name}: cannot be written (the disk is full)", "free some space")
        with replacing(self.path / name) as temporary:
            save(temporary)

    def back_up(self, stage: Stage, step: int, save: Callable[[Path], object], size: int = 0) -> None:
        """Write a backup and delete all but the newest two.

        Raises:
            SrganError: It cannot be written; the older ones are still there, or at least the newest of them.
        """
        kept = self.backups()
        if self.writes and len(kept) == BACKUPS_KEPT:
            room = shutil.disk_usage(self.path).free
            if room < size <= room + kept[-1].path.stat().st_size:  # else the newest steps would be lost
                kept[-1].path.unlink()
        self.write(f"backup/{stage}-{step:08d}.weights.h5", save, size)
        for old in self.backups()[BACKUPS_KEPT:] if self.writes else ():
            with suppress(OSError):  # another program reads it; the next backup tries again
                old.path.unlink()

    def steps_done(self, options: TrainOptions) -> dict[Stage, int]:
        """The steps of each stage up to that of the newest backup; those of past stages are all that they had."""
        newest = next(iter(self.backups()), None)
        if newest is None:
            return {}
        past = STAGES[: STAGES.index(newest.stage)]
        return {**{stage: options.steps_of(stage) for stage in past}, newest.stage: newest.step}

    def backups(self) -> list[Backup]:
        """The backups, newest first."""
        found = []
        for path in self._backups.glob("*.weights.h5"):
            match = re.fullmatch(rf"({'|'.join(STAGES)})-(\d+)\.weights\.h5", path.name)
            if match:
                found.append(Backup(cast(Stage, match[1]), int(match[2]), path))
        return sorted(found, key=lambda backup: _order(backup.stage, backup.step), reverse=True)


def _cells(line: str) -> list[str]:
    """Of a line of CSV by itself, so that a damaged one damages no others."""
    try:
        return next(csv.reader([line]), [])
    except csv.Error:
        return []


def _make(folder: Path, run: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SrganError(f"{run}: cannot be made a folder ({reason(error)})", "name another -o") from error


def _order(stage: str, step: int) -> tuple[int, int]:
    return STAGES.index(stage), step
