"""What a user wants done with a picture beside enlarging it."""

from dataclasses import dataclass, replace

from PIL import ImageColor

from srgan_cli.errors import UsageError
from srgan_cli.pictures.alpha import flatten
from srgan_cli.pictures.formats import Header
from srgan_cli.pictures.picture import Picture


@dataclass(frozen=True)
class Finish:
    """What is done with a picture once it is enlarged.

    If it were put on its background before, the network would draw the edge between both as one of the picture.

    Attributes:
        background: The colour to put it on, RGB from 0 to 255 in the picture's own colour space; None keeps its
            transparency.
        strip: Whether to leave out all that its file says beside the pixels and how their colours are meant.
    """

    background: tuple[int, int, int] | None = None
    strip: bool = False

    def apply(self, picture: Picture) -> Picture:
        """The picture that is to be written."""
        if self.background:
            picture = flatten(picture, self.background)
        return replace(picture, metadata=picture.metadata.stripped()) if self.strip else picture

    def keeps_grey(self, picture: Picture) -> bool:
        """Whether a grey picture is grey on its background, too."""
        return picture.alpha is None or len(set(self.background or ())) <= 1

    def header(self, header: Header) -> Header:
        """The same of what is known before decoding."""
        if self.background is None:
            return header
        grey = header.grey and (not header.transparent or len(set(self.background)) == 1)
        return replace(header, transparent=False, grey=grey)


def parse_colour(text: str) -> tuple[int, int, int]:
    """RGB from 0 to 255 of a colour's name or #rrggbb.

    Raises:
        UsageError: It is neither, or it is itself transparent.
    """
    try:
        red, green, blue, *alpha = ImageColor.getrgb(text)
    except ValueError:
        red, green, blue, *alpha = 0, 0, 0, 0
    if alpha not in ([], [255]) or max(red, green, blue) > 255:
        raise UsageError(f"{text!r} is not a colour to put pictures on", "give a name such as white, or #rrggbb")
    return red, green, blue
