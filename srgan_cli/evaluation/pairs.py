"""Which pictures are compared: by their names, settled before anything heavy is loaded."""

import re
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from pathlib import Path

from srgan_cli.errors import SrganError
from srgan_cli.jobs.sources import pictures_in
from srgan_cli.upscaling.sizes import split_name

HR_MARK = re.compile(r"_(HR|GT)$", re.IGNORECASE)
LR_MARK = re.compile(r"(_LR)?_?x4$|_LR$", re.IGNORECASE)


@dataclass(frozen=True)
class Pair:
    """An HR picture and what it is compared with.

    Attributes:
        name: What both are called.
        hr: The HR file.
        lr: The LR file; None if LR is to be made from HR.
    """

    name: str
    hr: Path
    lr: Path | None = None


def find_pairs(hr_folder: Path, lr_folder: Path | None, say: Callable[[str], None] = lambda _: None) -> list[Pair]:
    """The pictures of a folder with their LR pictures.

    Args:
        hr_folder: Holds `NAME.png`, `NAME_HR.png` or `NAME_GT.png`, or has no pictures but a folder HR of such.
        lr_folder: Holds `NAME.png`, `NAMEx4.png`, `NAME_x4.png` or `NAME_LR.png`; None if LR is to be made. It may be
            the same folder, with names that are marked.
        say: Told what was left out.

    Raises:
        SrganError: A folder has no pictures, two are called the same, or one has no partner in the other folder.
    """
    if (hr_folder / "HR").is_dir() and not pictures_in(hr_folder):
        hr_folder /= "HR"
    pictures = _pictures_or_error(hr_folder)
    marked = {HR_MARK.sub("", path.stem) for path in pictures if HR_MARK.search(path.stem)}
    partners = {path.stem for path in lr_folder.iterdir()} if lr_folder and lr_folder.is_dir() else set()
    kept = _without_results(pictures, partners)
    if len(kept) < len(pictures):
        left_out = f"{len(pictures) - len(kept)} of {len(pictures)} pictures in {hr_folder}"
        say(f"left out: {left_out}, which by their names are results of others there")
    hr_files = [p for p in kept if not (LR_MARK.search(p.stem) and _without_lr_mark(p) in marked)]
    hr_by_name = {HR_MARK.sub("", path.stem): path for path in hr_files}
    others = set(hr_files) - set(hr_by_name.values())
    twins = sorted(path.name for path in others)
    if twins:
        raise SrganError(
            f"{hr_folder}: another picture is called like {', '.join(twins)}", "rename or move one of them"
        )
    if lr_folder is None:
        return [Pair(name, path) for name, path in hr_by_name.items()]
    lr_by_name = match_names(hr_by_name, lr_folder)
    return [Pair(name, path, lr_by_name[name]) for name, path in hr_by_name.items()]


def match_names(names: Mapping[str, Path], folder: Path) -> dict[str, Path]:
    """Name -> its picture in a folder, where it is called so but for a mark of LR or of the scale.

    Args:
        names: With the HR files, for the message.
        folder: LR pictures, or what another program made of them.

    Raises:
        SrganError: A name has no picture, or a picture no name; all are listed.
    """
    pictures = _without_results(_pictures_or_error(folder), names)
    files = [path for path in pictures if not HR_MARK.search(path.stem)] or pictures
    hr_files = {path.resolve() for path in names.values()}
    called_like_hr = {_without_marks(path): path for path in pictures if path.resolve() not in hr_files}
    by_name = called_like_hr | {_without_lr_mark(path): path for path in files} | {path.stem: path for path in files}
    found = {name: by_name[name] for name in names if name in by_name}
    missing = ", ".join(path.name for name, path in names.items() if name not in found)
    taken = set(found.values())
    spare = ", ".join(path.name for path in files if path not in taken)
    if missing or spare:
        parts = missing and f"nothing here for {missing}", spare and f"nothing to compare {spare} with"
        raise SrganError(
            f"{folder}: {'; '.join(filter(None, parts))}",
            "pictures are matched by name: NAME with NAME, NAMEx4 or NAME_x4, NAME_HR with NAME_LR",
        )
    return found


def _without_results(pictures: list[Path], partners: Container[str]) -> list[Path]:
    """Without what `srgan upscale` has made of others, but for those that have partners of just that name."""
    stems = {path.stem.lower() for path in pictures}

    def is_result(path: Path) -> bool:
        original, size = split_name(path.stem)
        return size is not None and original.lower() in stems and path.stem not in partners

    return [path for path in pictures if not is_result(path)]


def _without_lr_mark(path: Path) -> str:
    return LR_MARK.sub("", path.stem)


def _without_marks(path: Path) -> str:
    return HR_MARK.sub("", _without_lr_mark(path))


def _pictures_or_error(folder: Path) -> list[Path]:
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "there is no such folder"
        raise SrganError(f"{folder}: {what}", "name a folder of pictures")
    pictures = pictures_in(folder)
    if not pictures:
        inner = sorted(path for path in folder.iterdir() if path.is_dir() and pictures_in(path))
        raise SrganError(
            f"{folder}: no pictures in this folder",
            f"did you mean {' or '.join(map(str, inner))}?" if inner else "name a folder of pictures",
        )
    return pictures
