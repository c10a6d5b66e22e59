"""Batches are a pure function of the pictures, the options and the step."""

import errno
import os
import threading
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from srgan_cli.errors import OutOfMemoryError, SrganError
from srgan_cli.pictures.picture import Picture
from srgan_cli.training.batches import Batch, BatchDataset, Batches, Prefetcher
from srgan_cli.training.data import Pictures, settle_sampling
from srgan_cli.training.options import TrainOptions


@pytest.fixture
def folder(tmp_path: Path, photo: np.ndarray) -> Path:
    """Six pictures in two depths, a broken one, a text and a macOS shadow."""
    place = tmp_path / "pictures"
    (place / "deep" / "er").mkdir(parents=True)
    for number in range(6):
        part = photo[:64, number * 16 : number * 16 + 80]
        Image.fromarray(part).save(place / ("deep/er" if number % 2 else ".") / f"{number}.png")
    Image.fromarray(photo[..., 0]).save(place / "grey.webp")
    (place / "broken.jpg").write_bytes(b"\xff\xd8 broken")
    (place / "notes.txt").write_text("no picture")
    (place / "._0.png").write_bytes(b"shadow")
    return place


def options(place: Path | str, **changes: object) -> TrainOptions:
    return TrainOptions(**{"data": str(place), "sampling": "crop", "hr_size": 32, "batch_size": 3, **changes})  # type: ignore[arg-type]


def batches(choice: TrainOptions) -> Batches:
    return Batches(Pictures(choice.data, cache_bytes=10**6), choice)


@pytest.fixture
def ahead(folder: Path) -> Iterator[Prefetcher]:
    """Ten steps' batches."""
    with closing(Prefetcher(batches(options(folder)), 2, 10)) as made:
        yield made


@pytest.mark.parametrize("sampling", ["crop", "resize"])
def test_batches_are_pairs_of_squares(folder: Path, sampling: str) -> None:
    lr, hr = batches(options(folder, sampling=sampling))[0]
    assert lr.shape == (3, 8, 8, 3)
    assert hr.shape == (3, 32, 32, 3)
    assert lr.dtype == hr.dtype == np.uint8
    reduced = hr.reshape(3, 8, 4, 8, 4, 3).mean(axis=(2, 4))
    assert np.abs(reduced - lr).mean() < 6


@pytest.mark.parametrize(("sampling", "ways"), [("crop", 8), ("resize", 2)])
def test_squares_are_mirrored_and_crops_turned_and_from_anywhere(tmp_path: Path, sampling: str, ways: int) -> None:
    rows, columns = np.mgrid[:64, :64].astype(np.uint8)
    Image.fromarray(np.stack([rows, columns, rows], axis=-1)).save(tmp_path / "p.png")
    hr = batches(options(tmp_path, sampling=sampling, batch_size=100))[0][1].astype(int)
    assert len({(tuple(np.sign(s[0, 9] - s[0, 3])), tuple(np.sign(s[9, 0] - s[3, 0]))) for s in hr}) == ways
    places = {tuple(square.min(axis=(0, 1))[:2]) for square in hr}
    assert len(places) > 60 if sampling == "crop" else len(places) == 1


def test_whole_pictures_are_resized_upright_also_small_ones(tmp_path: Path) -> None:
    rows, columns = np.mgrid[:20, :24].astype(np.uint8) * 10
    Image.fromarray(np.stack([rows, columns, rows], axis=-1)).save(tmp_path / "p.png")
    (square,) = batches(options(tmp_path, sampling="resize", batch_size=1))[0][1].astype(int)
    assert (square[-1, :, 0] > square[0, :, 0] + 150).all()


def test_lr_is_damaged_where_that_is_to_be_repaired(folder: Path) -> None:
    clean, photo = (batches(options(folder, degradation=kind))[0] for kind in ("bicubic", "photo"))
    np.testing.assert_array_equal(clean[1], photo[1])
    assert (clean[0] != photo[0]).any()


