"""What is told and written of an evaluation."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from srgan_cli.errors import SrganError
from srgan_cli.evaluation import tables
from srgan_cli.evaluation.pairs import Pair
from srgan_cli.evaluation.report import Report
from srgan_cli.evaluation.scoring import Failure, Protocol, Result
from srgan_cli.files import STDOUT, write_text
from srgan_cli.metrics import Scores
from srgan_cli.terminal import console
from srgan_cli.terminal.parameters import Outputs


class Scorebook:
    """Gathers what comes of each pair, then writes and shows it.

    Args:
        protocol: Of all the numbers.
        page: The report, if one is wanted.
        debug: Whether to show where errors happened.
    """

    def __init__(self, protocol: Protocol, page: Report | None, debug: bool) -> None:
        self._protocol, self._page, self._debug = protocol, page, debug
        self._pictures: dict[str, Scores] = {}
        self._failures: list[Failure] = []
        self._all_written = True

    def enter(self, outcome: Result | Failure) -> None:
        """Keep what came of a pair; a failure is told at once."""
        if isinstance(outcome, Failure):
            self._failures.append(outcome)
            console.report(outcome.error, self._debug)
            if self._page:
                self._page.fail(outcome.error.message)
        else:
            self._pictures[outcome.name] = outcome.scores
            with self._telling():
                if self._page and self._all_written:
                    self._page.add(outcome.name, outcome.hr, outcome.sr, outcome.scores)

    def close(self, outputs: Outputs, pairs: Sequence[Pair], per_image: bool) -> bool:
        """Write and show it all; whether every pair was measured and everything written.

        What stands in the files stays there if the evaluation was interrupted before anything was measured.
        """
        measured, failed = len(self._pictures), len(self._failures)
        left = pairs[measured + failed :]
        if measured or not left:
            self._write(outputs, [Failure(pair.hr, SrganError(f"{pair.hr}: not reached")) for pair in left])
        if measured:  # last, since whoever reads stdout may close it
            on_stdout = STDOUT not in (outputs.json, outputs.csv)
            console.show_scores(str(self._protocol), self._protocol.metrics, self._pictures, per_image, on_stdout)
        if failed or left:
            interrupted = f", {len(left)} left when interrupted" if left else ""
            console.say(f"{measured} measured, {failed} failed{interrupted}")
        return measured == len(pairs) and self._all_written

    def _write(self, outputs: Outputs, left: list[Failure]) -> None:
        """Files before stdout, which may be closed."""
        if self._page and outputs.report and self._all_written:
            for failure in left:
                self._page.fail(failure.error.message)
            with self._telling():
                self._page.write(outputs.report)
        texts = [
            (outputs.json, tables.to_json(self._protocol, self._pictures, self._failures + left)),
            (outputs.csv, tables.to_csv(self._pictures)),
        ]
        for path, text in sorted(texts, key=lambda entry: entry[0] == STDOUT):
            with self._telling():
                write_text(path, text)

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Around what is written: an error is told, and the rest written all the same."""
        try:
            yield
        except SrganError as error:
            console.report(error, self._debug)
            self._all_written = False
