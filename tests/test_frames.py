"""Animations and files of several pages: every frame, when it is shown, and what is said of it."""

import io
import json
import shutil
import struct
import subprocess
import zlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from conftest import enlarge, larger, upscaler_of
from PIL import ExifTags, GifImagePlugin, Image, ImageDraw, PngImagePlugin

from srgan_cli.errors import SrganError
from srgan_cli.jobs.batch import run_jobs
from srgan_cli.jobs.naming import Destination
from srgan_cli.jobs.outcomes import Outcome, to_json
from srgan_cli.jobs.planning import plan_jobs
from srgan_cli.pictures import frames, images
from srgan_cli.pictures.encoding import write_tiff
from srgan_cli.pictures.formats import Header, format_of
from srgan_cli.pictures.frames import Frame
from srgan_cli.pictures.metadata import Metadata
from srgan_cli.pictures.picture import Picture, to_array
from srgan_cli.upscaling.fusion import FusedGenerator

SIDE = 12
CLEAR = (0, 0, 0, 0)
ANIMATED = [".gif", ".png", ".webp", ".avif"]


def run(source: Path, target: str | Path, **destination: object) -> Outcome:
    """What came of one file, with a stand-in for the network; its progress adds up."""
    (job,) = plan_jobs([str(source)], Destination(str(target), **destination)).jobs  # type: ignore[arg-type]
    done: list[int] = []
    (outcome,) = run_jobs(enlarge, [job], done.append)
    assert outcome.error or sum(done) == job.pixels
    return outcome


def refusal(source: Path, target: str | Path) -> str:
    """Why a file is refused before anything is computed."""
    plan = plan_jobs([str(source)], Destination(str(target)))
    assert not plan.jobs
    return str(plan.settled[0].error)


def displayed(path: Path) -> list[np.ndarray]:
    """(H, W, 4): every frame as it is shown, colours under full transparency made black."""
    with Image.open(path) as image:
        shown = []
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            pixels = np.array(image.convert("RGBA"))
            shown.append(np.where(pixels[..., 3:] == 0, 0, pixels))
        return shown


def durations(path: Path) -> list[float]:
    with Image.open(path) as image:
        found = []
        for number in range(image.n_frames):  # type: ignore[attr-defined]
            image.seek(number)
            image.load()
            found.append(image.info["duration"])
        return found


def loop(path: Path) -> int | None:
    with Image.open(path) as image:
        return image.info.get("loop")


def moving_square(colour: tuple[int, ...], background: tuple[int, ...], count: int = 4) -> list[Image.Image]:
    pictures = []
    for step in range(count):
        picture = Image.new("RGB" if len(background) == 3 else "RGBA", (SIDE, SIDE), background)
        ImageDraw.Draw(picture).rectangle((2 * step, 2, 2 * step + 3, 8), fill=colour)
        pictures.append(picture)
    return pictures


def save(path: Path, pictures: list[Image.Image], **options: Any) -> Path:
    lossless: dict[str, Any] = {"lossless": True} if path.suffix == ".webp" else {}
    pictures[0].save(path, save_all=True, append_images=pictures[1:], **(lossless | options))
    return path


@pytest.fixture(params=["opaque", "transparent"])
def pictures(request: pytest.FixtureRequest) -> list[Image.Image]:
    """A square that moves over a colour, or over nothing."""
    background = (20, 40, 90) if request.param == "opaque" else CLEAR
    return moving_square((200, 60, 30, 255)[: len(background)], background)


@pytest.mark.parametrize("source", [".gif", ".png", ".webp"])
@pytest.mark.parametrize("target", ANIMATED)
def test_every_frame_is_shown_as_before(pictures: list[Image.Image], tmp_path: Path, source: str, target: str) -> None:
    clears = {"disposal": 2} if source == ".gif" else {}
    path = save(tmp_path / f"in{source}", pictures, duration=[40, 250, 0, 1200], loop=3, **clears)
    outcome = run(path, tmp_path / f"out{target}")
    assert not outcome.error
    assert (outcome.frames, outcome.sr_size) == (4, (4 * SIDE, 4 * SIDE))
    expected, actual = displayed(path), displayed(tmp_path / f"out{target}")
    for one, other in zip(expected, actual, strict=True):
        difference = np.abs(larger(one).astype(int) - other)
        assert np.median(difference) <= 1
        assert difference.mean() < (5 if target in (".webp", ".avif") else 1e-9)
        assert np.abs(larger(one)[..., 3].astype(int) - other[..., 3]).max() <= 16 * (target == ".avif")
    assert durations(tmp_path / f"out{target}") == [40, 250, target == ".avif", 1200]  # AVIF has no 0


PLAYED = {".gif": 4, ".png": 3, ".webp": 3}  # GIF counts the repetitions


@pytest.mark.parametrize("source", PLAYED)
@pytest.mark.parametrize("target", PLAYED)
@pytest.mark.parametrize("given", [None, 0, 3])
def test_it_is_played_as_often(tmp_path: Path, source: str, target: str, given: int | None) -> None:
    once = None if source == ".gif" else 1
    path = save(tmp_path / f"in{source}", moving_square((9, 9, 9), (0, 0, 0)), loop=once if given is None else given)
    run(path, tmp_path / f"out{target}")
    plays = {None: 1, 0: 0}.get(given, PLAYED[source])
    repetitions = {0: 0, 1: None}.get(plays, plays - 1)
    assert loop(tmp_path / f"out{target}") == (repetitions if target == ".gif" else plays)
    assert run(path, tmp_path / "out.avif").notes == (
        ("without loop count, which the format cannot hold",) if plays else ()
    )


