"""Picture files -> opened Pillow images, or one sentence about what is wrong with them."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import BinaryIO

from PIL import Image, ImageFile, UnidentifiedImageError

from srgan_cli import modes, sixteen
from srgan_cli.errors import SrganError
from srgan_cli.files import reason
from srgan_cli.formats import FORMATS

HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


@contextmanager
def open_picture(path: Path, file: BinaryIO | None = None, several: bool = False) -> Iterator[ImageFile.ImageFile]:
    """Open a picture file, or `file` under the name of one.

    Args:
        path: The file; only its name in messages if `file` is given.
        file: What to read instead.
        several: Whether it may have several frames or pages.

    Raises:
        SrganError: There is no picture that is supported, or something went wrong inside the `with`.
    """
    try:
        with warnings.catch_warnings():
            # Pillow warns at 89 megapixels, which cameras make (it refuses at twice that), and of oddities in EXIF.
            warnings.simplefilter("ignore")
            with Image.open(file or path, formats=_readable_formats()) as image:
                if several:
                    modes.refuse_unsupported(image.mode)
                else:
                    refuse_unsupported(image)
                yield image
    except SrganError as error:
        raise SrganError(f"{path}: {error.message}", error.hint) from error
    except FileNotFoundError:
        raise SrganError(f"{path}: there is no such file or folder", "check the spelling") from None
    except UnidentifiedImageError:
        _explain_heic(path, file)
        names = ", ".join(kind.name for kind in FORMATS)
        raise SrganError(f"{path}: is not a picture, or it is damaged", f"pictures are {names} files") from None
    except Image.DecompressionBombError as error:
        raise SrganError(f"{path}: too large ({error})", "cut it into parts") from error
    except Exception as error:  # Pillow's decoders raise whatever a damaged file leads them to
        raise SrganError(
            f"{path}: cannot be read ({reason(error)})", "it may be damaged; save or copy it again"
        ) from error


def _readable_formats() -> list[str]:
    """Pillow's names, after what it does not read by itself was added."""
    sixteen.let_pillow_open_grey_with_alpha()
    with suppress(ImportError):
        import pillow_heif

        pillow_heif.register_heif_opener()
    Image.init()
    return [kind.name for kind in FORMATS if kind.name in Image.OPEN]


def _explain_heic(path: Path, file: BinaryIO | None) -> None:
    with nullcontext(file) if file else path.open("rb") as opened:
        opened.seek(0)
        start = opened.read(12)
    if "HEIF" not in Image.OPEN and start[4:8] == b"ftyp" and start[8:] in HEIC_BRANDS:
        raise SrganError(f"{path}: is a HEIC picture, which takes a plug-in", "pip install 'srgan-cli[heic]'") from None


def count_frames(image: Image.Image) -> int:
    """How many frames or pages an opened picture has."""
    # An MPO is a JPEG photograph with previews or a second view behind it: the photograph is its first frame. A HEIC
    # file opens at its primary picture.
    return 1 if image.format in ("MPO", "HEIF") else getattr(image, "n_frames", 1)


def refuse_unsupported(image: Image.Image) -> None:
    """Say why a file or image is not a single picture that can be enlarged.

    Raises:
        SrganError: It has several frames, or a mode that is not supported.
    """
    frames = count_frames(image)
    if frames > 1:
        raise SrganError(f"has {frames} frames or pages; a single picture is needed", "extract one first")
    modes.refuse_unsupported(image.mode)
