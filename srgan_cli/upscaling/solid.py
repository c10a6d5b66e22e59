"""What a network, which is a few levels off, must leave exactly as it is; NumPy only."""

import numpy as np

from srgan_cli.pictures.neighbours import enlarged, extremes, in_any_channel, is_grey, least, median, most
from srgan_cli.pictures.picture import Picture
from srgan_cli.pictures.tones import Tones

LIMITED_AT_ONCE = 2**14  # pixels of LR: floats take much memory, and what fits the processor's is fast
JUMP_OF_ALPHA = 1 / 8  # of the range
JUMP_OF_COLOUR = 5, 1 / 2  # in a square of this side, by this share of the range
NEUTRAL_AROUND = 5  # pixels of LR, a square's side
JPEG_BLOCK = 8  # pixels


def keep_solid(alpha_sr: np.ndarray, lr: Picture) -> np.ndarray:
    """The enlarged alpha (k H, k W, 1) kept between the least and the most of its 3x3 neighbours in the picture.

    Beside strands and gaps of one or two pixels it may go as far beyond them as these stand out: a hair of half a
    pixel's width is opaque, and narrower. Not so where colours jump, too; see `keep_seen`. What is opaque or
    transparent in the picture stays exactly that.
    """
    assert lr.alpha is not None
    scale, full = len(alpha_sr) // len(lr.alpha), np.iinfo(lr.alpha.dtype).max
    colours_jump = _jumps(lr.colour, *JUMP_OF_COLOUR)
    strands, gaps = (np.where(colours_jump, 0, most(thin)) for thin in _strands_and_gaps(lr.alpha))
    low, high = extremes(lr.alpha)
    limits = low - np.minimum(gaps, low), high + np.minimum(strands, full - high)  # no integer wraps around
    return _between(alpha_sr, *(enlarged(limit, scale) for limit in limits))


