"""The command line: options -> one call -> exit code.

Heavy libraries are imported inside the commands, so that help and usage errors answer at once.
"""

import sys
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from srgan_cli import DEFAULT_HALO, DEFAULT_MODEL, DEFAULT_TILE, MOST_MEGAPIXELS, __version__
from srgan_cli.errors import UsageError
from srgan_cli.files import quoted
from srgan_cli.options import AnyDevice, AnyPrecision
from srgan_cli.terminal.boundary import errors_as_exit_codes, loading, program, stop_signals
from srgan_cli.terminal.parameters import Outputs, one_parameter_per_field, path_given
from srgan_cli.training.options import DEFAULT_RUN, TrainOptions, read_toml, resumed, with_absolute_paths

app = typer.Typer(
    name="srgan",
    help="Pictures four times larger with an SRGAN.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)

DeviceOption = Annotated[AnyDevice, typer.Option(help="Where to compute; gpu fails if there is none.")]
PrecisionOption = Annotated[
    AnyPrecision, typer.Option(help="auto: half precision where the hardware computes in it, else float32.")
]
DebugOption = Annotated[bool, typer.Option("--debug", help="Show tracebacks.")]
_path_option = partial(typer.Option, parser=path_given)
_run_option = partial(typer.Option, rich_help_panel="Run")
_run_path = partial(_run_option, parser=path_given)


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


@app.command()
def upscale(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="Pictures, folders, 'patterns' (** for any folders), @LIST for a file of such lines, - for stdin.",
        ),
    ],
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            help="A file to write, a folder (FOLDER/), or - for stdout.",
            show_default="beside each input",
        ),
    ] = None,
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="Also folders inside folders, which the output folder gets, too.")
    ] = False,
    suffix: Annotated[
        str | None, typer.Option(help="Put behind each name.", show_default="_x4, _x2.5, _w800 ... beside inputs")
    ] = None,
    format: Annotated[
        str | None, typer.Option(help="png, jpeg, webp, tiff, bmp, avif or gif.", show_default="the input's")
    ] = None,
    quality: Annotated[
        int | None, typer.Option(min=1, max=100, help="For JPEG, WebP and AVIF.", show_default="95; of AVIF, 90")
    ] = None,
    scale: Annotated[float | None, typer.Option(help="Times as large; any number above 1.", show_default="4")] = None,
    width: Annotated[int | None, typer.Option(min=1, help="Or a width in pixels.", show_default=False)] = None,
    height: Annotated[int | None, typer.Option(min=1, help="Or a height.", show_default=False)] = None,
    long_edge: Annotated[int | None, typer.Option(min=1, help="Or a longer side.", show_default=False)] = None,
    model: Annotated[
        str,
        typer.Option(
            help="srresnet (true to the picture), srgan (sharper, invents texture), photo (also takes JPEG damage and"
            " noise away); or a .keras file, or a run folder."
        ),
    ] = DEFAULT_MODEL,
    strength: Annotated[
        float, typer.Option(min=0, max=1, help="The model's share in the result; the rest is srresnet's.")
    ] = 1.0,
    tile: Annotated[int, typer.Option(min=8, help="Side of a patch in pixels of the input.")] = DEFAULT_TILE,
    halo: Annotated[int, typer.Option(min=0, help="Real neighbours read around a patch, likewise.")] = DEFAULT_HALO,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    self_ensemble: Annotated[
        bool, typer.Option("--self-ensemble", help="Mean over flips and quarter turns; takes eight times as long.")
    ] = False,
    seamless: Annotated[
        bool, typer.Option("--seamless", help="For textures whose opposite edges meet: so do those of the result.")
    ] = False,
    background: Annotated[
        str | None,
        typer.Option(metavar="COLOR", help="Put transparent pictures on a colour: a name such as white, or #rrggbb."),
    ] = None,
    strip: Annotated[
        bool, typer.Option("--strip", help="Leave out EXIF, XMP, IPTC, DPI and texts; what the colours need stays.")
    ] = False,
    max_megapixels: Annotated[
        int, typer.Option(min=1, help="Larger pictures are refused before memory is taken for them.")
    ] = MOST_MEGAPIXELS,
    check_memory: Annotated[
        bool, typer.Option(help="Refuse pictures that take more memory than there is, as far as that can be estimated.")
    ] = True,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace results that are there already.")] = False,
    skip_existing: Annotated[
        bool, typer.Option("--skip-existing", help="Pass over results that are there already: goes on with a job.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would be written, and end.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print a line of JSON about each picture on stdout.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors and results.")] = False,
    debug: DebugOption = False,
) -> None:
    """Make pictures four times larger.

    Example: srgan upscale photo.jpg -o out.png
    """
    with errors_as_exit_codes(debug):
        from srgan_cli.jobs import batch, planning
        from srgan_cli.jobs.naming import Destination
        from srgan_cli.pictures.finish import Finish, parse_colour
        from srgan_cli.released import find_weights
        from srgan_cli.terminal import console
        from srgan_cli.terminal.account import Account
        from srgan_cli.upscaling import memory
        from srgan_cli.upscaling.sizes import Size

        find_weights(model)  # before thousands of pictures are looked at
        if overwrite and skip_existing:
            raise UsageError("--overwrite and --skip-existing contradict each other", "leave one of them out")
        existing: planning.Existing = "overwrite" if overwrite else "skip" if skip_existing else "refuse"
        finish = Finish(None if background is None else parse_colour(background), strip)
        size = Size(scale, width, height, long_edge)
        destination = Destination(output, suffix, format, quality, finish, size)
        limits = planning.Limits(max_megapixels * 10**6, memory.available() if check_memory else None)
        plan = planning.plan_jobs(inputs, destination, existing, recursive, limits)
        account = Account(json, quiet, dry_run, debug)
        account.start(plan)
        if plan.jobs and not dry_run:
            with loading():
                from srgan_cli.upscaling.upscaler import Options, Upscaler

                options = Options(model, tile, halo, device, precision, self_ensemble, seamless, strength)
                upscaler = Upscaler(options, account.say)
            account.start_computing(model, strength, upscaler.device, upscaler.precision)
            enlarge = partial(upscaler.upscale, size=size)
            with (
                stop_signals() as stopped,
                console.progress(
                    sum(job.pixels for job in plan.jobs), quiet or (json and sys.stdout.isatty())
                ) as advance,
            ):
                for outcome in batch.run_jobs(enlarge, plan.jobs, advance, lambda: bool(stopped)):
                    account.enter(outcome)
        if not account.close():
            raise typer.Exit(1)


