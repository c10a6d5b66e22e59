"""What is drawn over what, and whether anything shows through."""

import numpy as np
import pytest

from srgan_cli.pictures import canvas
from srgan_cli.pictures.canvas import Disposal, Part


def part(left: int, width: int, disposal: Disposal = "keep", see_through: bool = False, over: bool = True) -> Part:
    return Part(left, 0, width, 1, b"", see_through, over, disposal)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([part(0, 4), part(1, 2)], False),
        ([part(0, 3)], True),
        ([part(1, 4)], True),
        ([part(0, 4, see_through=True)], True),
        ([part(0, 4), part(1, 2, see_through=True)], False),
        ([part(0, 4), part(1, 2, see_through=True, over=False)], True),
        ([part(0, 4), part(1, 2, "clear")], False),  # behind the last frame nothing is seen
        ([part(0, 4), part(1, 2, "clear"), part(0, 2)], True),
        ([part(0, 4), part(1, 2, "clear"), part(1, 3)], False),
        ([part(0, 4), part(1, 2, "clear"), part(1, 3, see_through=True)], True),
        ([part(0, 4, "clear"), part(0, 4, "clear"), part(0, 4, "clear")], False),
        ([part(0, 4), part(1, 2, "restore"), part(0, 1)], False),
        ([part(0, 4, "restore"), part(0, 3)], True),  # before the first there was nothing
        ([part(0, 4), part(1, 2, "clear"), part(1, 2, "restore"), part(0, 1)], True),
    ],
)
def test_whether_anything_shows_through(parts: list[Part], expected: bool) -> None:
    assert canvas.is_transparent(parts, 4, 1) == expected


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_drawing_over_follows_the_formula(dtype: type[np.unsignedinteger]) -> None:
    """Against whole frames in exact fractions; what is opaque or transparent is exact by itself."""
    whole = int(np.iinfo(dtype).max)
    chance = np.random.default_rng(0)
    below, above = chance.integers(0, whole + 1, (2, 9, 40, 4), dtype)
    below[:3, :, 3], above[:, :5, 3], above[:, 5:10, 3] = whole, whole, 0
    parts = [Part(0, 0, 40, 9, bytes([number]), see_through=True, over=bool(number)) for number in (0, 1)]
    _, (shown, _) = canvas.show(parts, lambda file: (below, above)[file[0]], 40, 9)
    numbers = below.astype(object), above.astype(object)  # whole numbers of any size
    opacity = numbers[1][..., 3:] * whole + numbers[0][..., 3:] * (whole - numbers[1][..., 3:])
    colour = numbers[1][..., :3] * numbers[1][..., 3:] * whole
    colour = colour + numbers[0][..., :3] * numbers[0][..., 3:] * (whole - numbers[1][..., 3:])
    seen = opacity[..., 0] > 0
    expected = (colour[seen] / opacity[seen]).astype(float)
    assert np.abs(shown[seen][:, :3] - expected).max() < 0.501
    assert np.abs(shown[..., 3:] - (opacity / whole).astype(float)).max() < 0.501
    np.testing.assert_array_equal(shown[:, :5], above[:, :5])
    visible = below[:, 5:10, 3] > 0
    np.testing.assert_array_equal(shown[:, 5:10][visible], below[:, 5:10][visible])
