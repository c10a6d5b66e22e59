"""Pillow's colour modes -> grey or RGB, with or without alpha."""

import io
from contextlib import suppress
from typing import Any

import numpy as np
from PIL import Image, ImageCms, TiffImagePlugin

from srgan_cli.errors import SrganError
from srgan_cli.pictures.sixteen import WHITE_IS_ZERO, from_12_bits

GREY = ("1", "L", "LA", "La")
COLOUR = ("P", "PA", "RGB", "RGBA", "RGBX", "RGBa", "HSV", "YCbCr")
SIXTEEN_BITS = ("I;16", "I;16B", "I;16L", "I;16N")
CONVERTED = ("CMYK", "LAB")  # to sRGB, so that the profile is not that of the pixels any more
SUPPORTED = GREY + COLOUR + SIXTEEN_BITS + CONVERTED
BAD_PROFILE = (ImageCms.PyCMSError, OSError, ValueError)  # damaged, or not for the colours that it comes with
UNSUPPORTED = {"I": "32-bit integers", "F": "floating-point numbers"}
ICC_LAB = 9  # a TIFF's photometric interpretation: LAB whose a and b are stored from -128 on, not as signed numbers


def refuse_unsupported(image: Image.Image) -> None:
    """Say why pictures of an image's mode are not enlarged.

    Raises:
        SrganError: It is none of `SUPPORTED`.
    """
    mode = image.mode
    if mode in UNSUPPORTED:
        numbers = "signed 16-bit integers" if _bits(image) == 16 else UNSUPPORTED[mode]
        raise SrganError(
            f"has {numbers} as pixels (mode {mode}), which have no agreed black and white",
            "save it with 8 or 16 bits, without a sign, first",
        )
    if mode not in SUPPORTED:
        raise SrganError(f"has the colour mode {mode}, which is not supported", "convert it to RGB first")


def to_channels(image: Image.Image) -> tuple[np.ndarray, str]:
    """The pixels of an image, as stored (not yet upright).

    Palettes become the colours they stand for: grey if all in use are grey, unless the profile is for RGB.

    Returns:
        (H, W, 1 to 4) uint8 or uint16: grey or RGB, then alpha if the image has transparency; and what is to be said
        about the conversion, if anything.

    Raises:
        SrganError: The mode is not supported.
    """
    refuse_unsupported(image)
    if image.mode in SIXTEEN_BITS:
        return _sixteen_bits(image), ""
    if image.mode == "CMYK":
        return _from_cmyk(image)
    if image.mode == "LAB":
        if _tag(image, TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == ICC_LAB:
            stored = np.asarray(image) ^ np.array([0, 128, 128], np.uint8)
            image = Image.frombytes("LAB", image.size, stored.tobytes())
        return np.asarray(_to_srgb(image, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")))), ""
    if image.mode in ("La", "RGBa"):
        image = image.convert(image.mode.upper())
    transparent = image.has_transparency_data
    if image.mode in GREY or _is_grey_palette(image):
        # Pillow goes from a transparent palette to LA through luma, which leaves grey as it is.
        array = np.array(image.convert("LA" if transparent else "L"))
        return array.reshape(*array.shape[:2], -1), ""
    return np.array(image.convert("RGBA" if transparent else "RGB")), ""


def _sixteen_bits(image: Image.Image) -> np.ndarray:
    grey = np.asarray(image).astype(np.uint16)[..., None]
    if _bits(image) == 12:  # which Pillow leaves as they are
        grey = from_12_bits(grey)
    if _tag(image, TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == WHITE_IS_ZERO:
        grey = ~grey
    key = image.info.get("transparency")
    if key is None:
        return grey
    return np.concatenate([grey, np.where(grey == key, 0, 65535).astype(np.uint16)], axis=-1)


def _bits(image: Image.Image) -> int:
    """Bits a channel of a TIFF; 0 for other files."""
    return _tag(image, TiffImagePlugin.BITSPERSAMPLE, (0,))[0]


def _tag(image: Image.Image, tag: int, default: Any = None) -> Any:
    return image.tag_v2.get(tag, default) if isinstance(image, TiffImagePlugin.TiffImageFile) else default


def may_be_grey(image: Image.Image) -> bool:
    """Whether an image is grey, or has a palette that may be."""
    profile = image.info.get("icc_profile") or b""  # Pillow has None for a damaged one
    return image.mode in GREY + SIXTEEN_BITS or (image.mode in ("P", "PA") and profile[16:20] != b"RGB ")


def _is_grey_palette(image: Image.Image) -> bool:
    if not may_be_grey(image):
        return False
    used = np.unique(np.asarray(image.getchannel(0)))
    palette = image.getpalette("RGB")
    if palette is None:
        return False
    colours = np.array(palette, np.uint8).reshape(-1, 3)
    colours = colours[used[used < len(colours)]]
    return bool((colours == colours[:, :1]).all())


def _from_cmyk(image: Image.Image) -> tuple[np.ndarray, str]:
    profile, cut = image.info.get("icc_profile"), "; 16 bits read as 8" if _bits(image) > 8 else ""
    if profile:
        with suppress(*BAD_PROFILE):
            converted = _to_srgb(image, ImageCms.ImageCmsProfile(io.BytesIO(profile)))
            return np.asarray(converted), f"CMYK converted to sRGB through its profile{cut}"
    note = f"CMYK converted to RGB {'without' if not profile else 'past a bad'} profile{cut}"
    return np.asarray(image.convert("RGB")), note


def grey_to_srgb(grey: np.ndarray, profile: bytes) -> tuple[np.ndarray, str]:
    """The grey that sRGB has for what a profile means by these codes, and what is to be said about that.

    Args:
        grey: uint8 or uint16, of any shape, which stays.
        profile: For grey.
    """
    codes = Image.fromarray(np.arange(np.iinfo(grey.dtype).max + 1, dtype=grey.dtype).reshape(-1, 256))
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    curve = io.BytesIO(srgb[:16] + b"GRAY" + srgb[20:].replace(b"rTRC", b"kTRC", 1))  # of red, and of all, as grey's
    with suppress(*BAD_PROFILE):
        profiles = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.ImageCmsProfile(curve)
        table = np.asarray(_convert(codes, *profiles, codes.mode, ImageCms.Flags.NOOPTIMIZE))  # by few points else
        return table.reshape(-1)[grey], "grey converted to sRGB through its profile"
    return grey, "grey read as sRGB past a bad profile"


def _to_srgb(image: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    return _convert(image, profile, ImageCms.createProfile("sRGB"), "RGB")


def _convert(image: Image.Image, profile: Any, to: Any, mode: str, how: int = 0) -> Image.Image:
    flags = ImageCms.Flags.BLACKPOINTCOMPENSATION | how
    converted = ImageCms.profileToProfile(image, profile, to, ImageCms.Intent.RELATIVE_COLORIMETRIC, mode, flags=flags)
    assert converted is not None
    return converted