@pytest.mark.skipif(not shutil.which("identify"), reason="needs ImageMagick")
@pytest.mark.parametrize("target", [".gif", ".webp"])
def test_imagemagick_sees_the_same(pictures: list[Image.Image], tmp_path: Path, target: str) -> None:
    path = save(tmp_path / "in.gif", pictures, duration=[40, 250, 70, 1200], loop=0, disposal=2)
    run(path, tmp_path / f"out{target}")
    command = ["identify", "-format", "%T %W %H\n", str(tmp_path / f"out{target}")]
    lines = subprocess.check_output(command, text=True).splitlines()
    assert lines == [f"{ticks} 48 48" for ticks in (4, 25, 7, 120)]
    if target == ".gif":
        subprocess.check_call(["convert", str(tmp_path / "out.gif"), "-coalesce", str(tmp_path / "shown%d.png")])
        for number, picture in enumerate(displayed(path)):
            (shown,) = displayed(tmp_path / f"shown{number}.png")
            np.testing.assert_array_equal(shown, larger(picture))


def test_a_gif_is_read_as_browsers_show_it(tmp_path: Path) -> None:
    """Disposal 2 clears to transparent though nothing says so, 3 brings back; what lies outside is cut off."""
    square = Image.new("P", (4, 4))
    content = b"GIF89a" + struct.pack("<2H3B", SIDE, SIDE, 0, 0, 0)
    places = [((0, 0), 2, (9, 0, 0)), ((2, 2), 3, (0, 9, 0)), ((3, 3), 1, (0, 0, 9)), ((10, 9), 1, (9, 9, 9))]
    for corner, disposal, colour in places:
        square.putpalette(colour)
        content += b"".join(
            GifImagePlugin.getdata(square, corner, disposal=disposal, duration=90, include_color_table=True)
        )
    path = tmp_path / "p.gif"
    path.write_bytes(content + b";")
    header = frames.read_header(path)
    assert (header.frames, header.transparent, header.plays) == (4, True, 1)
    blank = np.zeros((SIDE, SIDE, 4), np.uint8)
    expected = [blank.copy() for _ in places]
    expected[0][:4, :4] = 9, 0, 0, 255
    expected[1][2:6, 2:6] = 0, 9, 0, 255
    expected[2][3:7, 3:7] = expected[3][3:7, 3:7] = 0, 0, 9, 255
    expected[3][9:, 10:] = 9, 9, 9, 255
    for frame, pixels in zip(frames.read_frames(path), expected, strict=True):
        shown = to_array(frame.picture)
        np.testing.assert_array_equal(shown[..., -1], pixels[..., 3])
        np.testing.assert_array_equal(np.broadcast_to(shown[..., :-1], (SIDE, SIDE, 3)), pixels[..., :3])
        assert frame.milliseconds == 90


def test_what_is_said_of_a_gif_s_frame_holds_for_that_one_only(tmp_path: Path) -> None:
    square = Image.new("P", (4, 4))
    square.putpalette((9, 0, 0))
    content = b"GIF89a" + struct.pack("<2H3B", 4, 4, 0, 0, 0)
    for said in ({"duration": 90, "disposal": 2, "transparency": 3}, {}):
        content += b"".join(GifImagePlugin.getdata(square, (0, 0), include_color_table=True, **said))
    (tmp_path / "p.gif").write_bytes(content + b";")
    assert [frame.milliseconds for frame in frames.read_frames(tmp_path / "p.gif")] == [90, 0]


def test_a_gif_s_frame_is_no_larger_than_the_picture(tmp_path: Path) -> None:
    content = bytearray(save(tmp_path / "p.gif", moving_square((9, 9, 9), (0, 0, 0))).read_bytes())
    place = content.rindex(b",\x04\0\x02\0") + 5
    content[place : place + 4] = b"\xff" * 4
    (tmp_path / "p.gif").write_bytes(content)
    with pytest.raises(SrganError, match=r"p\.gif: frame \d cannot be read \(it is larger than the picture\)"):
        list(frames.read_frames(tmp_path / "p.gif"))


def test_stdin_becomes_stdout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    path = save(tmp_path / "in.gif", moving_square((200, 9, 9), (0, 0, 0)), duration=50)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes())))
    (job,) = plan_jobs(["-"]).jobs
    (outcome,) = run_jobs(enlarge, [job])
    (tmp_path / "out.gif").write_bytes(capfdbinary.readouterr().out)
    assert durations(tmp_path / "out.gif") == [50] * 4
    assert json.loads(to_json(outcome, {}))["frames"] == 4


def test_a_gif_s_name_and_format_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    save(Path("a.gif"), moving_square((9, 200, 9), (0, 0, 0)), duration=50)
    Image.new("RGB", (5, 4), "red").save("b.gif")
    jobs = plan_jobs(["a.gif", "b.gif"]).jobs
    assert [str(outcome) for outcome in run_jobs(enlarge, jobs)]
    said = [str(job.expected) for job in jobs]
    assert said[0].startswith("a.gif -> a_x4.gif 48x48, 4 frames, ")
    assert said[1].startswith("b.gif -> b_x4.gif 20x16, 0.")
    assert [len(displayed(Path(name))) for name in ("a_x4.gif", "b_x4.gif")] == [4, 1]


