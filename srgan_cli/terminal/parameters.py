"""What the command line's parameters are made of: an options class, and paths that are checked."""

import inspect
import os
from collections.abc import Callable
from dataclasses import Field, dataclass, fields
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from srgan_cli.errors import UsageError
from srgan_cli.files import STDOUT, check_file, is_special
from srgan_cli.options import flag
from srgan_cli.training.options import without_none

ENDINGS = {"json": (".json",), "csv": (".csv",), "report": (".html", ".htm")}


def path_given(text: str) -> Path:
    """The path that a text names; an empty one, such as a variable of a script that was never set, names none.

    Raises:
        typer.BadParameter: It is empty, which Path takes for the current folder.
    """
    if not text:
        raise typer.BadParameter("it is empty; give it a value, or leave it out")
    return Path(text)


@dataclass(frozen=True)
class Outputs:
    """Files to write; None for none, `-` for stdout, of which there may be one."""

    json: Path | None
    csv: Path | None
    report: Path | None

    def check(self) -> None:
        """Make sure, before anything is computed, that each can be written, and none over another or a picture.

        Raises:
            SrganError: One cannot.
            UsageError: Two are the same, the report is stdout, or a file is not called like what it will hold.
        """
        files = [path for path in (self.json, self.csv, self.report) if path]
        if self.report == STDOUT:
            raise UsageError("a report cannot be written to stdout", "name a file, such as report.html")
        if len({*map(os.path.realpath, files)}) < len(files):
            raise UsageError("two of --json, --csv and --report are the same", "give each a file of its own")
        for name, path in vars(self).items():
            if path and path != STDOUT:
                check_file(path)
                if path.suffix.lower() not in ENDINGS[name] and not is_special(path):
                    raise UsageError(f"--{name} {path}: has another ending", f"end it in {ENDINGS[name][0]}")


def one_parameter_per_field(options: type) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorator: replace the `**given` of a command by one option per field, None where it is not given.

    Args:
        options: A dataclass whose fields are made by `options.option`.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        signature, kinds = inspect.signature(command), get_type_hints(options)
        parameters = [p.replace(kind=p.KEYWORD_ONLY) for p in signature.parameters.values() if p.kind != p.VAR_KEYWORD]
        for place, field in enumerate(fields(options)):
            annotation: Any = Annotated[without_none(kinds[field.name]) | None, _as_option(field)]
            made = inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
            parameters.insert(place, made)
        command.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {p.name: p.annotation for p in parameters}
        return command

    return decorate


def _as_option(field: "Field[Any]") -> Any:
    about, least, short = (field.metadata[key] for key in ("about", "least", "short"))
    names = filter(None, (flag(field.name), short))
    default = f" [{field.default}]" if field.default not in (None, "") else ""
    return typer.Option(*names, help=about + default.replace("[", "\\["), min=least, show_default=False)
