"""What Pillow is taught and told before it opens files: formats, chunks, silence, and how large a picture may be."""

import ctypes
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from itertools import product
from threading import Lock

from PIL import Image, ImageFile, PngImagePlugin, TiffImagePlugin, TiffTags, _imaging

from srgan_cli.pictures.formats import FORMATS
from srgan_cli.pictures.modes import ICC_LAB
from srgan_cli.pictures.sixteen import ALPHA, BLACK_IS_ZERO, PREMULTIPLIED, RGB, UNSPECIFIED, WHITE_IS_ZERO

LONGEST_CHUNK = 16 * 2**20  # bytes of a PNG's text or colour profile, unpacked; Pillow refuses more than one MiB
TRANSPARENCY_MASK = 4  # a TIFF's photometric interpretation
KINDS = ((BLACK_IS_ZERO, "L", 16), (RGB, "RGB", 16), (WHITE_IS_ZERO, "L", 16), (WHITE_IS_ZERO, "L", 8))
EXTRAS, MOST_OTHERS = (UNSPECIFIED, PREMULTIPLIED, ALPHA), 2  # Pillow looks at six channels at most
PILLOWS_OWN = (  # what Pillow, and we, say of a PNG beside its texts
    *("aspect", "bbox", "blend", "chromaticity", "cicp", "default_image", "disposal", "dpi", "duration", "exif"),
    *("gamma", "icc_profile", "interlace", "loop", "srgb", "transparency", "xmp"),
)


def _keep_texts_apart() -> None:
    """Tell Pillow that a PNG's texts say nothing of the picture, whatever they are called."""
    for name in ("chunk_tEXt", "chunk_zTXt", "chunk_iTXt"):
        setattr(PngImagePlugin.PngStream, name, _leaving_info(getattr(PngImagePlugin.PngStream, name)))


def _leaving_info(read_text: Callable[..., bytes]) -> Callable[..., bytes]:
    def read(stream: PngImagePlugin.PngStream, *place: int) -> bytes:
        before = stream.im_info.copy()
        content = read_text(stream, *place)
        name = content.partition(b"\0")[0].decode("latin-1")
        if name in PILLOWS_OWN:
            stream.im_info.pop(name, None)
            if name in before:
                stream.im_info[name] = before[name]
        return content

    return read


def _silence_decoders() -> None:
    """Turn off what decoders write to stderr; what matters in it is raised anyway."""
    for name in ("PIL", "imagecodecs", "tifffile"):
        logging.getLogger(name).addHandler(logging.NullHandler())
    with suppress(AttributeError, OSError):  # a Pillow that hides its libtiff
        libtiff = ctypes.CDLL(_imaging.__file__)
        libtiff.TIFFSetErrorHandler(None)
        libtiff.TIFFSetWarningHandler(None)


def readable_formats() -> list[str]:
    """Pillow's names, after what it does not read by itself was added."""
    warnings.filterwarnings("ignore", module="PIL")  # of sizes below the limit, and of oddities in EXIF
    _teach()
    return [kind.name for kind in FORMATS if kind.name in Image.OPEN]


@cache
def _teach() -> None:
    """Tell Pillow all that it is to know, once."""
    _silence_decoders()
    PngImagePlugin.MAX_TEXT_CHUNK = LONGEST_CHUNK
    TiffImagePlugin.ImageFileDirectory_v2._write_dispatch[TiffTags.ASCII] = _write_text
    _open_tiffs()
    _read_cicp_chunks()
    _keep_texts_apart()
    with suppress(ImportError):
        import pillow_heif

        pillow_heif.register_heif_opener()
    Image.init()


def _open_tiffs() -> None:
    """Tell Pillow of TIFFs that `sixteen.decode` reads, of another kind of LAB, and of masks, which are passed over.

    The first are grey with alpha, and what has further channels, such as Photoshop's saved selections.
    """
    for order in (b"II", b"MM"):
        for (photometric, colours, bits), extra, others in product(KINDS, EXTRAS, range(MOST_OTHERS + 1)):
            key = (order, photometric, (1,), 1, (bits,) * (len(colours) + 1 + others), (extra, *[UNSPECIFIED] * others))
            mode = colours if extra == UNSPECIFIED else f"{colours}A"
            TiffImagePlugin.OPEN_INFO.setdefault(key, (mode, f"{mode};16"))
        for photometric in (WHITE_IS_ZERO, BLACK_IS_ZERO):
            TiffImagePlugin.OPEN_INFO.setdefault((order, photometric, (1,), 1, (12,), ()), ("I;16", "I;12"))
        TiffImagePlugin.OPEN_INFO.setdefault((order, ICC_LAB, (1,), 1, (8, 8, 8), ()), ("LAB", "LAB"))
        for bit_order in (1, 2):
            TiffImagePlugin.OPEN_INFO.setdefault((order, TRANSPARENCY_MASK, (1,), bit_order, (1,), ()), ("1", "1"))


def _write_text(_: object, value: str | bytes | int) -> bytes:
    """A text of EXIF or TIFF as bytes: those that it was read from, by Latin-1, for which Pillow would write ASCII."""
    return (value if isinstance(value, bytes) else str(value).encode("latin-1", "replace")) + b"\0"


def _read_cicp_chunks() -> None:
    """Tell Pillow of the PNG chunk that outweighs all others about colour (PNG, third edition, 11.3.2.6)."""
    if not hasattr(PngImagePlugin.PngStream, "chunk_cICP"):
        PngImagePlugin.PngStream.chunk_cICP = _read_cicp  # type: ignore[attr-defined]


def _read_cicp(stream: PngImagePlugin.PngStream, _: int, length: int) -> bytes:
    assert stream.fp is not None
    stream.im_info["cicp"] = data = ImageFile._safe_read(stream.fp, length)
    return data


class _PillowsLimit:
    """What Pillow refuses at, which is one number for the whole process: ours only while pictures are open."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._limits: list[int] = []  # of the pictures that are open in all threads
        self._before: int | None = None

    @contextmanager
    def raised_to(self, pixels: int) -> Iterator[None]:
        """Meanwhile refuse pictures of more pixels, or of the most that another thread asks for."""
        with self._lock:
            if not self._limits:
                self._before = Image.MAX_IMAGE_PIXELS
            self._limits.append(pixels)
            self._set()
        try:
            yield
        finally:
            with self._lock:
                self._limits.remove(pixels)
                self._set()

    def _set(self) -> None:
        # Pillow warns at this number and refuses above twice that.
        Image.MAX_IMAGE_PIXELS = (max(self._limits) + 1) // 2 if self._limits else self._before


LIMIT = _PillowsLimit()