def keep_seen(sr: Picture, lr: Picture) -> None:
    """Keep what is seen, on black and on white, between the least and the most around it, where transparency jumps.

    Colours and transparency are enlarged apart. Where both jump, as between a white card and its black shadow, their
    edges may lie a pixel apart, and the shadow's colour be seen without its transparency. Strands of about one colour,
    such as hair, are left alone: what is seen of them in the picture is half transparent.

    Args:
        sr: Enlarged; its colours are changed in place.
        lr: What it was enlarged from; both have alpha. Under full transparency it has the colours that are nearby.
    """
    assert sr.alpha is not None
    assert lr.alpha is not None
    scale, full = len(sr.alpha) // len(lr.alpha), np.float32(np.iinfo(lr.alpha.dtype).max)
    rows = max(1, LIMITED_AT_ONCE // lr.alpha.shape[1])
    for start in range(0, len(lr.alpha), rows):
        around = slice(max(0, start - 3), start + rows + 3)
        inside = slice(start - around.start, start - around.start + rows)
        band = slice(scale * start, scale * (start + rows))
        alpha_lr, colour_lr = lr.alpha[around], lr.colour[around]
        may_stay = _is_thin(alpha_lr) & ~_jumps(colour_lr, *JUMP_OF_COLOUR)
        jumps = (_jumps(alpha_lr, 3, JUMP_OF_ALPHA) & ~may_stay)[inside]
        if not jumps.any():
            continue
        opacity, opacity_lr = sr.alpha[band] / full, alpha_lr / full
        where = enlarged(jumps, scale) & (opacity > 0)
        for channel in range(colour_lr.shape[-1]):  # one by one, since what mixes (H, W, 3) and (H, W, 1) is slow
            colour = sr.colour[band, :, channel, None]
            on_black, on_black_lr = colour * opacity, colour_lr[..., channel, None] * opacity_lr
            for behind in (0, full):
                low, high = (enlarged(e[inside], scale) for e in extremes(on_black_lr + (1 - opacity_lr) * behind))
                on_black = _between(on_black, low - (1 - opacity) * behind, high - (1 - opacity) * behind)
            limited = np.rint(on_black / np.maximum(opacity, 1 / full)).clip(0, full).astype(colour.dtype)
            np.copyto(colour, limited, where=where)


def _strands_and_gaps(alpha: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """By how much (H, W, 1) is above and below what is there without all that is narrower than three pixels."""
    opened, closed = most(least(alpha)), least(most(alpha))
    return alpha - opened, closed - alpha


def _is_thin(alpha: np.ndarray) -> np.ndarray:
    """Where strands or gaps are among the 3x3 neighbours in (H, W, 1)."""
    thin = np.maximum(*_strands_and_gaps(alpha))
    return most(thin) > JUMP_OF_ALPHA * np.iinfo(alpha.dtype).max


def _jumps(plane: np.ndarray, side: int, share: float) -> np.ndarray:
    """Where neighbours in (H, W, C) differ by more than a share of the range in a channel; (H, W, 1)."""
    low, high = extremes(plane, side)
    return in_any_channel(high - low > share * np.iinfo(plane.dtype).max)


def keep_areas(sr: np.ndarray, lr: np.ndarray, tones: Tones, repairs: bool) -> None:
    """Make an enlarged picture one code, channel by channel, where its original is so for a pixel around.

    Shops refuse a background that is almost white. And where there are only areas of one code each, all stays between
    the codes that are nearest: masks and drawings whose edges are not antialiased get no rims. Where damage is to be
    repaired, areas may be blocks of JPEG's, so that what is neither black nor white must be large enough for two.

    Args:
        sr: (k H, k W, C) uint8 or uint16, k even; changed in place.
        lr: (H, W, C), the same dtype.
        tones: What of the range is black and white.
        repairs: Whether the network repairs damage.
    """
    flat = _is_flat(lr, 3)
    if repairs:
        black, white = tones.ends(lr.dtype)
        _limit(sr, lr, (flat & ((lr == black) | (lr == white))) | _is_flat(lr, 2 * JPEG_BLOCK + 1))
    else:
        between = _has_areas_only(flat) & ~flat
        _limit(sr, lr, flat | between)
        _remove_specks(sr, between)


def _limit(sr: np.ndarray, lr: np.ndarray, where: np.ndarray) -> None:
    """Keep all between the four codes that are nearest, where (H, W, C) says so."""
    scale, rows = len(sr) // len(lr), max(1, LIMITED_AT_ONCE // lr.shape[1])
    half = scale // 2
    around = np.pad(lr, ((1, 1), (1, 1), (0, 0)), mode="edge")
    for start in range(0, len(lr), rows):
        end = start + rows
        if (chosen := where[start:end]).any():
            limits = (enlarged(e[1:, 1:], scale)[half:-half, half:-half] for e in extremes(around[start : end + 2], 2))
            band = sr[scale * start : scale * end]
            np.copyto(band, _between(band, *limits), where=enlarged(chosen, scale))


def _between(plane: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The plane, clipped; `np.clip` takes eight times as long where the limits are arrays."""
    result = np.maximum(plane, low)
    return np.minimum(result, high, out=result)


def _remove_specks(sr: np.ndarray, where: np.ndarray) -> None:
    """Take the median of 3x3 neighbours, where (H, W, C) says so: specks are what is left of rims in corners."""
    scale, rows = len(sr) // len(where), max(1, LIMITED_AT_ONCE // where.shape[1])
    above = sr[:1].copy()
    for start in range(0, len(where), rows):
        end = scale * (start + rows)
        band = sr[scale * start : end]
        around, above = [above, band, sr[end : end + 1]], band[-1:].copy()
        if (chosen := where[start : start + rows]).any():
            medians = median(np.concatenate(around))
            np.copyto(band, medians[1 : 1 + len(band)], where=enlarged(chosen, scale))


def _has_areas_only(flat: np.ndarray) -> np.ndarray:
    """Where each pixel is one of a square of 3x3 of one code, for two pixels around.

    Args:
        flat: (H, W, C) where the middles of such squares are.
    """
    return least(most(flat), 5)


def keep_neutral(sr: np.ndarray, lr: np.ndarray) -> None:
    """Take the colour from an enlarged picture where its original has none for two pixels around.

    Args:
        sr: (k H, k W, C) uint8 or uint16; changed in place.
        lr: (H, W, C), the same dtype.
    """
    if lr.shape[-1] == 1:
        return
    scale, rows = len(sr) // len(lr), max(1, LIMITED_AT_ONCE // lr.shape[1])
    neutral = least(is_grey(lr), NEUTRAL_AROUND)
    for start in range(0, len(lr), rows):
        if (chosen := neutral[start : start + rows]).any():
            band = sr[scale * start : scale * (start + rows)]
            red, green, blue = channels = np.moveaxis(band, -1, 0)
            mean = ((np.add(red, green, dtype=np.uint32) + blue + 1) // 3).astype(sr.dtype)  # rounded
            where = enlarged(chosen, scale)[..., 0]
            for channel in channels:  # one by one takes an eighth of the time
                np.copyto(channel, mean, where=where)


def _is_flat(plane: np.ndarray, side: int) -> np.ndarray:
    """Where (H, W, C) is one value in each square of this side."""
    low, high = extremes(plane, side)
    return low == high