def test_crops_reach_every_edge(tmp_path: Path) -> None:
    rows, columns = np.mgrid[:33, :33].astype(np.uint8)
    Image.fromarray(np.stack([rows, columns, rows], axis=-1)).save(tmp_path / "p.png")
    _, hr = batches(options(tmp_path, batch_size=100))[0]
    assert {tuple(square.min(axis=(0, 1))[:2]) for square in hr} == {(0, 0), (0, 1), (1, 0), (1, 1)}


def test_rounds_are_in_an_order_of_their_own(tmp_path: Path) -> None:
    for level in range(7):
        Image.new("L", (32, 32), level).save(tmp_path / f"{level}.png")
    _, hr = batches(options(tmp_path, batch_size=21))[0]
    rounds = {tuple(levels) for levels in hr[:, 0, 0, 0].reshape(3, 7)}
    assert len(rounds) == 3
    assert all(sorted(order) == list(range(7)) for order in rounds)


def test_a_resumed_run_sees_the_same_batches(folder: Path, ahead: Prefetcher) -> None:
    whole, rest = batches(options(folder)), BatchDataset(ahead, 7, 10)
    assert rest.num_batches == 3
    for index in (2, 0, 1):
        for one, other in zip(whole[7 + index], rest[index], strict=True):
            np.testing.assert_array_equal(one, other)


def test_batches_are_made_ahead_and_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    def make(_: Batches, step: int) -> Batch:
        made.append(step)
        return np.zeros(1), np.full(1, step)

    monkeypatch.setattr(Batches, "__getitem__", make)
    with closing(Prefetcher(batches(options(folder)), 2, 30)) as ahead:
        for first in (0, 10, 20):  # one `fit` after the other, each of which asks for the first ones twice
            pairs = BatchDataset(ahead, first, first + 10)
            for index in (0, 1, *range(10)):
                assert pairs[index][1] == first + index
    assert sorted(made) == list(range(30))


def test_steps_and_seeds_differ(folder: Path) -> None:
    first, again = batches(options(folder)), batches(options(folder, seed=1))
    assert (first[0][1] != first[1][1]).any()
    assert (first[0][1] != again[0][1]).any()


def test_seeds_crop_otherwise(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "p.png")
    first, again = (batches(options(tmp_path, seed=seed))[0][1] for seed in (0, 1))
    assert (first != again).any()


def test_seeds_order_otherwise(tmp_path: Path) -> None:
    for level in range(7):
        Image.new("L", (32, 32), level).save(tmp_path / f"{level}.png")
    orders = {tuple(batches(options(tmp_path, batch_size=7, seed=seed))[0][1][:, 0, 0, 0]) for seed in range(3)}
    assert len(orders) == 3


def test_every_round_goes_through_all_pictures(folder: Path) -> None:
    choice = options(folder, sampling="resize", batch_size=8)
    (folder / "broken.jpg").unlink()
    (folder / "notes.png").write_bytes((folder / "0.png").read_bytes())
    hr = batches(choice)[0][1]
    flipped = np.minimum(hr, hr[:, :, ::-1])  # one picture whichever way round
    assert len(np.unique(flipped.reshape(8, -1), axis=0)) == 7  # 0.png twice


def test_a_zip_is_read_in_place_like_the_folder(folder: Path, tmp_path: Path) -> None:
    archive = tmp_path / "img_align.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(folder.rglob("*.*")):
            file.write(path, path.relative_to(folder))
    before = sorted(tmp_path.rglob("*"))
    np.testing.assert_array_equal(batches(options(archive))[4][1], batches(options(folder))[4][1])
    assert sorted(tmp_path.rglob("*")) == before


