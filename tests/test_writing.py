"""Results that are written while others are computed."""

import os
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO

import numpy as np
import pytest
from conftest import enlarge
from PIL import Image

from srgan_cli import files
from srgan_cli.jobs import disks, writing
from srgan_cli.jobs.batch import run_jobs
from srgan_cli.jobs.naming import Destination
from srgan_cli.jobs.planning import Job, plan_jobs
from srgan_cli.pictures import images
from srgan_cli.pictures.formats import Format
from srgan_cli.pictures.picture import Picture
from srgan_cli.upscaling import memory

WIDTHS = (4, 5, 6, 7)


class Events:
    """Notes which pictures are computed and written, by their widths, and lets those that are held wait."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.log: list[tuple[str, int]] = []
        self.held = set(WIDTHS)
        self.may_write = threading.Event()
        encode = images.encode

        def noted(picture: Picture, kind: Format, file: BinaryIO) -> Any:
            width = picture.colour.shape[1] // 4
            assert width not in self.held or self.may_write.wait(timeout=60)
            self.log.append(("written", width))
            return encode(picture, kind, file)

        monkeypatch.setattr(images, "encode", noted)

    def network(self, picture: Picture, on_pixels: Callable[[int], None]) -> Picture:
        """A stand-in."""
        self.log.append(("computed", picture.colour.shape[1]))
        return enlarge(picture, on_pixels)


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> Events:
    """On a machine with two cores and memory enough."""
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(memory, "available", lambda: None)
    return Events(monkeypatch)


@pytest.fixture
def jobs(tmp_path: Path, photo: np.ndarray) -> list[Job]:
    """Four pictures of different widths."""
    (tmp_path / "in").mkdir()
    for width in WIDTHS:
        Image.fromarray(photo[:4, :width]).save(tmp_path / "in" / f"{width}.png")
    return plan_jobs([str(tmp_path / "in")], Destination(str(tmp_path / "out"))).jobs


def test_as_many_wait_to_be_written_as_there_are_threads(events: Events, jobs: list[Job]) -> None:
    def network(picture: Picture, on_pixels: Callable[[int], None]) -> Picture:
        if picture.colour.shape[1] == WIDTHS[1]:  # time for a third
            threading.Timer(0.3, events.may_write.set).start()
        return events.network(picture, on_pixels)

    outcomes = list(run_jobs(network, jobs))
    assert [outcome.error for outcome in outcomes] == [None] * 4
    assert sorted(outcome.lr_size or () for outcome in outcomes) == [(width, 4) for width in WIDTHS]
    assert events.log[:2] == [("computed", 4), ("computed", 5)]
    assert events.log[2][0] == "written"


@pytest.mark.parametrize("scarce", ["memory", "disk"])
def test_where_there_is_room_for_one_only_it_is_written_first(
    events: Events, jobs: list[Job], monkeypatch: pytest.MonkeyPatch, scarce: str
) -> None:
    events.may_write.set()
    if scarce == "memory":
        monkeypatch.setattr(memory, "available", lambda: min(job.memory for job in jobs) - 1)
    else:
        monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=16 * 20 * disks.MOST_BYTES))
    list(run_jobs(events.network, jobs))
    assert events.log == [(what, width) for width in WIDTHS for what in ("computed", "written")]


def test_room_is_that_of_the_disk_that_a_result_goes_to(jobs: list[Job], monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = jobs[:2]
    size = disks.MOST_BYTES * 16 * 20  # of the wider one
    monkeypatch.setattr(disks, "disk_of", lambda path: (path == other.target, size))
    assert disks.fits_disk(one, [other])
    monkeypatch.setattr(disks, "disk_of", lambda _: (0, size))
    assert disks.fits_disk(one, [])
    assert not disks.fits_disk(one, [other])


def test_others_that_are_written_take_the_memory_of_their_pictures(
    jobs: list[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = 10**8
    large = replace(jobs[0], memory=memory.PROGRAM + memory.LARGEST_WINDOWS + pictures)
    for short, fits in ((0, True), (1, False)):
        monkeypatch.setattr(memory, "available", lambda short=short: large.memory + 2 * pictures - short)
        assert writing._fits_memory(large, [large, large, jobs[0]]) == fits


def test_every_page_takes_room(jobs: list[Job], monkeypatch: pytest.MonkeyPatch) -> None:
    pages = replace(jobs[0], header=replace(jobs[0].header, others=((4, 4),)))
    monkeypatch.setattr(disks, "disk_of", lambda _: (0, 2 * disks.MOST_BYTES * 16 * 16 - 1))
    assert disks.fits_disk(jobs[0], [])
    assert not disks.fits_disk(pages, [])


def test_a_folder_that_is_still_to_be_made_is_on_the_disk_that_it_will_be_on(tmp_path: Path) -> None:
    assert disks.disk_of(tmp_path / "to" / "be" / "made.png")[0] == tmp_path.stat().st_dev


def test_a_disk_that_is_gone_has_no_room(jobs: list[Job], monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_: Path) -> tuple[int, int]:
        raise OSError

    monkeypatch.setattr(disks, "disk_of", gone)
    assert not disks.fits_disk(jobs[0], [])


def test_what_takes_longer_to_compute_is_told_of_at_once(
    events: Events, jobs: list[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "PATIENCE", 10**6)
    events.may_write.set()
    for width, outcome in zip(WIDTHS, run_jobs(events.network, jobs), strict=True):
        assert outcome.lr_size == (width, 4)
        assert events.log[-2:] == [("computed", width), ("written", width)]


def test_one_that_takes_long_does_not_hold_the_others_up(events: Events, jobs: list[Job]) -> None:
    events.held = {WIDTHS[0]}
    told = []
    for outcome in run_jobs(events.network, jobs):
        told.append(outcome.lr_size)
        if len(told) == 2:
            events.may_write.set()
    assert (WIDTHS[0], 4) not in told[:2]
    assert len(told) == 4


@pytest.mark.parametrize("computed", [1, 2])
def test_what_is_computed_when_it_is_stopped_is_written_and_told(
    events: Events, jobs: list[Job], computed: int
) -> None:
    counts: list[int] = []

    def stop() -> bool:
        """In the midst of the second picture, or behind the last of it."""
        is_there = events.log[-1:] == [("computed", WIDTHS[1])] and counts[-1] == (
            4 * WIDTHS[1] if computed == 1 else 0
        )
        if is_there:
            threading.Timer(0.3, events.may_write.set).start()
        return is_there

    outcomes = run_jobs(events.network, jobs, counts.append, stop)
    done = [next(outcomes) for _ in range(computed)]
    with pytest.raises(KeyboardInterrupt):
        next(outcomes)
    assert sorted(outcome.lr_size or () for outcome in done) == [(width, 4) for width in WIDTHS[:computed]]
    assert {path.name for path in jobs[0].target.parent.iterdir()} == {f"{width}.png" for width in WIDTHS[:computed]}


def test_when_it_is_interrupted_at_once_nothing_is_waited_for(events: Events, jobs: list[Job]) -> None:
    def interrupted(picture: Picture, on_pixels: Callable[[int], None]) -> Picture:
        if picture.colour.shape[1] == WIDTHS[1]:
            while not list(jobs[0].target.parent.glob(".srgan-*")):
                time.sleep(0.01)
            raise KeyboardInterrupt
        return enlarge(picture, on_pixels)

    with pytest.raises(KeyboardInterrupt):
        list(run_jobs(interrupted, jobs))
    files.remove_unfinished()
    assert list(jobs[0].target.parent.iterdir()) == []
    events.may_write.set()
