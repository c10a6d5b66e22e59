"""The command line: options -> one call -> exit code. The only place that turns errors into exit codes.

Heavy libraries are imported inside the commands, so that help and usage errors answer at once.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import typer

from srgan_cli import __version__
from srgan_cli.errors import SrganError, UsageError

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


def main() -> None:
    """Run the program; the entry point of the `srgan` command."""
    app()
