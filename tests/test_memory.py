"""What a picture takes and what there is, and that nothing is begun that cannot end."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_cli import in_process

from srgan_cli.jobs.naming import Destination
from srgan_cli.jobs.planning import Limits, plan_jobs
from srgan_cli.pictures.formats import SUFFIXES, Header
from srgan_cli.upscaling import memory
from srgan_cli.upscaling.sizes import Size

LARGE = Header(12_000, 10_000, transparent=False, sixteen_bits=False)
PNG = SUFFIXES[".png"]


def test_a_large_picture_takes_its_result_and_little_else() -> None:
    result = 16 * 12_000 * 10_000 * 3
    assert 2 * result < memory.of_pictures(LARGE, Size(), PNG) < 2.5 * result
    assert memory.needed(LARGE, Size(), PNG) < 3.2 * result


@pytest.mark.parametrize(
    ("header", "size", "ending"),
    [
        (replace(LARGE, transparent=True), Size(), ".png"),
        (replace(LARGE, sixteen_bits=True), Size(), ".png"),
        (replace(LARGE, width=12_001), Size(), ".png"),
        (LARGE, Size(scale=2), ".png"),  # by way of 16 bits and floats
        (LARGE, Size(scale=5), ".png"),
        (LARGE, Size(), ".avif"),
        (LARGE, Size(), ".gif"),
    ],
)
def test_more_takes_more(header: Header, size: Size, ending: str) -> None:
    assert memory.needed(header, size, SUFFIXES[ending]) > memory.needed(LARGE, Size(), PNG)


def test_a_lossless_webp_takes_more() -> None:
    lossy, lossless = (SUFFIXES[".webp"].with_quality(quality) for quality in (90, 100))
    assert memory.needed(LARGE, Size(), lossless) > memory.needed(LARGE, Size(), lossy)


def test_grey_takes_less_and_a_small_picture_only_its_own_window() -> None:
    grey = memory.of_pictures(replace(LARGE, grey=True), Size(), PNG)
    assert grey < 0.5 * memory.of_pictures(LARGE, Size(), PNG)
    assert memory.needed(replace(LARGE, width=8, height=8), Size(), PNG) < 1.02 * memory.PROGRAM


def test_a_further_page_takes_nothing_away() -> None:
    page = Header(1000, 1000, transparent=False, sixteen_bits=False)
    two, size = replace(page, others=((2100, 600),)), Size(width=8000)
    assert memory.needed(two, size, SUFFIXES[".tif"]) >= memory.needed(page, size, SUFFIXES[".tif"])


def test_the_page_that_takes_most_counts() -> None:
    page, size = Header(1000, 1000, transparent=False, sixteen_bits=False), Size(width=8000)
    tall = replace(page, width=600, height=2100)
    two = replace(page, others=((tall.width, tall.height),))
    pictures = memory.of_pictures(tall, size, SUFFIXES[".tif"])
    assert memory.needed(two, size, SUFFIXES[".tif"]) >= memory.PROGRAM + pictures


@pytest.mark.parametrize("ending", [".webp", ".avif"])
def test_alpha_takes_more_to_encode(ending: str) -> None:
    with_alpha = replace(LARGE, transparent=True)
    assert memory.of_pictures(with_alpha, Size(), SUFFIXES[ending]) > memory.of_pictures(
        LARGE, Size(), SUFFIXES[ending]
    )


def test_what_is_left_when_the_network_is_done_is_at_most_the_pictures() -> None:
    small = replace(LARGE, width=8, height=8)
    assert memory.of_pictures_alone(memory.needed(small, Size(), PNG)) == 0
    pictures = memory.of_pictures(LARGE, Size(), PNG)
    assert memory.of_pictures_alone(memory.needed(LARGE, Size(), PNG)) == pictures


def test_an_animation_takes_the_frame_before_and_what_it_shows() -> None:
    still = Header(1000, 900, transparent=False, sixteen_bits=False)
    moving = replace(still, others=((1000, 900),))
    more = memory.needed(moving, Size(), SUFFIXES[".gif"]) - memory.needed(still, Size(), SUFFIXES[".gif"])
    assert more == (1 + 2 * 16) * 1000 * 900 * 3


def machine(root: Path, files: dict[str, str]) -> int | None:
    """What is available where the system's files have these contents."""
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return memory.available(root)


MEMINFO = {"proc/meminfo": "MemTotal:  9000 kB\nMemAvailable:  4000 kB\nSwapFree:  1000 kB\nHugePages_Total:  0\n"}
FREE = 5_000 * 1024


