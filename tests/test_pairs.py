"""Pictures are matched by name, never by position."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from srgan_cli.errors import SrganError
from srgan_cli.evaluation.pairs import find_pairs


def folder_of(path: Path, names: Iterable[str]) -> Path:
    path.mkdir(exist_ok=True)
    for name in names:
        (path / name).touch()
    return path


@pytest.mark.parametrize(
    ("hr", "lr"),
    [
        (["b.png", "a.png"], ["a.png", "b.png"]),
        (["a.png", "b.jpg"], ["ax4.png", "b_x4.png"]),
        (["a_HR.png", "b_GT.bmp"], ["a_LR.png", "b_LR_x4.png"]),
        (["a.png", "b.png"], ["a.jpg", "b.webp"]),
        (["a_HR.png", "b_GT.png"], ["a_HR.png", "b_GT_x4.png"]),
        (["a_HR.png", "b_HR.png"], ["a.png", "b_HR.png"]),
    ],
)
def test_names_and_marks_match(tmp_path: Path, hr: list[str], lr: list[str]) -> None:
    pairs = find_pairs(folder_of(tmp_path / "hr", hr), folder_of(tmp_path / "lr", lr))
    assert [(pair.name, pair.lr.stem[0] if pair.lr else "") for pair in pairs] == [("a", "a"), ("b", "b")]


def test_marked_pairs_may_share_a_folder(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "all", ["a_HR.png", "a_LR.png", "b_HR.png", "b_LR.png"])
    assert [(p.name, p.hr.name, p.lr and p.lr.name) for p in find_pairs(folder, folder)] == [
        ("a", "a_HR.png", "a_LR.png"),
        ("b", "b_HR.png", "b_LR.png"),
    ]


def test_a_picture_is_not_its_own_partner(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "all", ["a_HR.png", "a_LR.png", "b_HR.png"])
    with pytest.raises(SrganError, match=r"nothing here for b_HR\.png"):
        find_pairs(folder, folder)


def test_one_marked_picture_hides_no_others(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "hr", ["lake_hr.png", "p0.png", "p1_x4.png"])
    assert [pair.name for pair in find_pairs(folder, None)] == ["lake", "p0", "p1_x4"]
    with pytest.raises(SrganError, match=r"another picture is called like lake\.png"):
        find_pairs(folder_of(folder, ["lake.png"]), None)


def test_results_beside_their_inputs_are_no_hr(tmp_path: Path) -> None:
    lines: list[str] = []
    folder = folder_of(tmp_path / "photos", ["a.jpg", "a_x4.jpg", "A_X2.5.PNG", "a_w900.jpg", "b_x4.png"])
    assert [pair.hr.name for pair in find_pairs(folder, None, lines.append)] == ["a.jpg", "b_x4.png"]
    assert lines == [f"left out: 3 of 5 pictures in {folder}, which by their names are results of others there"]
    small = folder_of(tmp_path / "small", ["a.jpg", "a_w2.jpg", "a_long12.jpg"])
    assert [pair.name for pair in find_pairs(small, None)] == ["a", "a_long12", "a_w2"]  # too small for results
    lr = folder_of(tmp_path / "lr", ["a.png", "a_x4.png", "b_x4.png"])
    assert [pair.name for pair in find_pairs(folder, lr)] == ["a", "a_x4", "b_x4"]  # its own partner has no such mark
    hr, lr = folder_of(tmp_path / "hr", ["a.jpg"]), folder_of(tmp_path / "enlarged", ["a.png", "a_x4.png"])
    assert [pair.lr for pair in find_pairs(hr, lr)] == [lr / "a.png"]


def test_a_name_that_only_looks_marked_is_taken_as_it_is(tmp_path: Path) -> None:
    names = ["box4.png", "bo.png"]
    pairs = find_pairs(folder_of(tmp_path / "hr", names), folder_of(tmp_path / "lr", names))
    assert [pair.lr and pair.lr.name for pair in pairs] == ["bo.png", "box4.png"]


def test_all_unmatched_names_are_listed(tmp_path: Path) -> None:
    hr, lr = folder_of(tmp_path / "hr", ["a.png", "b.png"]), folder_of(tmp_path / "lr", ["a.png", "c.png", "d.png"])
    with pytest.raises(SrganError) as caught:
        find_pairs(hr, lr)
    for part in (str(lr), "nothing here for b.png;", "nothing to compare c.png, d.png with"):
        assert part in caught.value.message
    assert "a.png" not in caught.value.message


def test_two_pictures_of_one_name_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(SrganError, match=r"another picture is called like a\.jpg"):
        find_pairs(folder_of(tmp_path / "hr", ["a.jpg", "a.png"]), None)


def test_an_empty_folder_says_where_the_pictures_are(tmp_path: Path) -> None:
    set5 = folder_of(tmp_path / "Set5", [])
    with pytest.raises(SrganError, match="no pictures in this folder") as caught:
        find_pairs(set5, None)
    assert caught.value.hint == "name a folder of pictures"
    folder_of(set5 / "original", ["a.png"])
    with pytest.raises(SrganError) as caught:
        find_pairs(set5, None)
    assert str(set5 / "original") in caught.value.hint
    with pytest.raises(SrganError, match="there is no such folder"):
        find_pairs(tmp_path / "nowhere", None)


def test_a_set_s_hr_folder_is_found(tmp_path: Path) -> None:
    set5 = folder_of(tmp_path / "Set5", [])
    folder_of(set5 / "HR", ["a.png"])
    folder_of(set5 / "LR_x4", ["a.png"])
    assert [pair.hr for pair in find_pairs(set5, None)] == [set5 / "HR" / "a.png"]
    assert [pair.lr for pair in find_pairs(set5, set5 / "LR_x4")] == [set5 / "LR_x4" / "a.png"]
    assert [pair.name for pair in find_pairs(folder_of(set5, ["b.png"]), None)] == ["b"]  # it has pictures itself
