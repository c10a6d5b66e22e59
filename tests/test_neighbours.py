"""What is around each pixel."""

from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from srgan_cli.pictures import neighbours

SHAPES = [(1, 1, 1), (1, 2, 3), (9, 1, 1), (2, 3, 3), (20, 31, 3)]


def levels(shape: tuple[int, int, int], dtype: Any) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 2 if dtype is bool else 7, shape).astype(dtype)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [bool, np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("side", [1, 2, 3, 5, 17])
def test_extremes_are_those_of_scipy(shape: tuple[int, int, int], dtype: Any, side: int) -> None:
    plane = levels(shape, dtype)
    for result, extreme in zip(
        neighbours.extremes(plane, side), (ndimage.minimum_filter, ndimage.maximum_filter), strict=True
    ):
        np.testing.assert_array_equal(result, extreme(plane, size=(side, side, 1), mode="nearest"), strict=True)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_the_median_is_that_of_scipy(shape: tuple[int, int, int], dtype: Any) -> None:
    plane = levels(shape, dtype)
    expected = ndimage.median_filter(plane, size=(3, 3, 1), mode="nearest")
    np.testing.assert_array_equal(neighbours.median(plane), expected, strict=True)


@pytest.mark.parametrize("channels", [1, 3])
def test_channels_are_compared_with_one_another(channels: int) -> None:
    plane = levels((8, 9, channels), np.uint8)
    grey = (plane == plane[..., :1]).all(axis=-1, keepdims=True)
    np.testing.assert_array_equal(neighbours.is_grey(plane), grey, strict=True)
    low = plane < 2
    np.testing.assert_array_equal(neighbours.in_any_channel(low), low.any(axis=-1, keepdims=True), strict=True)