def test_what_is_hidden_in_a_zip_is_left_out(folder: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        for name in ("a.png", ".trash/b.png", "in/.trash/in/b.png", "__MACOSX/c.png", "in/d.png"):
            file.write(folder / "0.png", name)
    assert Pictures(str(tmp_path / "a.zip"), 0).names == ["a.png", "in/d.png"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_a_pipe_is_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "1.jpg")
    pictures = Pictures(str(folder), 0)
    assert len({pictures.load(number, 1).shape for number in range(len(pictures))}) > 1
    assert f"{folder}/1.jpg: is a pipe or device, not a file" in pictures.unusable.values()


def test_a_glob_takes_what_it_matches(folder: Path) -> None:
    names = Pictures(str(folder / "**" / "[1-3].png"), 0).names
    assert [Path(name).name for name in names] == ["2.png", "1.png", "3.png"]


def test_links_are_followed_and_nothing_is_taken_twice(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "linked").symlink_to(folder)
    (folder / "around").symlink_to(tmp_path / "data")
    found = [str(Path(name).relative_to(tmp_path)) for name in Pictures(str(tmp_path / "data"), 0).names]
    assert len(found) == len(Pictures(str(folder), 0).names) == len(Pictures(f"{folder}/**/*.*", 0).names)
    assert all(name.startswith("data/linked/") for name in found)


def test_runs_hold_no_pictures_to_train_on(folder: Path) -> None:
    (folder / "run" / "samples").mkdir(parents=True)
    (folder / "run" / "samples" / "pretrain_000001.png").write_bytes((folder / "0.png").read_bytes())
    before = len(Pictures(str(folder), 0).names)
    for name in ("config.json", "log.csv"):
        (folder / "run" / name).touch()
    for place in (str(folder), f"{folder}/**/*.*"):
        assert len(Pictures(place, 0).names) == before - 1
    (folder / "run" / "mine.png").write_bytes((folder / "0.png").read_bytes())
    assert len(Pictures(str(folder / "run"), 0).names) == 1  # a run may be in the folder of its pictures


def test_a_locked_folder_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scandir = os.scandir

    def locked(path: str) -> object:
        if Path(path).name == "deep":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", locked)
    place = str(folder / "deep")
    for data in (str(folder), f"{folder}/**/*.png"):
        assert Pictures(data, 0).unusable == {place: f"{place}: cannot be read (Permission denied)"}


def test_unusable_pictures_are_named_once_and_left_out(folder: Path) -> None:
    choice = options(folder, hr_size=64)
    Image.new("RGB", (300, 63)).save(folder / "small.png")
    pictures = Pictures(choice.data, 10**6)
    assert pictures.usual_side >= 64  # decodes and caches the small one too
    data = Batches(pictures, choice)
    for step in range(20):
        assert data[step][1].shape == (3, 64, 64, 3)
    assert sorted(Path(name).name for name in pictures.unusable) == ["broken.jpg", "small.png"]


def test_no_usable_picture_is_one_sentence(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(SrganError, match="no such folder"):
        Pictures(str(tmp_path / "nowhere"), 0)
    with pytest.raises(SrganError, match="no pictures found"):
        Pictures(str(folder / "deep" / "*.jpg"), 0)
    with pytest.raises(SrganError, match="none of 8 pictures can be used"):
        batches(options(folder, hr_size=256))[0]
    with zipfile.ZipFile(tmp_path / "ü.zip", "w") as archive:
        archive.writestr("ü.png", b"")
    whole = (tmp_path / "ü.zip").read_bytes()
    for content in (
        b"PK",
        whole.replace("ü".encode(), b"\xff\xff"),
        whole.replace(b"PK\1\2\x14\3\x14", b"PK\1\2\x14\3\x64"),
    ):
        (tmp_path / "bad.zip").write_bytes(content)
        with pytest.raises(SrganError, match="damaged"):
            Pictures(str(tmp_path / "bad.zip"), 0)


def test_what_claims_to_be_huge_is_not_unpacked(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("srgan_cli.training.data.LARGEST_MEMBER", 1000)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(folder / "0.png", "0.png")
    with pytest.raises(SrganError, match=r"0\.png is larger than"):
        Pictures(str(tmp_path / "a.zip"), 0).load(0, 1)


def test_a_member_that_memory_does_not_suffice_for_is_not_left_out(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhaust(*_: object) -> bytes:
        raise MemoryError

    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        archive.write(folder / "0.png", "0.png")
    pictures = Pictures(str(tmp_path / "p.zip"), 0)
    with monkeypatch.context() as patches:
        patches.setattr(zipfile.ZipFile, "read", exhaust)
        with pytest.raises(OutOfMemoryError, match=r"p\.zip: 0\.png: out of memory"):
            pictures.load(0, 1)
    assert pictures.load(0, 1).shape == (64, 80, 3)


def test_grey_takes_a_third_of_the_cache(tmp_path: Path, photo: np.ndarray) -> None:
    Image.fromarray(photo[:10, :10, 0]).save(tmp_path / "grey.png")
    for budget, kept in ((99, False), (100, True)):
        pictures = Pictures(str(tmp_path), budget)
        assert (pictures.load(0, 1) is pictures.load(0, 1)) == kept


def test_a_picture_that_threads_read_at_once_takes_its_room_once(
    tmp_path: Path, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "ab":
        Image.fromarray(photo[:10, :10]).save(tmp_path / f"{name}.png")
    pictures, both = Pictures(str(tmp_path), 2 * 300), threading.Barrier(2)
    read = pictures._read

    def together(name: str) -> Picture:
        both.wait(timeout=60)
        return read(name)

    with monkeypatch.context() as patches:
        patches.setattr(pictures, "_read", together)
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(pictures.load, (0, 0), (1, 1)))
    assert pictures.load(1, 1) is pictures.load(1, 1)


def test_hidden_folders_are_not_trained_on(folder: Path) -> None:
    before = Pictures(str(folder), 0).names
    (folder / ".thumbnails" / "large").mkdir(parents=True)
    for place in (".thumbnails", ".thumbnails/large"):
        Image.new("RGB", (64, 64)).save(folder / place / "t.png")
    assert Pictures(str(folder), 0).names == before
    assert len(Pictures(str(folder / ".thumbnails"), 0)) == 2  # which is asked for


def test_what_transparency_hides_is_not_learned(tmp_path: Path) -> None:
    hidden = np.random.default_rng(0).integers(0, 256, (16, 16, 4), np.uint8)
    hidden[..., 3] = 0
    hidden[4, 4] = (200, 100, 50, 255)
    Image.fromarray(hidden).save(tmp_path / "p.png")
    assert (Pictures(str(tmp_path), 0).load(0, 1) == (200, 100, 50)).all()


def test_what_is_too_small_takes_no_cache_from_the_rest(tmp_path: Path, photo: np.ndarray) -> None:
    for name, side in (("a.png", 32), ("b.png", 64)):
        Image.fromarray(photo[:side, :side]).save(tmp_path / name)
    pictures = Pictures(str(tmp_path), cache_bytes=64 * 64 * 3)
    assert pictures.load(0, smallest_side=64).shape == (64, 64, 3)
    (tmp_path / "b.png").unlink()
    assert pictures.load(0, smallest_side=64).shape == (64, 64, 3)


def test_the_cache_keeps_within_its_budget_and_changes_nothing(folder: Path) -> None:
    choice = options(folder)
    for budget in (0, 20_000, 10**9):
        pictures = Pictures(choice.data, budget)
        data = Batches(pictures, choice)
        np.testing.assert_array_equal(data[3][1], batches(choice)[3][1])
        kept = sum(pixels.nbytes for pixels in pictures._cache.values())
        assert 0 <= kept <= budget
        assert (kept > 0) == (budget > 0)


@pytest.mark.parametrize(("hr_size", "sampling"), [(32, "crop"), (64, "resize")])
def test_sampling_is_chosen_by_size(folder: Path, hr_size: int, sampling: str) -> None:
    choice = options(folder, sampling=None, hr_size=hr_size)
    assert settle_sampling(choice, Pictures(str(folder), 0), lambda _: None) == sampling


def test_that_pictures_are_enlarged_is_said(tmp_path: Path, photo: np.ndarray) -> None:
    for number, side in enumerate((20, 30, 90)):
        Image.fromarray(photo[:side, :100]).save(tmp_path / f"{number}.png")
    lines: list[str] = []
    for hr_size in (32, 16):
        settle_sampling(options(tmp_path, sampling="resize", hr_size=hr_size), Pictures(str(tmp_path), 0), lines.append)
    assert ["smaller, about 30 pixels" in line for line in lines] == [False, True, False]