def cgroup(folder: str, limit: object, used: int, cache: int) -> dict[str, str]:
    """The files of a cgroup of version 2."""
    return {
        f"{folder}/memory.max": f"{limit}\n",
        f"{folder}/memory.current": f"{used}\n",
        f"{folder}/memory.stat": f"anon 5\ninactive_file {cache}\n",
    }


def old_cgroup(folder: str, limit: int, used: int, cache: int) -> dict[str, str]:
    """The files of a cgroup of version 1."""
    return {
        f"{folder}/memory.limit_in_bytes": f"{limit}\n",
        f"{folder}/memory.usage_in_bytes": f"{used}\n",
        f"{folder}/memory.stat": f"cache 5\ninactive_file 1\ntotal_inactive_file {cache}\n",
    }


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, FREE),
        ({"proc/self/cgroup": "0::/a/b\n"}, FREE),
        ({"proc/self/cgroup": "0::/a/b\n", **cgroup("sys/fs/cgroup/a/b", 3_000_000, 1_000_000, 400_000)}, 2_400_000),
        ({"proc/self/cgroup": "0::/a/b\n", **cgroup("sys/fs/cgroup/a", 3_000_000, 1_000_000, 0)}, 2_000_000),
        ({"proc/self/cgroup": "0::/a/b\n", **cgroup("sys/fs/cgroup/a", "max", 1_000_000, 0)}, FREE),
        ({"proc/self/cgroup": "0::/a/b\n", **cgroup("sys/fs/cgroup/other", 9, 1, 0)}, FREE),
        ({"proc/self/cgroup": "0::/a\n", **cgroup("sys/fs/cgroup/a", 1_000_000, 1_500_000, 0)}, 0),
        (
            {
                "proc/self/cgroup": "5:cpu:/c\n4:memory,x:/c/d\n0::/\n",
                **old_cgroup("sys/fs/cgroup/memory/c/d", 3_000_000, 2_000_000, 500_000),
            },
            1_500_000,
        ),
        # Inside a container the path is one of the machine outside, and what is mounted is the container's own.
        (
            {
                "proc/self/cgroup": "4:memory:/docker/123\n",
                **old_cgroup("sys/fs/cgroup/memory", 3_000_000, 2_000_000, 0),
            },
            1_000_000,
        ),
    ],
)
def test_what_there_is(tmp_path: Path, files: dict[str, str], expected: int) -> None:
    assert machine(tmp_path, {**MEMINFO, **files}) == expected


def test_a_system_that_does_not_tell_is_not_asked(tmp_path: Path) -> None:
    assert machine(tmp_path, {}) is None


@pytest.fixture
def pictures(tmp_path: Path, photo: np.ndarray) -> Path:
    """A folder of a small and a larger picture."""
    (tmp_path / "in").mkdir()
    Image.fromarray(photo[:10, :12]).save(tmp_path / "in" / "small.png")
    Image.fromarray(photo).resize((1_000, 900)).save(tmp_path / "in" / "large.png")
    return tmp_path / "in"


def test_what_cannot_fit_is_refused_before_the_rest_is_done(pictures: Path) -> None:
    plan = plan_jobs([str(pictures)], limits=Limits(memory=10**9))
    assert [job.source.name for job in plan.jobs] == ["small.png"]
    (outcome,) = plan.settled
    assert outcome.error
    assert outcome.error.message == f"{pictures / 'large.png'}: takes 1.4 GB of memory or more, and there are 1.0"
    assert outcome.error.hint.startswith("cut it into parts")
    nine = Destination(size=Size(scale=9))
    (outcome,) = plan_jobs([str(pictures / "large.png")], nine, limits=Limits(memory=10**9)).settled
    assert outcome.error
    assert outcome.error.hint.startswith("enlarge it less, cut it into parts")
    assert len(plan_jobs([str(pictures)]).jobs) == 2


def test_a_dry_run_tells_it(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available", lambda: 10**9)
    code, stdout, stderr = in_process("upscale", pictures, "--dry-run")
    assert code == 1
    assert stdout == f"{pictures / 'small.png'} -> {pictures / 'small_x4.png'} 48x40, 0.8 GB of memory\n"
    assert "takes 1.4 GB" in stderr
    code, stdout, _ = in_process("upscale", pictures, "--dry-run", "--no-check-memory", "--json")
    assert code == 0
    large, small = (json.loads(line)["memory"] for line in stdout.splitlines())
    assert large > 3 * 10**9 > 10**9 > small > memory.PROGRAM
