"""Transparency goes in and out without a rim."""

from typing import Any

import numpy as np
import pytest

from srgan_cli.pictures import alpha
from srgan_cli.pictures.alpha import bleed, flatten
from srgan_cli.pictures.picture import Picture


def test_hidden_colours_are_those_of_the_nearest_visible_pixel() -> None:
    colour = np.zeros((5, 8, 3), np.uint8)
    colour[:, :3] = (250, 10, 10)
    alpha = np.zeros((5, 8, 1), np.uint8)
    alpha[:, :3] = 255
    assert (bleed(Picture(colour, alpha)) == (250, 10, 10)).all()
    np.testing.assert_array_equal(bleed(Picture(colour)), colour)
    np.testing.assert_array_equal(bleed(Picture(colour, 0 * alpha)), colour)


def test_what_shows_a_little_keeps_its_colour() -> None:
    colour = np.array([[[9], [99], [199]]], np.uint8)
    alpha = np.array([[[0], [1], [255]]], np.uint8)
    assert bleed(Picture(colour, alpha)).ravel().tolist() == [99, 99, 199]


@pytest.mark.parametrize(("dtype", "full"), [(np.uint8, 255), (np.uint16, 65535)])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_background_shows_as_far_as_the_picture_does_not_cover_it(dtype: Any, full: int, channels: int) -> None:
    colour = np.full((1, 3, channels), full, dtype)
    alpha = np.array([0, full // 255 * 51, full], dtype).reshape(1, 3, 1)
    grey = flatten(Picture(colour, alpha), (0, 0, 0))
    assert grey.alpha is None
    assert grey.colour.dtype == dtype
    assert grey.colour.shape == colour.shape
    np.testing.assert_array_equal(grey.colour[0, :, 0], alpha[0, :, 0])
    red = flatten(Picture(colour, alpha), (255, 0, 0)).colour
    assert red.shape == (1, 3, 3)
    np.testing.assert_array_equal(red[0, :, 0], [full] * 3)
    np.testing.assert_array_equal(red[0, :, 2], alpha[0, :, 0])


def test_what_is_mixed_is_rounded() -> None:
    grey = Picture(np.full((1, 1, 1), 101, np.uint8), np.full((1, 1, 1), 128, np.uint8))
    assert flatten(grey, (0, 0, 0)).colour.item() == 51  # 50.7


def test_an_opaque_picture_is_itself_on_any_background(photo: np.ndarray) -> None:
    picture = Picture(photo)
    assert flatten(picture, (1, 2, 3)) is picture


def test_rows_at_a_time_mix_to_the_same(photo: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = Picture(photo, photo[..., :1])
    whole = flatten(picture, (10, 20, 30))
    monkeypatch.setattr(alpha, "ROWS", 50)
    np.testing.assert_array_equal(flatten(picture, (10, 20, 30)).colour, whole.colour)