@app.command()
@one_parameter_per_field(TrainOptions)
def train(
    output: Annotated[
        Path | None,
        _run_path("--output", "-o", help="The folder of the run, to be made.", show_default=str(DEFAULT_RUN)),
    ] = None,
    resume: Annotated[Path | None, _run_path(help="The run to go on with.")] = None,
    config: Annotated[Path | None, _run_path(help="A TOML file of options, such as batch_size = 16.")] = None,
    debug: Annotated[bool, _run_option("--debug", help="Show tracebacks.")] = False,
    **given: Any,
) -> None:
    """Train on pictures, first on pixels (--pretrain-steps), then adversarially (--steps).

    Ctrl-C stops with a backup, --resume goes on. Options that are given win over --config.

    Example: srgan train --data ./celeba -o runs/faces --pretrain-steps 2000
    """
    with errors_as_exit_codes(debug):
        from srgan_cli.terminal import console
        from srgan_cli.training.runs import RunFolder

        values = {**read_toml(config), **{name: value for name, value in given.items() if value is not None}}
        if resume and output:
            raise UsageError("a run that is resumed stays in its folder", "leave out -o, or start anew with --from")
        values, run = with_absolute_paths(values), RunFolder(resume or output or DEFAULT_RUN)
        if resume:
            saved = run.read_options()
            options = resumed(saved, values, run.steps_done(saved))
        else:
            options = TrainOptions.from_mapping(values, "options")
        if not options.data:
            raise UsageError("there are no pictures to train on", "add --data FOLDER, or a .zip, or a glob")
        with loading():
            from srgan_cli.training import trainer
            from srgan_cli.training.replicas import is_chief
            from srgan_cli.training.session import Listener

            run.writes = is_chief()
            trainer.fix_seeds(options)  # now, since on JAX, too, it loads TensorFlow
        if not resume:
            run.refuse_existing()
        promise = "stopping after this step, with a backup; Ctrl-C once more ends at once, without it"
        with run.held(), stop_signals(promise) as stopped, console.training_display(options) as (line, record):
            done = trainer.train(options, run, Listener(line, record, lambda: bool(stopped)))
        if not done:
            raise typer.Exit(130)
        console.say(f"done: srgan upscale --model {quoted(run.path)} photo.jpg")


