"""Draw README's picture: `examples/flower.png` enlarged by Pillow's bicubic (left) and by `srgan upscale` (right).

python bench/before_after.py
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from srgan_cli import SCALE

EXAMPLES = Path(__file__).parents[1] / "examples"
CROP = (360, 0, 744, 400)  # left, top, right, bottom of what is shown, in SR pixels


def main() -> None:
    """Write examples/before_after.jpg."""
    photo = EXAMPLES / "flower.png"
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "sr.png"
        subprocess.run([sys.executable, "-m", "srgan_cli", "upscale", str(photo), "-o", str(result)], check=True)
        sr = Image.open(result).crop(CROP)
    with Image.open(photo) as lr:
        bicubic = lr.resize((SCALE * lr.width, SCALE * lr.height), Image.Resampling.BICUBIC).crop(CROP)
    sheet = Image.new("RGB", (2 * sr.width + 8, sr.height), "white")
    sheet.paste(bicubic, (0, 0))
    sheet.paste(sr, (sr.width + 8, 0))
    sheet.save(EXAMPLES / "before_after.jpg", quality=92, subsampling="4:4:4")


if __name__ == "__main__":
    main()
