"""The size that is asked for is the size that comes out, and the reduction rounds once."""

import numpy as np
import pytest
from conftest import upscaler_of
from PIL import Image

from srgan_cli.errors import UsageError
from srgan_cli.pictures.alpha import flatten
from srgan_cli.pictures.picture import Picture, to_16_bits
from srgan_cli.upscaling.sizes import Size, to_size


@pytest.mark.parametrize(
    ("size", "expected", "further"),
    [
        (Size(), (40, 80), []),
        (Size(scale=1.5), (15, 30), []),
        (Size(scale=4), (40, 80), []),
        (Size(scale=4.01), (40, 80), []),
        (Size(scale=5), (50, 100), [(13, 25)]),
        (Size(scale=16), (160, 320), [(40, 80)]),
        (Size(scale=16.1), (161, 322), [(40, 80), (41, 81)]),
        (Size(width=50), (25, 50), []),
        (Size(height=25), (25, 50), []),
        (Size(long_edge=81), (40, 81), [(10, 21)]),
        (Size(long_edge=7), (4, 7), []),
    ],
)
def test_sizes(size: Size, expected: tuple[int, int], further: list[tuple[int, int]]) -> None:
    assert size.of(10, 20) == expected
    assert size.passes(10, 20) == [(10, 20), *further]
    assert size.pixels(10, 20) == 200 + sum(height * width for height, width in further)


@pytest.mark.parametrize("values", [{"scale": 1}, {"scale": float("nan")}, {"scale": 2, "width": 5}])
def test_what_cannot_be_met_is_a_usage_error(values: dict[str, float]) -> None:
    with pytest.raises(UsageError) as caught:
        Size(**values)  # type: ignore[arg-type]
    assert caught.value.hint


def test_a_reduction_is_antialiased_and_rounded_once(photo: np.ndarray) -> None:
    reduced = to_size(to_16_bits(Picture(photo)), 32, 48, np.dtype(np.uint8)).colour
    image = Image.fromarray(photo).resize((48, 32), Image.Resampling.BICUBIC)
    assert np.abs(reduced.astype(int) - np.asarray(image)).max() <= 1
    kept = to_size(to_16_bits(Picture(photo)), 128, 192, np.dtype(np.uint8)).colour
    np.testing.assert_array_equal(kept, photo)


@pytest.mark.parametrize("behind", [0, 255])
def test_a_reduction_shows_no_colour_that_was_not_seen(behind: int, photo: np.ndarray) -> None:
    """A white card, and a red one that cannot be seen, on black and on white."""
    card = Picture(np.full((64, 64, 3), 255, np.uint8), np.zeros((64, 64, 1), np.uint8))
    card.alpha[:, 21:] = 255  # type: ignore[index]
    card.colour[:, :21] = 255, 0, 0
    card.colour[:21, :] = photo[:21, :64]
    reduced = to_size(to_16_bits(card), 24, 24, np.dtype(np.uint8))
    on_behind, truth = flatten(reduced, (behind,) * 3), to_16_bits(flatten(card, (behind,) * 3))
    expected = to_size(truth, 24, 24, np.dtype(np.uint8)).colour
    differs = np.abs(on_behind.colour.astype(int) - expected)
    assert differs[10:].max() <= 1
    assert differs.max() <= 8  # what swings beyond opaque is lost
    assert reduced.alpha is not None
    assert (reduced.colour[10:][reduced.alpha[10:, :, 0] > 0] == 255).all()


@pytest.mark.parametrize(("level", "rounded"), [(100.6 * 257, 101), (100.4 * 257, 100)])
def test_levels_become_the_nearest_ones(level: float, rounded: int) -> None:
    flat = Picture(np.full((8, 8, 1), level, np.uint16))
    assert (to_size(flat, 4, 4, np.dtype(np.uint8)).colour == rounded).all()


@pytest.mark.parametrize(("size", "shape"), [(Size(scale=2.5), (30, 40)), (Size(long_edge=100), (75, 100))])
def test_an_upscaler_meets_the_size(photo: np.ndarray, size: Size, shape: tuple[int, int]) -> None:
    upscaler, done = upscaler_of(), []  # type: ignore[var-annotated]
    alpha = np.zeros((12, 16, 1), np.uint8)
    alpha[4:, 4:] = 255
    sr = upscaler.upscale(Picture(photo[:12, :16], alpha), done.append, size)
    assert sr.alpha is not None
    assert sr.colour.shape == (*shape, 3)
    assert sr.alpha.shape == (*shape, 1)
    assert sr.colour.dtype == sr.alpha.dtype == photo.dtype
    assert (sr.alpha.min(), sr.alpha.max()) == (0, 255)
    assert sum(done) == 2 * size.pixels(12, 16)
    reduced = np.asarray(Image.fromarray(sr.colour).resize((16, 12), Image.Resampling.BOX))
    assert np.abs(reduced.astype(int) - photo[:12, :16])[4:, 4:].mean() < 12


@pytest.mark.parametrize("width", [16, 11])
def test_what_is_no_larger_than_the_picture_takes_no_network(
    photo: np.ndarray, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where pictures of many sizes are to have one long edge; but `photo` takes their damage away."""
    picture, size, done = Picture(photo[:12, :16]), Size(width=width), []  # type: ignore[var-annotated]
    expected = to_size(to_16_bits(picture), *size.of(12, 16), np.dtype(np.uint8)).colour
    assert (upscaler_of("photo").upscale(picture, size=size).colour != expected).any()
    upscaler = upscaler_of()
    monkeypatch.setattr(upscaler.colour, "enlarge", None)
    np.testing.assert_array_equal(upscaler.upscale(picture, done.append, size).colour, expected)
    assert sum(done) == size.pixels(12, 16)