def test_frames_finer_than_a_gif_s_grid_keep_their_sum(tmp_path: Path) -> None:
    pictures = moving_square((200, 9, 9), (0, 0, 0), count=6)
    outcome = run(save(tmp_path / "in.png", pictures, duration=1000 / 30), tmp_path / "out.gif")
    assert durations(tmp_path / "out.gif") == [30, 40, 30, 30, 40, 30]
    assert outcome.notes == ("without durations finer than 10 ms, which the format cannot hold",)
    run(save(tmp_path / "in.png", pictures, duration=1000 / 60), tmp_path / "out.gif")
    assert durations(tmp_path / "out.gif") == [20] * 6  # what is shorter, browsers slow down to 100
    run(save(tmp_path / "in.gif", pictures, duration=10), tmp_path / "out.gif")
    assert durations(tmp_path / "out.gif") == [10] * 6
    run(tmp_path / "in.png", tmp_path / "out.png")
    assert [Fraction(ms / 1000).limit_denominator(999) for ms in durations(tmp_path / "out.png")] == [
        Fraction(1, 60)
    ] * 6  # fmt: skip
    run(tmp_path / "in.png", tmp_path / "out.webp")
    assert durations(tmp_path / "out.webp") == [17, 16, 17, 17, 16, 17]


def test_a_long_pause_fits_a_png(tmp_path: Path) -> None:
    path = save(tmp_path / "in.webp", moving_square((200, 9, 9), (0, 0, 0)), duration=[100_001, 7, 65_536, 10**7])
    run(path, tmp_path / "out.png")
    assert durations(tmp_path / "out.png") == pytest.approx([100_001, 7, 65_536, 10**7], rel=1e-4)


def test_equal_frames_are_computed_once_and_all_kept(tmp_path: Path) -> None:
    picture, other = moving_square((200, 9, 9), (0, 0, 0), count=2)
    pngs = [Frame(images.from_pil(image), 100) for image in (picture, picture, picture, other, picture)]
    header = Header(SIDE, SIDE, transparent=False, sixteen_bits=False, others=((SIDE, SIDE),) * 4)
    with (tmp_path / "in.png").open("wb") as file:
        frames.encode_frames(pngs, header, format_of(Path("in.png")), file)
    computed: list[Picture] = []

    def count(picture: Picture, on_pixels: Callable[[int], None]) -> Picture:
        computed.append(picture)
        return enlarge(picture, on_pixels)

    for name in ("out.gif", "out.png"):
        computed.clear()
        done: list[int] = []
        (job,) = plan_jobs([str(tmp_path / "in.png")], Destination(str(tmp_path / name))).jobs
        list(run_jobs(count, [job], done.append))
        assert len(computed) == 3
        assert sum(done) == job.pixels == 5 * SIDE * SIDE
        assert durations(tmp_path / name) == [100] * 5
        assert [(frame == larger(np.array(picture.convert("RGBA")))).all() for frame in displayed(tmp_path / name)] == [
            True, True, True, False, True,
        ]  # fmt: skip


