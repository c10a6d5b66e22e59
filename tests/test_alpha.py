"""Transparency goes in and out without a rim."""

import numpy as np

from srgan_cli.alpha import bleed, keep_solid
from srgan_cli.images import Picture


def test_hidden_colours_are_those_of_the_nearest_visible_pixel() -> None:
    colour = np.zeros((5, 8, 3), np.uint8)
    colour[:, :3] = (250, 10, 10)
    alpha = np.zeros((5, 8, 1), np.uint8)
    alpha[:, :3] = 255
    assert (bleed(Picture(colour, alpha)) == (250, 10, 10)).all()
    np.testing.assert_array_equal(bleed(Picture(colour)), colour)
    np.testing.assert_array_equal(bleed(Picture(colour, 0 * alpha)), colour)


def test_what_is_solid_stays_exactly_so() -> None:
    lr = np.zeros((4, 8, 1), np.uint8)
    lr[:, 4:] = 255
    sr = np.full((16, 32, 1), 250, np.uint8)
    kept = keep_solid(sr, lr)
    assert (kept[:, :12] == 0).all()
    assert (kept[:, 12:20] == 250).all()
    assert (kept[:, 20:] == 255).all()
