"""What a picture takes in memory: estimated before, and measured as the peak of the program's resident set.

    python bench/memory.py PHOTO

A photograph, in several sizes and modes, goes through `srgan upscale` in processes of their own: as it is in some, and
in others with nearest neighbours in the network's place, which shows what pictures take by themselves (less than real
ones where compressed files are kept in memory: TIFF, WebP, PNG of 16 bits).
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from srgan_cli.pictures import frames, images
from srgan_cli.pictures.formats import format_of
from srgan_cli.pictures.picture import Picture, as_rgb8, to_16_bits
from srgan_cli.upscaling import memory
from srgan_cli.upscaling.sizes import Size

Make = Callable[[np.ndarray], Picture]


def with_alpha(rgb: np.ndarray) -> Picture:
    """RGB under a gradient from transparent to opaque."""
    height, width, _ = rgb.shape
    ramp = np.linspace(-64, 255, width).clip(0).astype(np.uint8)
    return Picture(rgb, np.tile(ramp[None, :, None], (height, 1, 1)))


def deep(rgb: np.ndarray) -> Picture:
    """16 bits a channel."""
    return to_16_bits(Picture(rgb))


def grey(rgb: np.ndarray) -> Picture:
    """One channel."""
    return Picture(np.ascontiguousarray(rgb[..., :1]))


def deep_alpha(rgb: np.ndarray) -> Picture:
    """16 bits a channel, and alpha."""
    return to_16_bits(with_alpha(rgb))


CASES: Sequence[tuple[str, Make, str, float | None]] = (  # name, mode, ending, --scale
    ("RGB", Picture, ".png", None),
    ("RGB", Picture, ".jpg", None),
    ("RGB", Picture, ".tif", None),
    ("RGB", Picture, ".webp", None),
    ("RGB", Picture, ".avif", None),
    ("RGB, --scale 2", Picture, ".png", 2),
    ("RGB, --scale 6", Picture, ".png", 6),
    ("grey", grey, ".png", None),
    ("RGBA", with_alpha, ".png", None),
    ("RGBA, --scale 3", with_alpha, ".png", 3),
    ("RGBA", with_alpha, ".webp", None),
    ("16-bit RGB", deep, ".png", None),
    ("16-bit RGB", deep, ".tif", None),
    ("16-bit RGBA", deep_alpha, ".png", None),
)
WHOLE = ((64, 64), (150, 150), (300, 200), (768, 512))


def peak(*arguments: object) -> int:
    """Bytes that a process of Python had at most."""
    process = subprocess.Popen([sys.executable, *map(str, arguments)], stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{arguments}: failed")
    return 1024 * usage.ru_maxrss


def without_network(arguments: list[str]) -> None:
    """The program with nearest neighbours in small windows in the network's place."""
    from srgan_cli import cli
    from srgan_cli.upscaling import enlarging, upscaler
    from srgan_cli.upscaling.inference import Network

    class Nearest(Network):
        def __call__(self, lr: np.ndarray) -> np.ndarray:
            return lr.repeat(4, axis=1).repeat(4, axis=2)

    vars(upscaler).update(Network=Nearest)
    vars(enlarging).update(MEMORY_BUDGET=2**26)
    cli.app(arguments)


def report(name: str, estimated: int, measured: int) -> None:
    """Print a line."""
    off = 100 * (estimated / measured - 1)
    print(f"{name:35} {estimated / 1e9:6.2f} GB, measured {measured / 1e9:6.2f} GB, {off:+.0f}%", flush=True)


def main() -> None:
    """Print a line for each case."""
    rgb = Image.fromarray(as_rgb8(images.read_picture(Path(sys.argv[1])).colour))
    with tempfile.TemporaryDirectory() as folder:
        source, small = Path(folder) / "in.png", Path(folder) / "small.png"

        def make(mode: Make, size: tuple[int, int]) -> None:
            images.write_picture(mode(np.asarray(rgb.resize(size, Image.Resampling.BICUBIC))), source)

        make(Picture, (16, 16))
        source.rename(small)
        stand_in = [__file__, "--without-network", "upscale", "--overwrite", "--quiet"]
        program = peak(*stand_in, small)
        for name, mode, ending, scale in CASES:
            make(mode, (600, 400) if name.endswith("6") else (2000, 1500))
            target, size = source.with_name(f"out{ending}"), Size(scale)
            estimated = memory.of_pictures(frames.read_header(source), size, format_of(target))
            options = ["--scale", scale] if scale else []
            report(
                f"pictures: {name} -> {ending}", estimated, peak(*stand_in, source, "-o", target, *options) - program
            )
        for width, height in WHOLE:
            make(Picture, (width, height))
            for precision in ("float32", "bfloat16"):
                measured = peak("-m", "srgan_cli", "upscale", "--overwrite", source, "--precision", precision)
                estimated = memory.needed(frames.read_header(source), Size(), format_of(source))
                report(f"whole: {width}x{height} in {precision}", estimated, measured)


if __name__ == "__main__":
    if sys.argv[1] == "--without-network":
        without_network(sys.argv[2:])
    else:
        main()
