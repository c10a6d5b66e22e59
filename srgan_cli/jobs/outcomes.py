"""What came of a picture, in a line for people and in one for programs."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from srgan_cli.errors import SrganError
from srgan_cli.files import STDOUT


@dataclass(frozen=True)
class Outcome:
    """What came of one picture; what is not known of it is None.

    Attributes:
        source: The file that was to be read; `-` is stdin.
        target: The file that was to be written; `-` is stdout.
        lr_size: Of the picture: width and height in pixels.
        sr_size: Of the result; like `lr_size` that of the first frame or page.
        seconds: From its start to its end, in which others may have been computed, too.
        error: Why there is no result.
        skipped: Whether the result was there already.
        notes: What else people should know.
        frames: How many frames or pages there are.
        memory: What it takes at most, in bytes, as estimated before.
    """

    source: Path
    target: Path | None = None
    lr_size: tuple[int, int] | None = None
    sr_size: tuple[int, int] | None = None
    seconds: float | None = None
    error: SrganError | None = None
    skipped: bool = False
    notes: tuple[str, ...] = ()
    frames: int | None = None
    memory: int | None = None

    def __str__(self) -> str:
        """One line for people, of what is done or to do."""
        line = f"{_told(self.source, 'stdin')} -> {_told(self.target, 'stdout')}"
        if self.sr_size:
            line += " {}x{}".format(*self.sr_size)
        if self.frames and self.frames > 1:
            line += f", {self.frames} frames"
        if self.seconds is not None:
            line += f" in {self.seconds:.1f} s"
        elif self.memory:
            line += f", {self.memory / 1e9:.1f} GB of memory"
        return "; ".join([line, *self.notes])


def _told(path: Path | None, stream: str) -> Path | str | None:
    return stream if path == STDOUT else path


def to_json(outcome: Outcome, setup: Mapping[str, str | float | None]) -> str:
    """One line of ASCII, whatever the names of the files.

    Args:
        outcome: Of a picture.
        setup: What it is computed with, as far as that is settled: more keys and values.
    """
    lr, sr = outcome.lr_size or (None, None), outcome.sr_size or (None, None)
    content = {
        "input": str(outcome.source),
        "output": None if outcome.target is None else str(outcome.target),
        "input_width": lr[0],
        "input_height": lr[1],
        "output_width": sr[0],
        "output_height": sr[1],
        "frames": outcome.frames,
        **setup,
        "memory": outcome.memory,
        "seconds": None if outcome.seconds is None else round(outcome.seconds, 3),
        "error": outcome.error.message if outcome.error else None,
        "skipped": outcome.skipped,
        "notes": outcome.notes,
    }
    return json.dumps(content, allow_nan=False)
