"""The command line: options -> one call -> exit code. The only place that turns errors into exit codes.

Heavy libraries are imported inside the commands, so that help and usage errors answer at once.
"""

import os
import signal
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from srgan_cli import __version__
from srgan_cli.errors import SrganError, UsageError
from srgan_cli.options import TrainOptions, with_absolute_paths
from srgan_cli.parameters import one_parameter_per_field

app = typer.Typer(
    name="srgan",
    help="Pictures four times larger with an SRGAN.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"srgan {__version__}")
        raise typer.Exit


@app.callback()
def _program(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


@contextmanager
def _errors_as_exit_codes(debug: bool) -> Iterator[None]:
    from srgan_cli import console

    try:
        yield
    except SrganError as error:
        console.report(error, debug)
        raise typer.Exit(2 if isinstance(error, UsageError) else 1) from None
    except KeyboardInterrupt:
        console.say("interrupted; what was finished is kept")
        raise typer.Exit(130) from None


@app.command()
def upscale(
    inputs: Annotated[list[Path], typer.Argument(metavar="INPUT...", help="Picture files, or folders of pictures.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The file to write, or a folder. Default: NAME_x4 beside each input."),
    ] = None,
    model: Annotated[str, typer.Option(help="Released weights by name, a .keras file, or a run folder.")] = "srresnet",
    tile: Annotated[int, typer.Option(min=8, help="Side of a patch in LR pixels.")] = 64,
    halo: Annotated[
        int | None,
        typer.Option(min=0, help="Real neighbours read around a patch, in LR pixels.", show_default="enough"),
    ] = None,
    device: Annotated[
        Literal["auto", "cpu", "gpu"], typer.Option(help="Where to compute; gpu fails if there is none.")
    ] = "auto",
    precision: Annotated[
        Literal["auto", "float32", "bfloat16", "float16"],
        typer.Option(help="auto: bfloat16 where the hardware computes in it, else float32."),
    ] = "auto",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace results that are there already.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Make pictures four times larger.

    Example: srgan upscale photo.jpg -o out.png
    """
    with _errors_as_exit_codes(debug):
        from srgan_cli import console, jobs

        ready, failures = jobs.plan_jobs(inputs, output, overwrite)
        total = len(ready) + len(failures)
        if ready:
            os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
            with console.native_stderr_closed():
                from srgan_cli.upscaling import Options, Upscaler, run_jobs

                upscaler = Upscaler(Options(model, tile, halo, device, precision))
            console.say(f"{model} on {upscaler.device} in {upscaler.precision}")
            with console.progress(sum(job.pixels for job in ready)) as (advance, line):
                failures += run_jobs(upscaler, ready, advance, line)
        for failure in failures:
            console.report(failure.error, debug)
        if failures:
            if total > 1:
                console.say(f"{total - len(failures)} done, {len(failures)} failed")
            raise typer.Exit(1)


@app.command()
@one_parameter_per_field(TrainOptions, short={"data": "-d"}, renamed={"start": "--from"})
def train(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The folder to make for the run.", rich_help_panel="Run")
    ] = Path("runs/srgan"),
    resume: Annotated[Path | None, typer.Option(help="The run to go on with.", rich_help_panel="Run")] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="A TOML file of options, such as batch_size = 16.", rich_help_panel="Run"),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.", rich_help_panel="Run")] = False,
    **given: Any,
) -> None:
    """Train on pictures, first on pixels (--pretrain-steps), then adversarially (--steps).

    Ctrl-C stops with a backup, --resume goes on. Options that are given win over --config.

    Example: srgan train --data ./celeba -o runs/faces --pretrain-steps 2000
    """
    with _errors_as_exit_codes(debug):
        from srgan_cli import console
        from srgan_cli.runs import RunFolder

        values = {**_read_toml(config), **{name: value for name, value in given.items() if value is not None}}
        run = RunFolder(resume or output)
        if resume:
            values = {**asdict(run.read_options()), **values}
        options = TrainOptions.from_mapping(with_absolute_paths(values), "options")
        if not options.data:
            raise UsageError("there are no pictures to train on", "add --data FOLDER, or a .zip, or a glob")
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        with console.native_stderr_closed():
            from srgan_cli import training
            from srgan_cli.device import is_chief

            run.writes = is_chief()
        if resume:
            run.write_options(options)
        else:
            run.create(options)
        with _stop_signals() as stopped, console.training_display(options) as (line, record):
            done = training.train(options, run, training.Listener(line, record, lambda: bool(stopped)))
        if not done:
            raise typer.Exit(130)
        console.say(f"done: srgan upscale --model {run.path} photo.jpg")


def _read_toml(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: cannot be read as TOML ({error})", "write lines such as batch_size = 16") from error
    TrainOptions.from_mapping(values, str(path))  # so that what is wrong there is said of the file
    return values


@contextmanager
def _stop_signals() -> Iterator[list[int]]:
    """The list that Ctrl-C and SIGTERM are added to; a second Ctrl-C ends the program at once."""
    received: list[int] = []

    def note(number: int, _frame: Any) -> None:
        if received and number == signal.SIGINT:
            raise KeyboardInterrupt
        received.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def main() -> None:
    """The program."""
    app()
