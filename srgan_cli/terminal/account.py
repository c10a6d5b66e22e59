"""What is told of each picture while it is enlarged: results on stdout, all else on stderr."""

import os
import sys
from collections import Counter

from srgan_cli.errors import UsageError
from srgan_cli.files import write_stdout
from srgan_cli.jobs.outcomes import Outcome, to_json
from srgan_cli.jobs.planning import Plan
from srgan_cli.terminal import console


class Account:
    """Tells what comes of each picture, and counts.

    Args:
        json: Whether to print a line for programs about each picture.
        quiet: Whether to keep all but errors and results from people.
        dry_run: Whether nothing is computed; the list of what would be written is the result then.
        debug: Whether to show where errors happened.
    """

    def __init__(self, json: bool = False, quiet: bool = False, dry_run: bool = False, debug: bool = False) -> None:
        self._json, self._quiet, self._dry_run, self._debug = json, quiet, dry_run, debug
        self._counts: Counter[str] = Counter()
        self._setup: dict[str, str | float | None] = dict.fromkeys(("model", "strength", "device", "precision"))

    def say(self, message: str) -> None:
        """Print a line for people."""
        if not self._quiet:
            console.say(message)

    def start(self, plan: Plan) -> None:
        """Tell what is known before anything is computed.

        Raises:
            UsageError: A picture is to be written to stdout, which is not for pictures.
        """
        if not self._dry_run and any(job.to_stdout for job in plan.jobs):
            if self._json:
                raise UsageError("--json and the picture cannot both be written to stdout", "name a file with -o")
            if sys.stdout.isatty():
                raise UsageError(
                    "stdout is a terminal, which shows no pictures", "name a file with -o, or add > out.png"
                )
        if plan.passed_over:
            reasons = ", ".join(f"{why} ({count})" for why, count in plan.passed_over.items())
            self.say(f"passed over: {reasons}")
        for outcome in (*plan.settled, *(job.expected for job in plan.jobs if self._dry_run)):
            self.enter(outcome)

    def start_computing(self, model: str, strength: float, device: str, precision: str) -> None:
        """Tell what is computed, where and how; every line for programs says it from now on."""
        self._setup = {"model": model, "strength": strength, "device": device, "precision": precision}
        mixed = f" at strength {strength:g}" if strength < 1 else ""
        self.say(f"{model}{mixed} on {device} in {precision}")

    def enter(self, outcome: Outcome) -> None:
        """Tell what came of a picture."""
        if self._json:
            write_stdout(f"{to_json(outcome, self._setup)}\n".encode())
        if outcome.error:
            self._counts["failed"] += 1
            console.report(outcome.error, self._debug)
        elif outcome.skipped:
            self._counts["skipped"] += 1
        else:
            self._counts["done"] += 1
            if not self._dry_run:
                self.say(str(outcome))
            elif not self._json:
                write_stdout(os.fsencode(f"{outcome}\n"))

    def close(self) -> bool:
        """Tell the totals where they add something; whether nothing failed."""
        done, skipped, failed = (self._counts[key] for key in ("done", "skipped", "failed"))
        parts = [f"{done} to do" if self._dry_run else f"{done} done"]
        parts += [f"{skipped} skipped"] if skipped else []
        parts += [f"{failed} failed"] if failed else []
        if skipped or self._dry_run or (failed and self._counts.total() > 1):
            self.say(", ".join(parts))
        return not failed
