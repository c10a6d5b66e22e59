"""What is read and written is settled first."""

from pathlib import Path

import pytest
from PIL import Image

from srgan_cli.errors import SrganError, UsageError
from srgan_cli.jobs import plan_jobs


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of two pictures, a text, a hidden file and a subfolder."""
    pictures = tmp_path / "pictures"
    (pictures / "inner").mkdir(parents=True)
    Image.new("RGB", (6, 4)).save(pictures / "b.png")
    Image.new("LA", (5, 4)).save(pictures / "A.PNG")
    (pictures / "notes.txt").write_text("hello")
    (pictures / ".c.png").write_bytes(b"")
    return pictures


def names(inputs: list[Path], output: Path | None = None, overwrite: bool = False) -> list[tuple[str, str]]:
    jobs, failures = plan_jobs(inputs, output, overwrite)
    assert not failures
    return [(job.source.name, str(job.target.relative_to(job.target.parents[1]))) for job in jobs]


def test_without_output_results_lie_beside_their_inputs(folder: Path) -> None:
    assert names([folder]) == [("A.PNG", "pictures/A_x4.PNG"), ("b.png", "pictures/b_x4.png")]
    assert names([folder / "b.png"]) == [("b.png", "pictures/b_x4.png")]


def test_earlier_results_are_not_inputs(folder: Path) -> None:
    Image.new("RGB", (24, 16)).save(folder / "b_x4.png")
    assert names([folder], overwrite=True) == [("A.PNG", "pictures/A_x4.PNG"), ("b.png", "pictures/b_x4.png")]


def test_an_output_folder_is_made_and_keeps_names(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "deep" / "out"
    assert names([folder], output) == [("A.PNG", "out/A.PNG"), ("b.png", "out/b.png")]
    assert output.is_dir()
    assert names([folder / "b.png"], output) == [("b.png", "out/b.png")]


def test_pixels_count_the_alpha_channel(folder: Path) -> None:
    jobs, _ = plan_jobs([folder], None, overwrite=False)
    assert [job.pixels for job in jobs] == [5 * 4 * 2, 6 * 4]


def test_a_named_output_is_replaced_other_files_only_on_request(folder: Path) -> None:
    Image.new("RGB", (24, 16)).save(folder / "b_x4.png")
    jobs, (failure,) = plan_jobs([folder / "b.png"], None, overwrite=False)
    assert not jobs
    assert "exists already" in failure.error.message
    assert names([folder / "b.png"], folder / "b_x4.png") == [("b.png", "pictures/b_x4.png")]
    assert names([folder / "b.png"], folder / "b.png") == [("b.png", "pictures/b.png")]


def test_an_input_is_never_overwritten_unnamed(folder: Path) -> None:
    jobs, failures = plan_jobs([folder], folder, overwrite=True)
    assert not jobs
    assert all("is itself an input" in failure.error.message for failure in failures)


def test_two_inputs_for_one_output_are_a_usage_error(folder: Path, tmp_path: Path) -> None:
    Image.new("RGB", (6, 4)).save(folder / "inner" / "b.png")
    with pytest.raises(UsageError, match="2 inputs would be written"):
        plan_jobs([folder / "b.png", folder / "inner" / "b.png"], tmp_path / "out", overwrite=False)


def test_a_file_named_twice_is_done_once(folder: Path) -> None:
    assert len(names([folder / "b.png", folder / "b.png", folder])) == 2


def test_what_cannot_be_done_does_not_stop_the_rest(folder: Path, tmp_path: Path) -> None:
    (folder / "bad.jpg").write_bytes(b"no picture")
    jobs, failures = plan_jobs([folder, tmp_path / "missing.png", folder / "inner"], tmp_path / "out", overwrite=False)
    assert [job.source.name for job in jobs] == ["A.PNG", "b.png"]
    assert sorted(failure.source.name for failure in failures) == ["bad.jpg", "inner", "missing.png"]


def test_an_output_folder_that_cannot_be_made_is_one_sentence(folder: Path) -> None:
    with pytest.raises(SrganError, match="cannot be made a folder"):
        plan_jobs([folder], folder / "notes.txt" / "out", overwrite=False)
