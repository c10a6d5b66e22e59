"""A folder, a glob or a .zip -> the pictures to train on, decoded, and whether they are resized or cropped."""

import glob
import io
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator
from functools import cache, cached_property
from pathlib import Path
from threading import Lock

import numpy as np

from srgan_cli.errors import OutOfMemoryError, SrganError, reason
from srgan_cli.pictures import formats, images
from srgan_cli.pictures.alpha import bleed
from srgan_cli.pictures.picture import Picture, as_rgb8
from srgan_cli.training.options import Sampling, TrainOptions
from srgan_cli.training.runs import holds_sheets
from srgan_cli.walking import is_hidden_below, matches, walk

LARGEST_MEMBER = 512 * 2**20  # bytes; what claims to be more is no picture but an attack
LOOKED_AT = 16  # pictures, to choose how they are sampled


class Pictures:
    """The pictures at one place, decoded on demand and kept in memory up to a budget; safe to use from threads.

    Attributes:
        names: All candidates, sorted. Whether one can be decoded shows when it is first read.
        unusable: Name -> why it was left out; a folder that cannot be read is, too.

    Raises:
        SrganError: Nothing at this place is named like a picture.
    """

    def __init__(self, place: str, cache_bytes: int) -> None:
        self.place = place
        self.unusable: dict[str, str] = {}
        self.names, self._read = _find(place, self.unusable)
        if not self.names:
            why = "; ".join(["no pictures found", *self.unusable.values()])
            raise SrganError(f"{place}: {why}", f"looked for {' '.join(formats.SUFFIXES)}")
        self._cache: dict[str, np.ndarray] = {}
        self._free_bytes = cache_bytes
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def usual_side(self) -> int:
        """Pixels of the shorter side of some of the pictures, their median.

        Raises:
            SrganError: No picture can be used.
        """
        indices = np.linspace(0, len(self) - 1, min(LOOKED_AT, len(self))).astype(int)
        return int(np.median([min(self.load(int(index), 1).shape[:2]) for index in indices]))

    def load(self, index: int, smallest_side: int) -> np.ndarray:
        """(H, W, 3) uint8 RGB of the first usable picture from `index` on, none of its sides under `smallest_side`.

        Raises:
            SrganError: No picture can be used.
            OutOfMemoryError: Which leaves none out for good.
        """
        for candidate in range(index, index + len(self)):
            name = self.names[candidate % len(self)]
            if name not in self.unusable:
                try:
                    return self._load(name, smallest_side)
                except OutOfMemoryError:
                    raise
                except SrganError as error:
                    self.unusable[name] = error.message
        reasons = "; ".join(list(self.unusable.values())[:3])
        raise SrganError(f"{self.place}: none of {len(self)} pictures can be used ({reasons})", "give other pictures")

    def _load(self, name: str, smallest_side: int) -> np.ndarray:
        pixels = self._cache.get(name)
        if pixels is None:
            pixels = as_rgb8(bleed(self._read(name)))  # as in upscaling
        if min(pixels.shape[:2]) < smallest_side:
            raise SrganError(f"{name}: has a side shorter than {smallest_side} pixels")
        self._keep(name, pixels)
        return pixels

    def _keep(self, name: str, pixels: np.ndarray) -> None:
        size = pixels.nbytes if pixels.strides[-1] else pixels.nbytes // 3  # grey is one channel, seen three times
        with self._lock:
            if name not in self._cache and size <= self._free_bytes:
                self._cache[name] = pixels
                self._free_bytes -= size


def _find(place: str, unusable: dict[str, str]) -> tuple[list[str], Callable[[str], Picture]]:
    """The sorted names of what looks like pictures at a place, and how to read one of them; folders may be unusable."""

    def note(error: OSError) -> None:
        unusable[str(error.filename)] = f"{error.filename}: cannot be read ({reason(error)})"

    path = Path(place)
    if path.suffix.lower() == ".zip" and path.is_file():
        return _find_in_zip(path)
    if path.is_dir():
        found = _files_below(place, note)
    elif glob.has_magic(place):
        sheets = cache(holds_sheets)
        found = (name for name in matches(place, note) if Path(name).is_file() and not sheets(Path(name).parent))
    elif path.exists():
        raise SrganError(f"{place}: is neither a folder nor a .zip", "name the folder of the pictures")
    else:
        hint = "check the spelling, or say where it is with --data or --validation"
        raise SrganError(f"{place}: there is no such folder or .zip", hint)
    return _pictures_among(found), lambda name: images.read_picture(Path(name))


def _files_below(folder: str, on_error: Callable[[OSError], None]) -> Iterator[str]:
    """All files at any depth but for those in hidden folders and the sample sheets of training runs."""

    def left_out(path: str) -> bool:
        return is_hidden_below(folder, path) or holds_sheets(Path(path))

    for path, files in walk(folder, left_out, on_error):
        yield from (os.path.join(path, name) for name in files)  # noqa: PTH118 (200,000 of them)


def _find_in_zip(path: Path) -> tuple[list[str], Callable[[str], Picture]]:
    try:
        archive = zipfile.ZipFile(path)
    except Exception as error:  # zipfile has no name for all that can be wrong with one
        raise SrganError(f"{path}: is not a .zip, or it is damaged ({reason(error)})", "download it again") from error

    files = (member for member in archive.infolist() if not member.is_dir())
    members = {member.filename: member for member in files if not _is_hidden(member.filename)}

    def read(name: str) -> Picture:
        if members[name].file_size > LARGEST_MEMBER:
            raise SrganError(f"{path}: {name} is larger than {LARGEST_MEMBER // 2**20} MiB")
        try:
            content = archive.read(members[name])
        except MemoryError as error:
            raise OutOfMemoryError(f"{path}: {name}") from error
        except Exception as error:  # a damaged or encrypted member: zlib, zipfile and struct each have their own
            raise SrganError(f"{path}: {name} cannot be read ({reason(error)})", "download it again") from error
        return images.read_picture(Path(name), io.BytesIO(content))

    return _pictures_among(members), read


def _is_hidden(member: str) -> bool:
    """Whether a file in an archive is in a hidden folder, or in that for which macOS hides nothing."""
    return any(part.startswith(".") or part == "__MACOSX" for part in Path(member).parts[:-1])


def _pictures_among(names: Iterable[str]) -> list[str]:
    # macOS adds a hidden ._name.jpg beside every name.jpg of an archive.
    paths = ((name, Path(name)) for name in names)
    return sorted(n for n, p in paths if p.suffix.lower() in formats.SUFFIXES and not p.name.startswith("."))


def settle_sampling(options: TrainOptions, pictures: Pictures, say: Callable[[str], None]) -> Sampling:
    """That of the options, else `crop` if most pictures are clearly larger than a square; `say` is told which."""
    size = options.hr_size
    sampling = options.sampling or ("crop" if pictures.usual_side >= 1.5 * size else "resize")
    how = "random crops of" if sampling == "crop" else "each resized to"
    say(f"{len(pictures)} picture{'s' * (len(pictures) != 1)}, {how} {size}x{size} (--sampling {sampling})")
    if sampling == "resize" and (side := pictures.usual_side) < size:
        say(f"most of them are smaller, about {side} pixels, and are enlarged to it; --hr-size sets another size")
    return sampling
