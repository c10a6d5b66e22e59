"""LPIPS against the values of an independent implementation, and its limits."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest

from srgan_cli.degradation import resize
from srgan_cli.errors import SrganError
from srgan_cli.evaluation.lpips import Lpips
from srgan_cli.pictures import images
from srgan_cli.released import find_lpips


@pytest.fixture(scope="module")
def lpips() -> Lpips:
    weights = find_lpips()
    assert weights
    return Lpips(weights)


def test_the_authors_example_pictures_have_their_values(lpips: Lpips, shared: Path) -> None:
    folder = shared / "lpips"
    for entry in json.loads((folder / "reference.json").read_text()):
        a, b = (images.read_picture(folder / entry[key]).colour for key in ("a", "b"))
        assert lpips(a, b) == pytest.approx(entry["lpips_squeeze"], abs=1e-3)


def test_the_more_it_is_blurred_the_further_away_it_is(lpips: Lpips, photo: np.ndarray) -> None:
    blurred = [resize(resize(photo, 128 // n, 192 // n), 128, 192) for n in (1, 2, 4, 8)]
    distances = [lpips(photo, picture) for picture in blurred]
    assert distances[0] == 0
    assert distances == sorted(distances)
    assert distances[2] == pytest.approx(lpips(blurred[2], photo))


def test_it_gives_what_it_gave_when_it_agreed_with_the_authors(lpips: Lpips, photo: np.ndarray) -> None:
    """For checkouts without the pictures of the test above."""
    reddish = (photo * np.array([1, 0.8, 0.6])).astype(np.uint8)
    blurred = resize(resize(photo, 32, 48), 128, 192)
    assert [lpips(photo, other) for other in (reddish, blurred)] == pytest.approx([0.0867, 0.5524], abs=1e-3)


@pytest.mark.parametrize("side", [17, 18, 19, 20, 33])
def test_any_size_from_17_on(lpips: Lpips, photo: np.ndarray, side: int) -> None:
    grey = photo[:side, : side + 3, :1]
    assert 0 < lpips(photo[:side, : side + 3], grey) < 2


def test_rows_may_be_compared_a_few_at_a_time(lpips: Lpips, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    pair = photo[:64, :64], photo[64:, :64]
    whole = lpips(*pair)
    monkeypatch.setattr("srgan_cli.evaluation.lpips.ROWS", 5)
    assert lpips(*pair) == pytest.approx(whole, rel=1e-5)


def test_what_cannot_be_compared_is_refused(lpips: Lpips, photo: np.ndarray) -> None:
    for a, b in ((photo[:16], photo[:16]), (photo[:40], photo[:44])):
        with pytest.raises(ValueError, match="cannot compare"):
            lpips(a, b)


@pytest.mark.skipif(len(keras.distribution.list_devices("gpu")) > 0, reason="for machines without a GPU")
def test_it_computes_where_it_is_told_to() -> None:
    weights = find_lpips()
    assert weights
    with pytest.raises(SrganError, match="there is no GPU"):
        Lpips(weights, "gpu")


def test_another_file_is_refused_in_one_sentence(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    (tmp_path / "cut.npz").write_bytes((tmp_path / "other.npz").read_bytes()[:50])
    (tmp_path / "empty.npz").touch()
    for path in (tmp_path / f"{name}.npz" for name in ("other", "missing", "cut", "empty")):
        with pytest.raises(SrganError, match="not the weights of LPIPS"):
            Lpips(path)
