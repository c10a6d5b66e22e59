"""16 bits a channel, which Pillow has for grey without alpha only: recognised by the file's type, never by its values.

tifffile and imagecodecs read what Pillow would cut down to 8 bits, and some TIFFs that it does not read at all.
"""

from typing import Any

import numpy as np
from PIL import ImageFile, PngImagePlugin, TiffImagePlugin

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB = 0, 1, 2
SEPARATE = 2
UNSPECIFIED, PREMULTIPLIED, ALPHA = 0, 1, 2


def is_deep(image: ImageFile.ImageFile) -> bool:
    """Whether a picture that was opened, but not loaded, has 16 bits a channel that `decode` is needed for."""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        tags = image.tag_v2
        return (
            set(tags.get(TiffImagePlugin.BITSPERSAMPLE, (1,))) == {16}
            and set(tags.get(TiffImagePlugin.SAMPLEFORMAT, (1,))) == {1}
            and tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) in (WHITE_IS_ZERO, BLACK_IS_ZERO, RGB)
        )
    return isinstance(image, PngImagePlugin.PngImageFile) and "16" in str(image.tile[0].args)


def is_strange(image: ImageFile.ImageFile) -> bool:
    """Whether a picture that was opened, but not loaded, is a TIFF of fewer bits that `decode` is needed for.

    Those are grey of 12 bits, grey whose white is zero and has further channels, and planes multiplied by alpha.
    """
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return False
    tags = image.tag_v2
    bits = tags.get(TiffImagePlugin.BITSPERSAMPLE, (1,))
    kind = tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION)
    if bits == (12,) or (kind == WHITE_IS_ZERO and set(bits) == {8} and len(bits) > 1):
        return True
    in_planes = tags.get(TiffImagePlugin.PLANAR_CONFIGURATION) == SEPARATE
    multiplied = tags.get(TiffImagePlugin.EXTRASAMPLES, ())[:1] == (PREMULTIPLIED,)
    return in_planes and multiplied and set(bits) == {8} and kind in (BLACK_IS_ZERO, RGB)


def decode(image: ImageFile.ImageFile) -> np.ndarray:
    """(H, W, 1 to 4) uint16, or uint8 of 8 bits, as stored (not yet upright): grey or RGB, then alpha if there is any.

    Raises:
        Exception: Whatever a damaged file leads the decoders to.
    """
    assert image.fp is not None
    image.fp.seek(0)
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return _decode_tiff(image.fp, image.tell())
    import imagecodecs

    pixels = imagecodecs.png_decode(image.fp.read())
    return pixels.reshape(*pixels.shape[:2], -1)


def _decode_tiff(file: Any, number: int) -> np.ndarray:
    import tifffile

    with tifffile.TiffFile(file) as tiff:
        page = tiff.pages[number]
        assert isinstance(page, tifffile.TiffPage)
        pixels = page.asarray()
        if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE and pixels.ndim == 3:
            pixels = np.moveaxis(pixels, 0, -1)
        pixels = pixels.reshape(page.imagelength, page.imagewidth, -1)
        if page.bitspersample == 12:
            pixels = from_12_bits(pixels)
        colours = 3 if page.photometric == RGB else 1
        extra = page.extrasamples[0] if page.extrasamples else UNSPECIFIED
        pixels = pixels[..., : colours + (extra in (PREMULTIPLIED, ALPHA))]
        if extra == PREMULTIPLIED:
            pixels = _divide_by_alpha(pixels)
        if page.photometric == WHITE_IS_ZERO:
            pixels[..., :colours] ^= np.iinfo(pixels.dtype).max
        return pixels


def from_12_bits(codes: np.ndarray) -> np.ndarray:
    """uint16 from 0 to 4095 -> from 0 to 65535, same shape."""
    return codes << 4 | codes >> 8


def _divide_by_alpha(pixels: np.ndarray) -> np.ndarray:
    alpha, full = pixels[..., -1:], np.iinfo(pixels.dtype).max
    colour = np.minimum(np.rint(pixels[..., :-1] * (full / np.maximum(alpha, 1))), full)
    return np.concatenate([colour.astype(pixels.dtype), alpha], axis=-1)
