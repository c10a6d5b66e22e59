"""Backgrounds and stripping, as a user asks for them."""

from dataclasses import replace

import numpy as np
import pytest

from srgan_cli.errors import UsageError
from srgan_cli.pictures.finish import Finish, parse_colour
from srgan_cli.pictures.formats import Header
from srgan_cli.pictures.metadata import Metadata
from srgan_cli.pictures.picture import Picture


@pytest.mark.parametrize(
    ("text", "colour"),
    [("white", (255, 255, 255)), ("#ff8000", (255, 128, 0)), ("#ff8000ff", (255, 128, 0)), ("rgb(1,2,3)", (1, 2, 3))],
)
def test_colours_are_names_or_numbers(text: str, colour: tuple[int, int, int]) -> None:
    assert parse_colour(text) == colour


@pytest.mark.parametrize("text", ["", "colour", "#12", "#ff800080", "rgb(300,0,0)"])
def test_what_is_no_colour_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match="is not a colour"):
        parse_colour(text)


def test_only_what_was_asked_for_is_done() -> None:
    said = Metadata(icc_profile=b"profile", xmp=b"packet", dpi=(72, 72))
    picture = Picture(np.zeros((2, 2, 1), np.uint8), np.zeros((2, 2, 1), np.uint8), said)
    header = Header(2, 2, transparent=True, sixteen_bits=False)
    assert Finish().apply(picture) is picture
    assert Finish().header(header) == header
    stripped = Finish(strip=True).apply(picture)
    assert stripped.metadata == Metadata(icc_profile=b"profile")
    assert stripped.alpha is picture.alpha
    black = Finish(background=(0, 0, 0))
    assert black.apply(picture).alpha is None
    assert not black.header(header).transparent
    grey = replace(header, grey=True)
    assert (black.header(grey).grey, Finish(background=(255, 0, 0)).header(grey).grey) == (True, False)
