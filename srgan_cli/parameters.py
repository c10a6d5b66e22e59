"""An options class -> the parameters of a Typer command."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import Field, fields
from typing import Annotated, Any, get_type_hints

import typer

from srgan_cli.options import choices


def one_parameter_per_field(
    options: type, short: Mapping[str, str], renamed: Mapping[str, str]
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorator: replace the `**given` of a command by one option per field, None where it is not given.

    Args:
        options: A dataclass whose fields are made by `options.option`.
        short: Field -> a short form, such as `-d`.
        renamed: Field -> its option, where that is not the field's name.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        signature, kinds = inspect.signature(command), get_type_hints(options)
        own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
        made = []
        for field in fields(options):
            names = [renamed.get(field.name, f"--{field.name.replace('_', '-')}")]
            names += [short[field.name]] if field.name in short else []
            (kind,) = choices(kinds[field.name])
            annotation: Any = Annotated[kind | None, _as_option(field, names)]
            made.append(
                inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
            )
        own = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own]
        command.__signature__ = signature.replace(parameters=[*made, *own])  # type: ignore[attr-defined]
        command.__annotations__ = {p.name: p.annotation for p in (*made, *own)}
        return command

    return decorate


def _as_option(field: "Field[Any]", names: list[str]) -> Any:
    about, least = field.metadata["about"], field.metadata["least"]
    default = f" [{field.default}]" if field.default not in (None, "") else ""
    return typer.Option(*names, help=about + default.replace("[", "\\["), min=least, show_default=False)
