"""A name, a file or a run -> the file of a generator's weights."""

from pathlib import Path

from srgan_cli.errors import SrganError


def find_weights(model: str) -> Path:
    """The `.keras` file for a name of released weights, a file or a run folder.

    A released name wins over a file or folder of that name; `./NAME` stands for those.

    Raises:
        SrganError: There is none.
    """
    if not model:  # which Path takes for the current folder
        raise SrganError("the name of the model is empty", "give it a value, or leave it out")
    path, named = Path(model), released()
    if model in named:
        return named[model]
    if path.is_dir():
        if not (path / "generator.keras").exists():
            raise SrganError(f"{path}: has no generator.keras", "name a run that has reached a validation")
        return path / "generator.keras"
    if path.exists():
        return path
    if path.suffix == ".keras":
        raise SrganError(f"{path}: there is no such file", "name released weights, a .keras file or a run")
    raise SrganError(f"there is no model {model!r}", f"released: {', '.join(sorted(named))}; or pass a .keras file")


def released() -> dict[str, Path]:
    """Name -> file of the weights that ship with the program."""
    return {file.stem: file for file in _folder().glob("*.keras")}


def is_run(path: Path) -> bool:
    """Whether a folder is that of a training run."""
    return (path / "config.json").exists() and ((path / "backup").is_dir() or (path / "log.csv").exists())


def find_lpips() -> Path | None:
    """The file of LPIPS weights that ships with the program; None if it was left out of this installation."""
    return next(_folder().glob("lpips_squeeze_*.npz"), None)


def _folder() -> Path:
    """Where released weights lie: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).parent
    return package / "weights" if (package / "weights").is_dir() else package.parent / "weights"