@app.command("eval")
def evaluate(
    data: Annotated[Path, _path_option("--data", "-d", help="The folder of the original pictures (HR).")],
    lr_data: Annotated[
        Path | None,
        _path_option(
            help="The folder of the same pictures four times smaller (LR), matched by name.",
            show_default="made by bicubic",
        ),
    ] = None,
    model: Annotated[
        list[str],
        typer.Option(help="Weights as in upscale, or a folder of SR pictures made elsewhere; may be repeated."),
    ] = [DEFAULT_MODEL],  # noqa: B006 (Typer copies it)
    channel: Annotated[Literal["y", "rgb"], typer.Option(help="What PSNR and SSIM compare: luma, or colours.")] = "y",
    border: Annotated[int, typer.Option(min=0, help="Pixels at each edge that PSNR and SSIM leave out.")] = 4,
    lpips: Annotated[bool, typer.Option(help="Also measure LPIPS, how different pictures look.")] = True,
    per_image: Annotated[bool, typer.Option("--per-image", help="Show every picture's scores.")] = False,
    json: Annotated[Path | None, _path_option(help="Write the scores to this file; - for stdout.")] = None,
    csv: Annotated[Path | None, _path_option(help="Write them as a table, a line for each picture and model.")] = None,
    report: Annotated[Path | None, _path_option(help="Write a page of scores and pictures to this .html file.")] = None,
    back_projection: Annotated[bool, typer.Option(help="Add what SR lacks of LR to it, as upscale does.")] = True,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "float32",
    debug: DebugOption = False,
) -> None:
    """Measure models on pictures, always beside bicubic interpolation, as the papers do.

    Example: srgan eval --data Set5 --lr-data Set5/LR_x4 --report set5.html
    """
    with errors_as_exit_codes(debug):
        from srgan_cli.evaluation.pairs import find_pairs
        from srgan_cli.released import find_lpips
        from srgan_cli.terminal import console

        pairs, weights = find_pairs(data, lr_data, console.say), find_lpips() if lpips else None
        outputs = Outputs(json, csv, report)
        outputs.check()
        if lpips and not weights:
            console.say("LPIPS is left out: its weights are not in this installation")
        with loading():
            from srgan_cli.evaluation import scoring
            from srgan_cli.evaluation.lpips import Lpips
            from srgan_cli.evaluation.report import Report
            from srgan_cli.terminal.scorebook import Scorebook
            from srgan_cli.upscaling.upscaler import Options

            chosen = partial(Options, device=device, precision=precision, back_projection=back_projection)
            models = scoring.load_models([chosen(name) for name in dict.fromkeys(model)], pairs)
            distance = Lpips(weights, device) if weights else None
        computed = scoring.computed_in(models)
        protocol = scoring.Protocol(channel, border, scoring.origin_of_lr(lr_data), distance is not None, *computed)
        with Report(str(data), str(protocol), protocol.metrics) if report else nullcontext() as page:
            book = Scorebook(protocol, page, debug)
            with stop_signals() as stopped, console.progress(len(pairs)) as advance:
                for outcome in scoring.evaluate(pairs, models, protocol, distance):
                    advance(1)
                    book.enter(outcome)
                    if stopped:
                        break
            if not book.close(outputs, pairs, per_image):
                raise typer.Exit(130 if stopped else 1)


def main() -> None:
    """The program."""
    with program():
        app(windows_expand_args=False)  # else patterns, and names with brackets, would be others there