def test_few_colours_stay_exactly_those(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    near = np.unique(rng.integers(100, 110, (200, 3)), axis=0).astype(np.uint8)
    colour = near[rng.integers(0, len(near), (SIDE, SIDE))]
    assert images.write_picture(Picture(colour), tmp_path / "p.gif") == ()
    np.testing.assert_array_equal(images.read_picture(tmp_path / "p.gif").colour, colour)


def test_many_colours_are_reduced_well_and_it_is_said(photo: np.ndarray, tmp_path: Path) -> None:
    lost = images.write_picture(Picture(photo), tmp_path / "p.gif")
    assert lost == ("colours beyond 255 a frame",)
    error = images.read_picture(tmp_path / "p.gif").colour.astype(int) - photo
    assert np.sqrt((error**2).mean()) < 4
    assert np.abs(error.mean(axis=(0, 1))).max() < 0.5


def test_grey_stays_grey_in_every_frame(photo: np.ndarray, tmp_path: Path) -> None:
    grey = [Image.fromarray(photo[top : top + SIDE, :SIDE]).convert("L") for top in (0, 9)]
    path = save(tmp_path / "in.gif", grey, duration=50)
    assert [frame.picture.colour.shape[-1] for frame in frames.read_frames(path)] == [1, 1]
    run(path, tmp_path / "out.gif")
    assert [frame.picture.colour.shape[-1] for frame in frames.read_frames(tmp_path / "out.gif")] == [1, 1]


def test_what_does_not_change_to_the_eye_stays(photo: np.ndarray, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(-1, 2, photo.shape)
    second = (photo.clip(1, 254) + noise).astype(np.uint8)
    second[:9, :9] = 255 - photo[:9, :9]
    header = Header(192, 128, transparent=False, sixteen_bits=False, others=((192, 128),))
    pair = [Frame(Picture(photo), 50), Frame(Picture(second), 50)]
    with (tmp_path / "p.gif").open("wb") as file:
        frames.encode_frames(pair, header, format_of(Path("p.gif")), file)
    one, other = displayed(tmp_path / "p.gif")
    assert (one == other).all(axis=-1)[9:, 9:].all()
    assert np.abs(other[:9, :9, :3].astype(int) - second[:9, :9]).mean() < 6


def test_a_background_and_sizes_and_strip(tmp_path: Path) -> None:
    from srgan_cli.pictures.finish import Finish
    from srgan_cli.upscaling.sizes import Size

    path = save(tmp_path / "in.png", moving_square((200, 9, 9, 255), CLEAR), duration=50)
    run(path, tmp_path / "out.gif", finish=Finish(background=(0, 0, 255), strip=True))
    assert all((frame[-1, -1] == (0, 0, 255, 255)).all() for frame in displayed(tmp_path / "out.gif"))
    pages = [(np.full((4, 4, 3), 9, np.uint8), Metadata(xmp=b"packet"))] * 2
    with (tmp_path / "pages.tif").open("wb") as file:
        write_tiff(pages, file)
    for strip in (False, True):  # also of a page like that before it
        run(tmp_path / "pages.tif", tmp_path / f"{strip}.tif", finish=Finish(strip=strip))
        read = [frame.picture.metadata.xmp for frame in frames.read_frames(tmp_path / f"{strip}.tif")]
        assert read == [None if strip else b"packet"] * 2
    (job,) = plan_jobs([str(path)], Destination(str(tmp_path / "b.gif"), size=Size(width=24))).jobs
    assert (job.sr_size, job.pixels) == ((24, 24), 4 * 2 * SIDE * SIDE)


def test_an_animation_s_metadata(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Kodak"
    pictures = moving_square((200, 9, 9), (0, 0, 0))
    path = save(tmp_path / "in.png", pictures, duration=50, exif=exif, dpi=(300, 300))
    for name in ("out.png", "out.webp", "out.avif"):
        assert not run(path, tmp_path / name).error
        read = next(frames.read_frames(tmp_path / name)).picture.metadata
        assert read.dpi == (300, 300)
        assert b"Kodak" in (read.exif or b"")
    assert run(path, tmp_path / "out.gif").notes == ("without EXIF and DPI, which the format cannot hold",)


def test_a_default_image_is_no_frame(tmp_path: Path) -> None:
    still, *pictures = moving_square((200, 9, 9), (0, 0, 0))
    path = save(tmp_path / "in.png", [still, *pictures], default_image=True, duration=70)
    assert frames.read_header(path).frames == 3
    run(path, tmp_path / "out.png")
    for one, other in zip(displayed(path)[1:], displayed(tmp_path / "out.png"), strict=True):
        np.testing.assert_array_equal(larger(one), other)
    save(path, [still, pictures[0]], default_image=True, duration=70)
    assert run(path, tmp_path / "out.jpg").frames == 1


def test_sixteen_bits_of_an_animation_stay_where_they_can(tmp_path: Path) -> None:
    deep = np.random.default_rng(0).integers(0, 65_536, (2, 5, 6, 3), np.uint16)
    header = Header(6, 5, transparent=False, sixteen_bits=True, others=((6, 5),))
    path = tmp_path / "in.png"
    with path.open("wb") as file:
        pair = [Frame(Picture(pixels), 50) for pixels in deep]
        frames.encode_frames(pair, header, format_of(path), file)
    outcome = run(path, tmp_path / "out.png")
    assert outcome.notes == ()
    assert "without 8 of the 16 bits" in run(path, tmp_path / "out.webp").notes[0]
    for pixels, frame in zip(deep, frames.read_frames(tmp_path / "out.png"), strict=True):
        np.testing.assert_array_equal(frame.picture.colour, larger(pixels))


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    """A TIFF of pages that have nothing in common, and a thumbnail."""
    rng = np.random.default_rng(0)
    plain: dict[str, Any] = {"metadata": None, "software": False}
    with tifffile.TiffWriter(tmp_path / "pages.tif") as tiff:
        tiff.write(rng.integers(0, 256, (5, 6, 3), np.uint8), photometric="rgb", resolution=(300, 300), resolutionunit=2, **plain)  # fmt: skip # noqa: E501
        tiff.write(rng.integers(0, 256, (3, 3), np.uint8), photometric="minisblack", subfiletype=1, **plain)
        tiff.write(rng.integers(0, 65_536, (4, 3), np.uint16), photometric="minisblack", **plain)
        tiff.write(rng.integers(0, 65_536, (7, 2, 4), np.uint16), photometric="rgb", extrasamples=["unassalpha"], resolution=(72, 72), resolutionunit=2, description="last", **plain)  # fmt: skip # noqa: E501
    return tmp_path / "pages.tif"


def test_pages_keep_their_sizes_bits_and_metadata(pages: Path, tmp_path: Path) -> None:
    before = [frame.picture for frame in frames.read_frames(pages)]
    assert [(p.colour.shape, p.colour.dtype.type) for p in before] == [
        ((5, 6, 3), np.uint8), ((4, 3, 1), np.uint16), ((7, 2, 3), np.uint16),
    ]  # fmt: skip
    assert [picture.metadata.dpi for picture in before] == [(300, 300), None, (72, 72)]
    outcome = run(pages, tmp_path / "out.tif")
    assert (outcome.notes, outcome.frames, outcome.sr_size) == ((), 3, (24, 20))
    after = [frame.picture for frame in frames.read_frames(tmp_path / "out.tif")]
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(to_array(other), larger(to_array(one)))
        assert one.metadata.dpi == other.metadata.dpi
    assert b"last" in (after[-1].metadata.exif or b"")
    with tifffile.TiffFile(tmp_path / "out.tif") as tiff:
        assert [page.shape for page in tiff.pages] == [(20, 24, 3), (16, 12), (28, 8, 4)]


def test_a_thumbnail_in_front_is_left_out_and_a_raw_file_refused(photo: np.ndarray, tmp_path: Path) -> None:
    preview: dict[str, Any] = {"photometric": "rgb", "subfiletype": 1, "metadata": None}
    with tifffile.TiffWriter(tmp_path / "scan.tif") as tiff:
        tiff.write(photo[:3, :4], **preview)
        tiff.write(photo[:12, :16], photometric="rgb", metadata=None)
    (frame,) = frames.read_frames(tmp_path / "scan.tif")
    np.testing.assert_array_equal(frame.picture.colour, photo[:12, :16])
    header = frames.read_header(tmp_path / "scan.tif")
    assert (header.width, header.height, header.frames) == (16, 12, 1)
    for name, behind in (("reduced.tif", 0), ("camera.nef", 1)):
        with tifffile.TiffWriter(tmp_path / name) as tiff:
            tiff.write(photo[:3, :4], subifds=behind, **preview)
            if behind:
                tiff.write(np.zeros((12, 16), np.uint16), photometric="cfa", metadata=None)
    assert frames.read_header(tmp_path / "reduced.tif").width == 4  # all there is
    for read in (frames.read_header, lambda path: list(frames.read_frames(path)), images.read_picture):
        with pytest.raises(SrganError, match=r"camera.nef: holds only a preview"):
            read(tmp_path / "camera.nef")


def test_pages_of_one_size_all_stay_whatever_the_first_is_called(photo: np.ndarray, tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "scan.tif") as tiff:
        for kind in (1, 0, 0):
            tiff.write(photo[:3, :4], photometric="rgb", subfiletype=kind, metadata=None)
    assert frames.read_header(tmp_path / "scan.tif").frames == 3


def test_a_page_is_not_said_to_be_what_another_is(tmp_path: Path) -> None:
    pixels = np.arange(24, dtype=np.uint8).reshape(4, 6)
    plain: dict[str, Any] = {"photometric": "minisblack", "compression": "zlib", "metadata": None}
    with tifffile.TiffWriter(tmp_path / "in.tif") as tiff:
        tiff.write(pixels, **plain)
        turned = [(274, 3, 1, 6, True), (34675, 7, 6, b"colour", True)]
        tiff.write(pixels, **plain, resolution=(72, 72), extratags=turned)
        tiff.write(pixels, **plain)
    run(tmp_path / "in.tif", tmp_path / "out.tif")
    for name, larger_by in (("in.tif", 1), ("out.tif", 4)):
        read = [frame.picture for frame in frames.read_frames(tmp_path / name)]
        assert [picture.metadata.icc_profile for picture in read] == [None, b"colour", None]
        for picture, turns in zip(read, (0, 3, 0), strict=True):
            expected = np.rot90(pixels, turns).repeat(larger_by, 0).repeat(larger_by, 1)
            np.testing.assert_array_equal(picture.colour[..., 0], expected)


def test_pages_and_frames_become_each_other_where_that_makes_sense(pages: Path, tmp_path: Path) -> None:
    assert "GIF holds frames of one size, and the pages have several" in refusal(pages, tmp_path / "out.gif")
    plain = [Image.fromarray(np.full((4, 6), shade, np.uint8)) for shade in (9, 99)]
    plain[1] = Image.merge("LA", (plain[1], plain[0]))
    path = save(tmp_path / "in.tif", plain)
    for name in ("out.gif", "out.png"):
        assert run(path, tmp_path / name).frames == 2
        assert len(displayed(tmp_path / name)) == 2
    path = save(tmp_path / "in.gif", moving_square((200, 9, 9), (0, 0, 0)), duration=50)
    assert run(path, tmp_path / "out.tif").notes == ("without durations, which the format cannot hold",)
    assert len(displayed(tmp_path / "out.tif")) == 4


@pytest.mark.parametrize("target", ["out.jpg", "out.bmp"])
def test_a_format_of_one_picture_is_refused_before_computing(tmp_path: Path, target: str) -> None:
    path = save(tmp_path / "in.gif", moving_square((200, 9, 9), (0, 0, 0)))
    plan = plan_jobs([str(path)], Destination(str(tmp_path / target)))
    assert not plan.jobs
    error = plan.settled[0].error
    assert error
    assert "holds one picture, not 4 frames or pages" in error.message
    assert error.hint == "write a .png, .webp, .tif, .avif or .gif instead"


@pytest.mark.parametrize("suffix", [".gif", ".png", ".tif"])
@pytest.mark.parametrize("target", [".gif", ".png", ".webp", ".tif"])
def test_a_damaged_later_frame_is_named_and_leaves_no_file(
    photo: np.ndarray, tmp_path: Path, suffix: str, target: str
) -> None:
    pictures = [Image.fromarray(photo[top : top + 60]) for top in (0, 20, 40)]
    path = save(tmp_path / f"in{suffix}", pictures, **({} if suffix == ".tif" else {"duration": 50}))
    cut = int(0.9 * path.stat().st_size)
    if suffix == ".tif":
        with tifffile.TiffFile(path) as tiff:
            cut = tiff.pages[2].dataoffsets[0]
    path.write_bytes(path.read_bytes()[:cut])
    (tmp_path / "out").mkdir()
    outcome = run(path, tmp_path / "out" / f"p{target}")
    assert outcome.error
    what = "page" if suffix == ".tif" else "frame"
    assert f"in{suffix}: {what} 3 cannot be read (" in outcome.error.message
    assert not list((tmp_path / "out").iterdir())


def test_frames_that_differ_in_alpha_alone_are_no_repetition(tmp_path: Path) -> None:
    pair = [Image.new("RGBA", (SIDE, SIDE), (9, 99, 199, 255)) for _ in range(2)]
    pair[1].putalpha(77)
    pair[0].save(tmp_path / "in.png", save_all=True, append_images=pair[1:], duration=50)
    run(tmp_path / "in.png", tmp_path / "out.png")
    assert [frame[0, 0, 3] for frame in displayed(tmp_path / "out.png")] == [255, 77]


def test_pages_that_differ_in_bits_alone_are_no_repetition(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "in.tif") as tiff:
        for kind in (np.uint8, np.uint16):
            tiff.write(np.full((4, 4), 9, kind), photometric="minisblack", metadata=None)
    assert not run(tmp_path / "in.tif", tmp_path / "out.tif").error
    assert [page.picture.colour.dtype for page in frames.read_frames(tmp_path / "out.tif")] == [np.uint8, np.uint16]


def test_what_the_network_fails_at_leaves_no_file(tmp_path: Path) -> None:
    def fail(picture: Picture, on_pixels: Callable[[int], None]) -> Picture:
        if picture.colour[0, 0, 0] == 3:
            raise SrganError("out of memory", "lower --tile")
        return enlarge(picture, on_pixels)

    path = save(tmp_path / "in.png", [Image.new("RGB", (4, 4), (shade, 0, 0)) for shade in range(5)], duration=50)
    (tmp_path / "out").mkdir()
    for suffix in (*ANIMATED, ".tif"):
        jobs = plan_jobs([str(path)], Destination(str(tmp_path / "out" / f"p{suffix}"))).jobs
        (outcome,) = run_jobs(fail, jobs)
        assert outcome.error
        assert outcome.error.message == f"{path}: out of memory"
        assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("source", ["in.png", "still.png"])
@pytest.mark.parametrize("failure", [OSError("INTERNAL: no kernel"), ValueError("INTERNAL: no kernel")])
def test_what_the_backend_fails_at_is_no_fault_of_disks_or_encoders(
    tmp_path: Path, photo: np.ndarray, source: str, failure: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> np.ndarray:
        raise failure

    monkeypatch.setattr(FusedGenerator, "predict_on_batch", fail)
    save(tmp_path / "in.png", [Image.fromarray(photo[:4, left : left + 4]) for left in range(2)], duration=50)
    Image.fromarray(photo[:4, :4]).save(tmp_path / "still.png")
    jobs = plan_jobs([str(tmp_path / source)], Destination(str(tmp_path / "out.gif"))).jobs
    (outcome,) = run_jobs(upscaler_of().upscale, jobs)
    assert outcome.error
    assert outcome.error.message == f"{tmp_path / source}: the network failed (INTERNAL: no kernel)"
    assert "--device cpu" in outcome.error.hint


@pytest.mark.parametrize("place", [b"IDAT", b"IEND"])  # in front of the pixels, and behind them
def test_what_an_animation_says_may_lie_anywhere(tmp_path: Path, photo: np.ndarray, place: bytes) -> None:
    exif, path = Image.Exif(), tmp_path / "in.png"
    exif[ExifTags.Base.Orientation], exif[ExifTags.Base.Make] = 6, "Kodak"
    save(path, [Image.fromarray(photo[:4, left : left + 6]) for left in range(4)], duration=50)
    content, added = path.read_bytes(), io.BytesIO()
    PngImagePlugin.putchunk(added, b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0"))
    PngImagePlugin.putchunk(added, b"tEXt", b"Title\0A flower")
    start = content.index(place) - 4
    path.write_bytes(content[:start] + added.getvalue() + content[start:])
    outcome = run(path, tmp_path / "out.png")
    assert outcome.sr_size == (16, 24)
    written = list(frames.read_frames(tmp_path / "out.png"))
    assert [frame.picture.colour.shape for frame in written] == [(24, 16, 3)] * 4
    with Image.open(tmp_path / "out.png") as image:
        assert image.getexif()[ExifTags.Base.Make] == "Kodak"
        assert image.info["Title"] == "A flower"


@pytest.mark.parametrize("durations", [[200, 300, 100], [0, 0, 0]])
def test_that_a_still_picture_was_made_of_equal_frames_is_said(
    tmp_path: Path, photo: np.ndarray, durations: list[int]
) -> None:
    path = tmp_path / "in.png"
    pixels = [Image.fromarray(photo[:4, :4])] * 3
    content = io.BytesIO()
    frames.encode_frames(
        (Frame(images.from_pil(image), milliseconds) for image, milliseconds in zip(pixels, durations, strict=True)),
        Header(4, 4, False, False, others=((4, 4),) * 2), format_of(path), content,
    )  # fmt: skip
    path.write_bytes(content.getvalue())
    notes = {kind: run(path, tmp_path / f"out{kind}").notes for kind in ANIMATED}
    assert notes[".webp"] == ("without frames that are all equal, which the format cannot hold",)
    assert notes[".png"] == ()
    save(tmp_path / "two.png", [Image.fromarray(photo[:4, left : left + 4]) for left in range(2)], duration=50)
    assert run(tmp_path / "two.png", tmp_path / "two.webp").notes == ()


@pytest.mark.parametrize("target", [*ANIMATED, ".tif"])
def test_a_frame_is_written_before_the_next_but_one_is_read(tmp_path: Path, target: str) -> None:
    count = 300
    path = save(tmp_path / "in.webp", [Image.new("RGB", (4, 4), (n % 256, n // 256, 0)) for n in range(count)])
    living, most = 0, 0

    class Counted(np.ndarray):
        """Pixels that are counted as long as somebody holds them."""

        def __del__(self) -> None:
            nonlocal living
            living -= 1

    def counted(picture: Picture, on_pixels: Callable[[int], None]) -> Picture:
        nonlocal living, most
        living += 1
        most = max(most, living)
        sr = enlarge(picture, on_pixels)
        return Picture(sr.colour.view(Counted), sr.alpha, sr.metadata)

    (job,) = plan_jobs([str(path)], Destination(str(tmp_path / f"out{target}"))).jobs
    (outcome,) = run_jobs(counted, [job])
    assert not outcome.error
    assert outcome.frames == count
    assert most < 20


def test_an_mpo_is_the_photograph_in_front(photo: np.ndarray, tmp_path: Path) -> None:
    image = Image.fromarray(photo)
    image.save(tmp_path / "in.jpg", "MPO", save_all=True, append_images=[image.rotate(90)])
    assert run(tmp_path / "in.jpg", tmp_path / "out.jpg").frames == 1


def test_a_heic_is_its_primary_picture(photo: np.ndarray, tmp_path: Path) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    file = pillow_heif.from_pillow(Image.fromarray(255 - photo))
    file.add_from_pillow(Image.fromarray(photo))
    file.save(tmp_path / "in.heic", quality=95, primary_index=1)
    assert run(tmp_path / "in.heic", tmp_path / "out.png").frames == 1
    (read,) = displayed(tmp_path / "out.png")
    assert np.abs(read[..., :3].astype(int) - larger(photo)).mean() < 4


def test_more_frames_than_there_can_be_are_one_sentence(tmp_path: Path) -> None:
    save(tmp_path / "a.png", moving_square((9, 200, 9), (0, 0, 0)), duration=50)
    content = (tmp_path / "a.png").read_bytes()
    start = content.index(b"acTL")
    control = b"acTL" + struct.pack(">2I", 2**30, 0)
    content = content[:start] + control + struct.pack(">I", zlib.crc32(control)) + content[start + 16 :]
    with pytest.raises(SrganError, match="has 1,073,741,824 frames or pages, more than the limit of 100,000"):
        frames.read_header(Path("a.png"), io.BytesIO(content))


def test_a_page_above_the_limit_is_refused_by_its_header(tmp_path: Path) -> None:
    small, large = Image.new("L", (4, 5)), Image.new("L", (40, 50))
    small.save(tmp_path / "a.tif", save_all=True, append_images=[large])
    with pytest.raises(SrganError, match=r"has 2,000 pixels, more than the limit of 0\.001 megapixels"):
        frames.read_header(tmp_path / "a.tif", most_pixels=1000)


def test_rows_of_a_gif_may_be_stored_interlaced(photo: np.ndarray, tmp_path: Path) -> None:
    picture = Image.fromarray(photo[:24, :24]).quantize(64)
    colour = np.asarray(picture.convert("RGB"))
    for interlace in (0, 1):
        picture.save(tmp_path / f"{interlace}.gif", interlace=interlace)
        np.testing.assert_array_equal(images.read_picture(tmp_path / f"{interlace}.gif").colour, colour)
        (frame,) = frames.read_frames(tmp_path / f"{interlace}.gif")
        np.testing.assert_array_equal(frame.picture.colour, colour)
    assert (tmp_path / "0.gif").read_bytes() != (tmp_path / "1.gif").read_bytes()


@pytest.mark.parametrize("disposal", [[1, 2], [2, 1]])
def test_what_is_cleared_behind_the_last_frame_or_drawn_over_is_never_seen(tmp_path: Path, disposal: list[int]) -> None:
    pictures = [Image.new("RGB", (4, 4), (shade, 0, 0)) for shade in (9, 99)]
    path = save(tmp_path / "p.gif", pictures, duration=50, disposal=disposal)
    assert not frames.read_header(path).transparent


def test_before_the_first_frame_there_is_nothing_to_go_back_to(tmp_path: Path) -> None:
    head = GifImagePlugin.getheader(Image.new("P", (6, 6)))[0][0]
    file = bytearray(head[:6] + struct.pack("<2H3B", 6, 6, 0x70, 0, 0))
    for side in (6, 3):
        part = Image.new("P", (side, side), 1)
        part.putpalette([0, 0, 0, 200, side, 0])
        file += b"".join(GifImagePlugin.getdata(part, include_color_table=True, duration=50, disposal=3))
    (tmp_path / "in.gif").write_bytes(file + b";")
    for name in ("out.png", "out.webp", "out.gif"):
        assert not run(tmp_path / "in.gif", tmp_path / name).error
        first, second = displayed(tmp_path / name)
        assert (first[..., 3] == 255).all()
        assert (second[:12, :12, 3] == 255).all()
        assert (second[12:, :, 3] == 0).all()


def test_a_page_that_is_another_s_mask_is_left_out(photo: np.ndarray, tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "in.tif") as tiff:
        tiff.write(photo[:6, :8], photometric="rgb", metadata=None)
        tiff.write(photo[:6, :8, 0] > 90, photometric="mask", subfiletype=4, metadata=None)
    (frame,) = frames.read_frames(tmp_path / "in.tif")
    np.testing.assert_array_equal(frame.picture.colour, photo[:6, :8])


def test_a_gif_draws_a_pixel_or_does_not_and_it_is_said(tmp_path: Path) -> None:
    alpha = np.array([[0, 127, 128, 255]], np.uint8)[..., None]
    colour = np.full((1, 4, 3), 99, np.uint8)
    assert images.write_picture(Picture(colour, alpha), tmp_path / "p.gif") == ("partial transparency",)
    read = images.read_picture(tmp_path / "p.gif").alpha
    assert read is not None
    assert read.ravel().tolist() == [0, 0, 255, 255]
    assert images.write_picture(Picture(colour, 255 * (alpha // 128)), tmp_path / "p.gif") == ()


def chunk_of(path: Path, kind: bytes) -> bytes:
    """What a WebP, whose lengths are little-endian, has in its first chunk of a kind."""
    content = path.read_bytes()
    place = content.index(kind)
    return content[place + 8 : place + 8 + struct.unpack_from("<I", content, place + 4)[0]]


def test_an_animated_webp_has_exif_as_a_still_one_and_the_quality_asked_for(photo: np.ndarray, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Kodak"
    pictures = [Image.fromarray(photo[top : top + 60, :60]) for top in (0, 20)]
    path = save(tmp_path / "in.png", pictures, duration=50, exif=exif)
    pictures[0].save(tmp_path / "still.png", exif=exif)
    for quality in (5, 100):
        run(path, tmp_path / f"{quality}.webp", quality=quality)
    run(tmp_path / "still.png", tmp_path / "still.webp")
    assert chunk_of(tmp_path / "5.webp", b"EXIF") == chunk_of(tmp_path / "still.webp", b"EXIF")
    assert (tmp_path / "100.webp").stat().st_size > 4 * (tmp_path / "5.webp").stat().st_size


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize(
    ("source", "quality", "lossless"),
    [
        ({"lossless": True}, None, True),
        ({"lossless": True, "exif": b"Exif\0\0II*\0\x08\0\0\0" + bytes(6), "xmp": b"odd"}, None, True),
        ({"lossless": True}, 90, False),
        ({"lossless": False, "quality": 90}, None, False),
        ({"lossless": False, "quality": 90}, 100, True),
        (None, None, False),  # a PNG
        (None, 100, True),
    ],
)
def test_a_lossless_webp_becomes_one_unless_a_quality_is_given(
    photo: np.ndarray, tmp_path: Path, count: int, source: dict[str, Any] | None, quality: int | None, lossless: bool
) -> None:
    pictures = [Image.fromarray(photo[top : top + 20, :30]) for top in (0, 40)[:count]]
    path = save(tmp_path / ("in.webp" if source else "in.png"), pictures, **(source or {}))
    assert frames.read_header(path).lossless == bool(source and "quality" not in source)
    run(path, tmp_path / "out.webp", quality=quality)
    assert frames.read_header(tmp_path / "out.webp").lossless == lossless
    expected, result = (
        np.stack([frame.picture.colour for frame in frames.read_frames(name)]) for name in (path, tmp_path / "out.webp")
    )
    assert np.array_equal(np.stack([larger(pixels) for pixels in expected]), result) == lossless


def test_frames_of_both_kinds_are_not_lossless(tmp_path: Path, photo: np.ndarray) -> None:
    pictures = [Image.fromarray(photo[:20, :30]), Image.new("RGB", (30, 20), "red")]
    path = save(tmp_path / "in.webp", pictures, lossless=False, allow_mixed=True, quality=90)
    content = path.read_bytes()
    assert b"VP8L" in content
    assert b"VP8 " in content
    assert not frames.read_header(path).lossless


def test_equal_pages_keep_what_is_said_of_each(photo: np.ndarray, tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "in.tif") as tiff:
        for dpi in (72, 300):
            tiff.write(photo[:4, :5], photometric="rgb", resolution=(dpi, dpi), resolutionunit=2, metadata=None)
    run(tmp_path / "in.tif", tmp_path / "out.tif")
    read = [frame.picture.metadata.dpi for frame in frames.read_frames(tmp_path / "out.tif")]
    assert read == [(72, 72), (300, 300)]


@pytest.mark.parametrize("first", [0, 1])
def test_pages_become_frames_with_the_bits_and_the_alpha_that_any_has(
    photo: np.ndarray, tmp_path: Path, first: int
) -> None:
    grey, clear = photo[:4, :5, 0], np.dstack([photo[:4, :5].astype(np.uint16) * 257, np.full((4, 5), 7, np.uint16)])
    with tifffile.TiffWriter(tmp_path / "in.tif") as tiff:
        for number in (first, 1 - first):
            if number:
                tiff.write(clear, photometric="rgb", extrasamples=["unassalpha"], metadata=None)
            else:
                tiff.write(grey, photometric="minisblack", metadata=None)
    header = frames.read_header(tmp_path / "in.tif")
    assert (header.transparent, header.sixteen_bits, header.grey) == (True, True, False)
    run(tmp_path / "in.tif", tmp_path / "out.png")
    assert (tmp_path / "out.png").read_bytes()[24:26] == bytes([16, 6])  # bits, RGB with alpha
    shown = displayed(tmp_path / "out.png")
    np.testing.assert_array_equal(shown[first][..., :3], larger(np.dstack([grey] * 3)))
    assert (shown[first][..., 3] == 255).all()
    assert (shown[1 - first][..., 3] == 0).all()  # 7 of 65,535
