"""Labels and padding over scans of 16 bits."""

import numpy as np
import pytest
from conftest import upscaler_of
from scipy import ndimage

from srgan_cli.pictures.picture import Picture
from srgan_cli.upscaling.overlay import overlay_of
from srgan_cli.upscaling.sizes import Size

TISSUE = np.linspace(32_768, 33_168, 48 * 48).astype(np.uint16).reshape(48, 48, 1)
LABEL, PADDING = (slice(8, 11), slice(10, 30)), (slice(None), slice(40, None))


def scan(tissue: np.ndarray = TISSUE, label: int | None = 65_535, padding: int | None = 0) -> Picture:
    colour = tissue.copy()
    if label is not None:
        colour[LABEL] = label
    if padding is not None:
        colour[PADDING] = padding
    return Picture(colour)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("label", "padding"), [(65_535, 0), (None, 0), (65_535, None), (40_000, 31_000)])
def test_labels_and_padding_are_found_and_lifted(label: int | None, padding: int | None, channels: int) -> None:
    picture = scan(TISSUE.repeat(channels, axis=-1), label, padding)
    overlay = overlay_of(picture)
    assert overlay is not None
    assert overlay.codes == tuple(code for code in (padding, label) if code is not None)
    for code, where in zip(overlay.codes, overlay.where, strict=True):
        np.testing.assert_array_equal(where, (picture.colour == code).all(axis=-1))
    lifted = overlay.lifted(picture).colour
    assert (lifted.min(), lifted.max()) >= (TISSUE.min(), TISSUE.min())
    assert lifted.max() <= TISSUE.max()
    untouched = ~np.any(overlay.where, axis=0)
    np.testing.assert_array_equal(lifted[untouched], picture.colour[untouched])


@pytest.mark.parametrize(
    "picture",
    [
        scan(label=None, padding=None),
        scan(label=34_000, padding=None),  # not worth it
        scan(np.linspace(0, 60_000, 48 * 48).astype(np.uint16).reshape(48, 48, 1)),  # no bits to be spared
        scan(np.where(TISSUE > 33_000, 33_000, 32_800).astype(np.uint16)),  # a drawing
        Picture((scan().colour >> 8).astype(np.uint8)),
        Picture(scan().colour, np.full((48, 48, 1), 65_535, np.uint16)),
        Picture(np.concatenate([scan().colour, TISSUE, TISSUE], axis=-1)),  # red: a colour of the scan
        Picture(np.full((5, 5, 1), 7, np.uint16)),
    ],
    ids=["nothing", "near", "wide", "drawing", "8 bits", "transparent", "coloured", "one code"],
)
def test_what_is_no_overlay(picture: Picture) -> None:
    assert overlay_of(picture) is None


@pytest.mark.parametrize("size", [Size(), Size(scale=2.5)])
def test_a_scan_is_enlarged_as_if_there_were_no_labels(photo: np.ndarray, size: Size) -> None:
    tissue = (32_768 + photo[:48, :48, :1] * 1.5).astype(np.uint16)
    picture, upscaler = scan(tissue), upscaler_of()
    sr, clean = (upscaler.upscale(p, size=size).colour.astype(int) for p in (picture, Picture(tissue)))
    height, width = sr.shape[:2]
    covered = ~np.isin(np.arange(48 * 48).reshape(48, 48), np.flatnonzero(picture.colour[..., 0] == tissue[..., 0]))
    near = ndimage.binary_dilation(covered, iterations=3)
    near = near[np.arange(height)[:, None] * 48 // height, np.arange(width) * 48 // width]
    assert np.sqrt(np.mean((sr - clean)[~near] ** 2)) < 3  # of 382 codes
    assert np.abs(sr - clean)[~near].max() < 40  # from what is beneath the labels
    assert np.isin(sr, [0, 65_535]).any(axis=(0, 1)).all()
    assert not ((sr > 0) & (sr < tissue.min() - 100)).any()
    assert not ((sr > tissue.max() + 100) & (sr < 65_535)).any()
    middle = sr.shape[0] * 19 // 96, sr.shape[1] * 20 // 48
    assert sr[middle] == 65_535
    assert (sr[:, sr.shape[1] * 41 // 48 + 1 :] == 0).all()


def test_outlines_are_smooth() -> None:
    """A disc's edge is nearer to a circle than its pixels' are."""
    rows, columns = np.mgrid[:48, :60] - 23.5
    padding = np.hypot(rows, columns) > 20
    tissue = np.linspace(32_768, 33_168, padding.size).reshape(*padding.shape, 1)
    overlay = overlay_of(Picture(np.where(padding[..., None], 0, tissue).astype(np.uint16)))
    assert overlay is not None
    sr = Picture(np.full((192, 240, 1), 33_000, np.uint16))
    overlay.put_back(sr)
    rows, columns = np.mgrid[:192, :240] - 95.5
    circle = np.hypot(rows, columns) > 80
    wrong = (circle != (sr.colour[..., 0] == 0)).sum()
    assert wrong < 0.85 * (circle != padding.repeat(4, axis=0).repeat(4, axis=1)).sum()
