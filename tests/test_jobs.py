"""What is read and written is settled first, decoding no picture but for an alpha channel in the way."""

import errno
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from srgan_cli.errors import SrganError, UsageError
from srgan_cli.jobs.naming import Destination
from srgan_cli.jobs.planning import Existing, Limits, Plan, plan_jobs
from srgan_cli.pictures import images
from srgan_cli.pictures.picture import from_array
from srgan_cli.upscaling.sizes import Size


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder with a folder `in` of two pictures, a text, a hidden file and a folder of one picture."""
    monkeypatch.chdir(tmp_path)
    pictures = Path("in")
    (pictures / "deep").mkdir(parents=True)
    Image.new("RGB", (6, 4)).save(pictures / "b.png")
    Image.new("LA", (5, 4)).save(pictures / "A.PNG")
    Image.new("L", (3, 4)).save(pictures / "deep" / "c.jpg")
    (pictures / "notes.txt").write_text("BMW is no bitmap")
    (pictures / ".c.png").write_bytes(b"")
    return pictures


def plan(*inputs: str, existing: Existing = "refuse", recursive: bool = False, **destination: object) -> Plan:
    return plan_jobs(inputs, Destination(**destination), existing, recursive)  # type: ignore[arg-type]


def targets(*inputs: str, existing: Existing = "refuse", recursive: bool = False, **destination: object) -> list[str]:
    found = plan(*inputs, existing=existing, recursive=recursive, **destination)
    assert not found.settled
    return [f"{job.source} {job.target}" for job in found.jobs]


def reasons(found: Plan) -> list[str]:
    return [outcome.error.message for outcome in found.settled if outcome.error]


@pytest.mark.usefixtures("folder")
def test_without_output_results_lie_beside_their_inputs() -> None:
    assert targets("in") == ["in/A.PNG in/A_x4.PNG", "in/b.png in/b_x4.png"]
    assert targets("in/b.png") == ["in/b.png in/b_x4.png"]
    assert targets("in/b.png", suffix="-big", format="jpg") == ["in/b.png in/b-big.jpg"]


@pytest.mark.usefixtures("folder")
def test_an_output_folder_keeps_names_and_is_not_made_yet() -> None:
    assert targets("in", output="new/out") == ["in/A.PNG new/out/A.PNG", "in/b.png new/out/b.png"]
    assert targets("in/b.png", output="out/") == ["in/b.png out/b.png"]
    assert targets("in/b.png", output="out/", suffix="_x4") == ["in/b.png out/b_x4.png"]
    assert not Path("new").exists()


@pytest.mark.parametrize("name", ["b_x4.jpg", "b_x2.5.png", "b_w100.png", "b_H100.png", "b_long144.png", "b_x4_x2.png"])
@pytest.mark.parametrize("output", [None, "out"])
def test_earlier_results_of_other_sizes_are_no_inputs(folder: Path, name: str, output: str | None) -> None:
    sizes = {"b_x4": (24, 16), "b_x2.5": (15, 10), "b_w100": (100, 67), "b_H100": (150, 100), "b_long144": (144, 96)}
    Image.new("RGB", sizes["b_x4"]).save(folder / "b_x4.jpg")
    Image.new("RGB", sizes.get(Path(name).stem, (48, 32))).save(folder / name)
    found = plan("in", output=output, size=Size(scale=3))
    assert [job.source.name for job in found.jobs] == ["A.PNG", "b.png"]
    Image.new("RGB", (25, 16)).save(folder / name)
    assert name in [job.source.name for job in plan("in", output=output, size=Size(scale=3)).jobs]
    (folder / name).write_bytes(b"")
    assert reasons(plan("in", output=output, size=Size(scale=3))) == [f"in/{name}: is empty"]


def test_odd_names_are_no_results_of_others(folder: Path) -> None:
    Image.new("RGB", (6, 4)).save(folder / "._x4.png")
    assert [outcome.skipped for outcome in plan("in/._x4.png", existing="skip").settled] == []
    for name, side in (("c.jpg", 8), ("c.png", 16), ("c_x2.jpg", 16), ("c_x2.png", 32), ("v.2", 8), ("v.2_x2.png", 16)):
        Image.new("RGB", (side, side)).save(folder / name, "JPEG" if name.endswith("jpg") else "PNG")
    names = {job.source.name for job in plan("in", output="out").jobs}
    assert names == {"A.PNG", "b.png", "c.jpg", "c.png", "v.2"}


@pytest.mark.usefixtures("folder")
def test_recursive_keeps_the_tree() -> None:
    assert targets("in", recursive=True, output="out")[-1] == "in/deep/c.jpg out/deep/c.jpg"
    assert targets("in/**/*.jpg", output="out") == ["in/deep/c.jpg out/deep/c.jpg"]


def test_results_inside_the_input_folder_are_no_inputs(folder: Path) -> None:
    for out in ("out", "deep/out"):
        (folder / out).mkdir()
        Image.new("RGB", (6, 4)).save(folder / out / "old.png")
        assert len(targets("in", recursive=True, output=f"in/{out}")) == 3 + (out == "deep/out")
        assert len(targets("in/**", output=f"in/{out}")) == 3 + (out == "deep/out")


def test_an_output_folder_around_the_input_folder_hides_nothing(folder: Path) -> None:
    assert targets(str(folder), output=".") == ["in/A.PNG A.PNG", "in/b.png b.png"]


def test_earlier_results_are_not_inputs_unless_named(folder: Path) -> None:
    Image.new("RGB", (24, 16)).save(folder / "b_x4.jpg")
    found = plan("in", existing="overwrite", format="png")
    assert [job.source.name for job in found.jobs] == ["A.PNG", "b.png"]
    assert found.passed_over == {"hidden": 1, "not pictures": 1, "earlier results": 1}
    assert "in/b_x4.jpg in/b_x4_x4.jpg" in targets("in", "in/b_x4.jpg", existing="overwrite")
    again = plan("in/b.png", "in/b_x4.jpg", existing="skip", format="jpg")  # as a shell's pattern names them
    assert (again.jobs, [outcome.skipped for outcome in again.settled]) == ([], [True])
    (folder / "b_x4.jpg").rename(folder / "b_x2.jpg")  # which may be two of b
    assert "in/b_x2.jpg in/b_x2_x4.jpg" in targets("in")


def test_what_is_a_picture_does_not_depend_on_what_was_opened_before(tmp_path: Path) -> None:
    grey = np.full((6, 8, 2), 999, np.uint16)
    images.write_picture(from_array(grey), tmp_path / "p.tif")
    (tmp_path / "p.tif").rename(tmp_path / "scan")
    jobs = f"plan_jobs([{str(tmp_path)!r}]).jobs"
    code = f"from srgan_cli.jobs.planning import plan_jobs; print(*(job.target.name for job in {jobs}))"
    found = subprocess.check_output([sys.executable, "-c", code], text=True)  # Pillow as it comes
    assert found == "scan_x4.tif\n"


def test_contents_tell_the_format_and_endings_follow(folder: Path) -> None:
    (folder / "b.png").rename(folder / "b.jpg")
    (folder / "deep" / "c.jpg").rename(folder / "IMG.2024")
    (folder / "A.PNG").rename(folder / "a.JPEG")
    assert targets("in") == ["in/IMG.2024 in/IMG.2024_x4.jpg", "in/a.JPEG in/a_x4.png", "in/b.jpg in/b_x4.png"]
    assert targets("in", output="out")[0] == "in/IMG.2024 out/IMG.2024.jpg"


@pytest.mark.usefixtures("folder")
def test_format_changes_endings_that_do_not_fit() -> None:
    assert targets("in/deep/c.jpg", "in/b.png", output="out", format="JPEG") == [
        "in/deep/c.jpg out/c.jpg", "in/b.png out/b.jpg",
    ]  # fmt: skip
    assert targets("in/deep/c.jpg", output="out/", format=".PNG") == ["in/deep/c.jpg out/c.png"]


def test_hidden_and_foreign_files_are_counted(folder: Path) -> None:
    (folder / ".git").mkdir()
    Image.new("RGB", (6, 4)).save(folder / ".git" / "hidden.png")
    assert plan("in", recursive=True).passed_over == {"hidden": 1, "not pictures": 1}


def test_kinds_of_pictures_that_are_not_supported_are_called_so(folder: Path) -> None:
    content = b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(40)
    (folder / "scan.jp2").write_bytes(content)
    found = plan("in")
    assert found.passed_over == {"hidden": 1, "not pictures": 1, "JPEG 2000, which is not supported": 1}
    assert reasons(plan("in/scan.jp2")) == ["in/scan.jp2: is a JPEG 2000 picture, which is not supported"]


def test_a_link_to_nothing_is_called_so(folder: Path) -> None:
    (folder / "gone.png").symlink_to("nowhere.png")
    assert reasons(plan("in")) == ["in/gone.png: is a link to a file that is not there"]


def test_links_are_followed_to_where_nothing_was_yet(folder: Path) -> None:
    (folder / "deep" / "around").symlink_to("..")
    (folder / "linked.png").symlink_to("b.png")
    Path("other").mkdir()
    Image.new("RGB", (6, 4)).save("other/d.png")
    (folder / "elsewhere").symlink_to("../other")
    found = plan("in", recursive=True, output="out")
    places = [str(job.source) for job in found.jobs]
    assert places == ["in/A.PNG", "in/b.png", "in/linked.png", "in/deep/c.jpg", "in/elsewhere/d.png"]
    assert found.jobs[-1].target == Path("out/elsewhere/d.png")


def test_patterns_go_into_no_folder_twice(folder: Path) -> None:
    for name in ("around", "circle"):
        (folder / "deep" / name).symlink_to("..")
    Path("other/.hidden").mkdir(parents=True)
    for place in ("other/d.png", "other/.hidden/e.png"):
        Image.new("RGB", (6, 4)).save(place)
    (folder / "elsewhere").symlink_to("../other")
    assert [str(job.source) for job in plan("in/**/*.[jp]*", output="out").jobs] == [
        "in/b.png", "in/deep/c.jpg", "in/elsewhere/d.png",
    ]  # fmt: skip
    assert len(plan("**/*.[jp]*", output="out").jobs) == 3
    assert [job.source.name for job in plan("in/de*/**", output="out").jobs][-1] == "c.jpg"
    assert len(plan("other/.hidden/**/*.png", output="out").jobs) == 1
    assert len(plan(f"../{Path.cwd().name}/../{Path.cwd().name}/in/**/c.*", output="out").jobs) == 1
    os.chdir("in/deep")
    assert len(plan("../**/c.jpg", output="out").jobs) == 1


@pytest.mark.usefixtures("folder")
def test_what_is_empty_is_no_folder() -> None:
    with pytest.raises(UsageError, match="an input is empty"):
        plan("")
    with pytest.raises(UsageError, match="--output is empty"):
        plan("in", output="")


def test_pipes_are_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "pipe.png")
    assert len(targets("in")) == 2
    assert reasons(plan("in/pipe.png")) == ["in/pipe.png: is a pipe or device, not a file"]


def test_brackets_are_a_name_where_there_is_such_a_file(folder: Path) -> None:
    Image.new("RGB", (6, 4)).save(folder / "[ab].png")
    assert targets("in/[ab].png") == ["in/[ab].png in/[ab]_x4.png"]
    (folder / "[ab].png").unlink()
    assert targets("in/[ab].png") == ["in/b.png in/b_x4.png"]
    assert reasons(plan("in/*.gif")) == ["in/*.gif: no pictures are named like this"]


def test_a_list_names_a_path_a_line(folder: Path) -> None:
    Image.new("RGB", (6, 4)).save("@odd ü.png")
    Path("list.txt").write_text("\ufeff# comment\n\n in/b.png \nin/deep\n@odd ü.png\nmissing.png\n", encoding="utf-8")
    found = plan("@list.txt", output="out")
    assert [str(job.source) for job in found.jobs] == ["in/b.png", "in/deep/c.jpg", "@odd ü.png"]
    assert reasons(found) == ["missing.png: there is no such file or folder"]
    assert targets("@odd ü.png") == ["@odd ü.png @odd ü_x4.png"]
    Image.new("RGB", (6, 4)).save("#2.png")
    Path("list.txt").write_text("#2.png\n#3.png\n")
    assert targets("@list.txt", output="out") == ["#2.png out/#2.png"]
    Path("list.txt").write_text("\n# none\n")
    assert reasons(plan("@list.txt")) == ["list.txt: names no pictures"]
    Image.new("RGB", (6, 4)).save(" #1.png")
    Path("list.txt").write_text("in/b.png\0in/deep\0 #1.png\0")  # as by find -print0
    found = plan("@list.txt", output="out")
    assert [str(job.source) for job in found.jobs] == ["in/b.png", "in/deep/c.jpg", " #1.png"]
    Path("list.txt").write_bytes("in/b.png\r\nin/deep".encode("utf-16"))  # as by Windows PowerShell
    assert [str(job.source) for job in plan("@list.txt", output="out").jobs] == ["in/b.png", "in/deep/c.jpg"]
    assert "cannot be read as a list (it is a picture)" in reasons(plan("@in/b.png"))[0]
    Path("list.txt").write_bytes(b"\xff")
    assert "cannot be read as a list ('utf-8' codec" in reasons(plan("@list.txt"))[0]
    assert "cannot be read as a list (No such file" in reasons(plan(f"@{folder}/none"))[0]


class Stdin:
    """Stdin with a picture in it."""

    def __init__(self, content: bytes) -> None:
        self.buffer = io.BytesIO(content)

    def isatty(self) -> bool:
        """Whether there is none."""
        return not self.buffer.getvalue()


@pytest.mark.usefixtures("folder")
def test_a_list_may_come_through_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    for content in (b"in/b.png\nin/deep\n", b"in/b.png\0in/deep\0"):
        monkeypatch.setattr("sys.stdin", Stdin(content))
        assert targets("@-", output="out") == ["in/b.png out/b.png", "in/deep/c.jpg out/c.jpg"]
    monkeypatch.setattr("sys.stdin", Stdin(b""))
    with pytest.raises(UsageError, match="nothing is piped") as error:
        plan("@-")
    assert "@-" in error.value.hint


def test_a_list_may_begin_like_a_picture(folder: Path) -> None:
    folder.rename("BMW")
    for separator in ("\0", "\n"):
        Path("list.txt").write_text(separator.join(["BMW/b.png", "BMW/deep"]))
        assert len(plan("@list.txt", output="out").jobs) == 2
    for name in ("a.bmp", "a.gif", "a.webp", "a.tif", "a.jpg"):
        Image.new("RGB", (6, 4)).save(name)
        assert "cannot be read as a list" in reasons(plan(f"@{name}"))[0]


@pytest.mark.skipif(os.name == "nt", reason="names are texts there")
@pytest.mark.usefixtures("folder")
def test_names_in_a_list_need_not_be_texts() -> None:
    name = b"in/caf\xe9.png"
    Image.new("RGB", (6, 4)).save(os.fsdecode(name))
    Path("list.txt").write_bytes(name + b"\0")
    assert [os.fsencode(job.source) for job in plan("@list.txt", output="out").jobs] == [name]


def test_stdin_is_a_picture_whose_result_goes_to_stdout(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = (folder / "deep" / "c.jpg").read_bytes()
    monkeypatch.setattr("sys.stdin", Stdin(content))
    (job,) = plan("-").jobs
    assert (job.to_stdout, job.target.suffix, job.content, job.lr_size) == (True, ".jpg", content, (3, 4))
    for output, target in (("out/", "out/stdin.webp"), ("a.webp", "a.webp")):
        monkeypatch.setattr("sys.stdin", Stdin(content))
        assert targets("-", output=output, format="webp") == [f"- {target}"]
    monkeypatch.setattr("sys.stdin", Stdin(content))
    assert targets("-", "in/b.png") == ["- stdin_x4.jpg", "in/b.png in/b_x4.png"]
    monkeypatch.setattr("sys.stdin", Stdin(content))
    twice = plan("-", "-")
    assert ([(job.content, job.lr_size) for job in twice.jobs], twice.settled) == ([(content, (3, 4))], [])
    monkeypatch.setattr("sys.stdin", Stdin(b""))
    with pytest.raises(UsageError, match="nothing is piped"):
        plan("-")


@pytest.mark.usefixtures("folder")
def test_a_quality_needs_a_format_that_has_one() -> None:
    with pytest.raises(UsageError, match="PNG has no quality"):
        plan("in", quality=80)
    assert len(plan("in", quality=80, recursive=True).jobs) == 3  # one is a JPEG
    Path("out/deep").mkdir(parents=True)
    Path("out/deep/c.jpg").touch()
    assert len(plan("in", quality=80, recursive=True, existing="skip", output="out/").jobs) == 2


@pytest.mark.usefixtures("folder")
def test_stdout_takes_one_picture() -> None:
    (job,) = plan("in/b.png", output="-", format="tiff").jobs
    assert (job.to_stdout, job.target.suffix) == (True, ".tif")
    with pytest.raises(UsageError, match="stdout: 2 pictures cannot"):
        plan("in", output="-")


def test_pixels_count_the_alpha_channel(folder: Path) -> None:
    assert [job.pixels for job in plan(str(folder)).jobs] == [5 * 4 * 2, 6 * 4]


@pytest.mark.parametrize("opacity", [255, 254])
def test_an_alpha_channel_that_a_format_cannot_hold_must_hide_nothing(folder: Path, opacity: int) -> None:
    shot = Image.new("RGBA", (6, 4), (1, 2, 3, 255))
    shot.putpixel((5, 3), (1, 2, 3, opacity))
    shot.save(folder / "shot.png")
    found = plan("in/shot.png", format="jpeg")
    if opacity == 255:
        assert [(job.pixels, job.header.transparent) for job in found.jobs] == [(24, False)]
        assert plan("in/shot.png").jobs[0].header.transparent
    else:
        assert reasons(found) == ["in/shot_x4.jpg: JPEG cannot hold the picture's transparency"]


def test_a_damaged_alpha_channel_does_not_stop_the_rest(folder: Path) -> None:
    Image.effect_noise((64, 64), 90).convert("RGBA").save(folder / "shot.png")
    whole = (folder / "shot.png").read_bytes()
    (folder / "shot.png").write_bytes(whole[: len(whole) // 2])
    found = plan("in/b.png", "in/shot.png", format="jpeg")
    assert [job.source.name for job in found.jobs] == ["b.png"]
    assert "truncated" in reasons(found)[0]


@pytest.mark.usefixtures("folder")
def test_memory_that_ends_while_a_picture_is_looked_at_does_not_stop_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhaust(*_: object) -> bool:
        raise MemoryError

    monkeypatch.setattr("srgan_cli.pictures.frames.is_opaque", exhaust)
    found = plan("in/A.PNG", "in/b.png", format="jpeg", output="out/")
    assert [job.source.name for job in found.jobs] == ["b.png"]
    assert reasons(found) == ["in/A.PNG: out of memory"]


def test_a_named_output_is_replaced_other_files_only_on_request(folder: Path) -> None:
    Image.new("RGB", (24, 16)).save(folder / "b_x4.png")
    assert reasons(plan("in/b.png")) == ["in/b_x4.png: exists already"]
    assert targets("in/b.png", existing="overwrite") == ["in/b.png in/b_x4.png"]
    assert targets("in/b.png", output="in/b_x4.png") == ["in/b.png in/b_x4.png"]
    assert targets("in/b.png", output="in/b.png") == ["in/b.png in/b.png"]


def test_what_is_there_can_be_skipped_even_if_the_input_is_damaged(folder: Path) -> None:
    Image.new("RGB", (24, 16)).save(folder / "b_x4.png")
    (folder / "b.png").write_bytes(b"")
    found = plan("in", existing="skip")
    assert [job.source.name for job in found.jobs] == ["A.PNG"]
    assert [(str(outcome.target), outcome.skipped) for outcome in found.settled] == [("in/b_x4.png", True)]
    assert plan("in/A.PNG", output="in/b_x4.png", existing="skip").settled[0].skipped


@pytest.mark.usefixtures("folder")
def test_what_an_input_is_a_link_to_is_an_input() -> None:
    Path("links").mkdir()
    Path("links/b.png").symlink_to(Path("../in/b.png"))
    found = plan("links", output="in", existing="overwrite")
    assert reasons(found) == ["in/b.png: is itself an input and is not overwritten"]
    assert not found.jobs
    Path("links/a.png").symlink_to("a.png")  # leads nowhere
    assert len(reasons(plan("links/a.png", "in/b.png", output="out"))) == 1


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("existing", ["refuse", "overwrite", "skip"])
def test_an_input_is_never_overwritten_unnamed(existing: Existing) -> None:
    for inputs in (["in"], ["in/b.png"]):
        found = plan(*inputs, output="in", existing=existing)
        assert not found.jobs
        assert all("is itself an input" in message for message in reasons(found))
    assert not plan("in", suffix="", existing=existing).jobs
    for only in ("in/deep", "in/deep/*.jpg"):  # of one picture, so that -o may name a file
        assert reasons(plan(only, output="in/deep/c.jpg", existing=existing))
    assert plan("in/deep/c.jpg", output="in/deep/c.jpg", existing=existing).jobs or existing == "skip"


@pytest.mark.usefixtures("folder")
def test_a_link_to_a_disk_that_is_not_there_is_something() -> None:
    Path("in/b_x4.png").symlink_to("/not/mounted/b_x4.png")
    assert "exists already" in reasons(plan("in/b.png"))[0]
    assert plan("in/b.png", existing="skip").settled[0].skipped
    assert plan("in/b.png", existing="overwrite").jobs


@pytest.mark.parametrize(
    ("twins", "options"),
    [
        (["in/a.png", "in/deep/a.png"], {"output": "out"}),
        (["in/a.png", "in/a.webp"], {"format": "png"}),
        (["in/a.png", "in/a.PNG"], {"output": "out"}),
        (["in/Ä.png", "in/a\u0308.png"], {"output": "out"}),
    ],
)
@pytest.mark.usefixtures("folder")
def test_two_inputs_for_one_output_are_a_usage_error(twins: list[str], options: dict[str, str]) -> None:
    for path in twins:
        Image.new("RGB", (6, 4)).save(path)
    with pytest.raises(UsageError, match="would both be written to") as error:
        plan(*twins, **options)  # type: ignore[arg-type]
    assert all(path in error.value.message for path in twins)
    differ = len({Path(path).with_suffix("").name for path in twins}) > 1 or twins[-1].endswith("PNG")
    assert ("disks that do not tell capitals apart" in error.value.message) == differ


def test_two_ways_to_one_file_are_not_blamed_on_capitals(folder: Path) -> None:
    Path("link").symlink_to(folder)
    with pytest.raises(UsageError, match="would both be written") as error:
        plan("in/b.png", "link/b.png")
    assert error.value.message.endswith(" to link/b_x4.png and in/b_x4.png, one file")


@pytest.mark.parametrize("recursive", [False, True])
def test_a_folder_that_cannot_be_read_is_told_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch, recursive: bool
) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(os, "scandir", refuse)
    assert reasons(plan(str(folder), recursive=recursive)) == ["in: cannot be read (Permission denied)"]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("name", ["pohtos", "pohtos/a.txt", "typo.txt"])
def test_what_is_not_there_is_called_so(name: str) -> None:
    assert reasons(plan(name)) == [f"{name}: there is no such file or folder"]
    assert reasons(plan(name, output="large/")) == [f"{name}: there is no such file or folder"]


def test_a_folder_that_is_mounted_twice_is_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    twice, stat = Path("mounted"), Path.stat
    twice.mkdir()
    for name in ("A.PNG", "b.png"):
        (twice / name).write_bytes((folder / name).read_bytes())
    monkeypatch.setattr(Path, "stat", lambda path, **how: stat(folder if path == twice else path, **how))
    found = plan(str(folder), output=str(twice), existing="overwrite")
    assert not found.jobs
    assert all("is itself an input and is not overwritten" in reason for reason in reasons(found))


@pytest.mark.usefixtures("folder")
def test_folders_behind_a_pattern_that_cannot_be_read_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    walk = os.walk

    def refuse(top: str, onerror: Any) -> Any:
        for place in walk(top):
            if place[0].endswith("deep"):
                onerror(PermissionError(errno.EACCES, os.strerror(errno.EACCES), place[0]))
            else:
                yield place

    monkeypatch.setattr(os, "walk", refuse)
    found = plan("in/**/*.[pPjJ]*", output="out/")
    assert reasons(found) == ["in/deep: cannot be read (Permission denied)"]
    assert [job.source.name for job in found.jobs] == ["A.PNG", "b.png"]


def test_a_folder_of_results_that_cannot_be_written_to_is_found_out_first(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    access = os.access
    (folder.parent / "out" / "deep").mkdir(parents=True)
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "deep" and access(path, mode))
    found = plan("in", output="out", recursive=True)
    assert [job.source.name for job in found.jobs] == ["A.PNG", "b.png"]
    assert "cannot be written to" in reasons(found)[0]


def test_memory_is_looked_at_before_an_alpha_channel_is(folder: Path) -> None:
    Image.new("RGBA", (60, 40)).save(folder / "shot.png")
    (folder / "shot.png").write_bytes((folder / "shot.png").read_bytes()[:60])  # no pixels
    limits = Limits(memory=10**6)
    (outcome,) = plan_jobs(["in/shot.png"], Destination(format="jpeg"), limits=limits).settled
    assert "of memory or more" in str(outcome.error)


@pytest.mark.usefixtures("folder")
def test_lines_of_a_list_are_names_as_they_are() -> None:
    for name in ("trail.png ", "ls\u2028x.png"):
        Image.new("RGB", (6, 4)).save(Path("in", name.strip()), "PNG")
        Path("in", name.strip()).rename(Path("in", name))
    Path("list.txt").write_text("in/trail.png \r\nin/ls\u2028x.png\r\n  in/b.png  \r\n", encoding="utf-8", newline="")
    assert [job.source.name for job in plan("@list.txt", output="out/").jobs] == [
        "trail.png ",
        "ls\u2028x.png",
        "b.png",
    ]


@pytest.mark.usefixtures("folder")
def test_many_clashes_are_told_at_once() -> None:
    twins = [f"in/{number:02}{ending}" for number in range(12) for ending in (".png", ".webp")]
    for path in twins:
        Image.new("RGB", (6, 4)).save(path)
    with pytest.raises(UsageError, match=r"09\.png and .*; and 2 more clashes"):
        plan(*twins, output="out", format="png")


@pytest.mark.usefixtures("folder")
def test_a_file_named_twice_is_done_once() -> None:
    assert len(targets("in/b.png", "./in/b.png", "in", "in/b*")) == 2


def test_what_cannot_be_done_does_not_stop_the_rest(folder: Path) -> None:
    (folder / "bad.jpg").write_bytes(b"no picture")
    (folder / "empty").mkdir()
    found = plan("in", "missing.png", "in/empty", "x" * 300, output="out")
    assert [job.source.name for job in found.jobs] == ["A.PNG", "b.png"]
    assert sorted(outcome.source.name[:11] for outcome in found.settled) == [
        "bad.jpg", "empty", "missing.png", "xxxxxxxxxxx",
    ]  # fmt: skip


def test_a_name_that_gets_too_long_is_one_sentence(folder: Path) -> None:
    (folder / "b.png").rename(folder / f"{'b' * 250}.png")
    assert "cannot be written (File name too long)" in reasons(plan("in"))[0]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("destination", "message"),
    [
        ({"format": "gif87"}, "--format is 'gif87'"),
        ({"suffix": "a/b"}, "--suffix is 'a/b'"),
        ({"format": "png", "quality": 80}, "PNG has no quality"),
        ({"output": "a.png", "quality": 80}, "PNG has no quality"),
        ({"output": "a.png", "format": "jpg"}, "a.png: is not a name for JPEG"),
        ({"output": "a.png", "suffix": "_x4"}, "--suffix says nothing"),
        ({"output": "a.png", "suffix": ""}, "--suffix says nothing"),
    ],
)
def test_destinations_that_make_no_sense(destination: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        plan("in/b.png", **destination)  # type: ignore[arg-type]


@pytest.mark.usefixtures("folder")
def test_a_folder_that_is_not_there_is_not_taken_for_a_file_of_a_wrong_name() -> None:
    with pytest.raises(UsageError, match="out: is not a name for JPEG") as error:
        plan("in/b.png", output="out", format="jpg")
    assert error.value.hint == "end it in .jpg, or in / if it is a folder"


@pytest.mark.usefixtures("folder")
def test_several_pictures_do_not_go_into_one_file() -> None:
    for name in ("out.png", "OUT.PNG"):
        with pytest.raises(UsageError, match=f"{name}: 2 pictures cannot be written to it"):
            plan("in", output=name)


@pytest.mark.usefixtures("folder")
def test_an_output_folder_that_cannot_be_made_is_one_sentence() -> None:
    with pytest.raises(SrganError, match="cannot be made a folder"):
        plan("in", output="in/notes.txt/out")


@pytest.mark.parametrize(
    ("size", "name", "expected"),
    [
        (Size(scale=2.5), "b_x2.5.png", (15, 10)),
        (Size(width=30), "b_w30.png", (30, 20)),
        (Size(), "b_x4.png", (24, 16)),
    ],
)
def test_a_size_is_met_and_told_in_the_name(folder: Path, size: Size, name: str, expected: tuple[int, int]) -> None:
    (job,) = plan_jobs([str(folder / "b.png")], Destination(size=size)).jobs
    assert job.target.name == name
    assert job.sr_size == job.expected.sr_size == expected
    assert job.pixels == size.pixels(4, 6)


@pytest.mark.usefixtures("folder")
def test_a_result_that_is_smaller_than_its_picture_is_said_to_be() -> None:
    notes = [plan("in/b.png", size=Size(width=width)).jobs[0].expected.notes for width in (5, 6, 7)]
    assert notes == [("smaller than the picture",), (), ()]


def test_a_photograph_on_its_side_is_planned_upright(folder: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6
    Image.new("RGB", (6, 5)).save(folder / "sideways.jpg", exif=exif)
    (job,) = plan_jobs([str(folder / "sideways.jpg")]).jobs
    assert (job.lr_size, job.sr_size) == ((5, 6), (20, 24))
