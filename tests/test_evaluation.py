"""The papers' numbers, odd pictures, and failures that stay alone."""

import io
import json
import os
import re
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import cast

import jsonschema
import numpy as np
import pytest
from conftest import larger, upscaler_of
from PIL import Image

from srgan_cli.errors import SrganError
from srgan_cli.evaluation import lpips, scoring
from srgan_cli.evaluation.lpips import Lpips
from srgan_cli.evaluation.pairs import Pair, find_pairs
from srgan_cli.evaluation.scoring import Failure, Model, Protocol, Result, evaluate, load_models
from srgan_cli.evaluation.tables import to_csv, to_json
from srgan_cli.files import write_text
from srgan_cli.metrics import METRICS, mean_scores
from srgan_cli.pictures import images
from srgan_cli.pictures.picture import Picture
from srgan_cli.released import find_lpips
from srgan_cli.terminal.console import show_scores
from srgan_cli.upscaling.fusion import FusedGenerator
from srgan_cli.upscaling.upscaler import Options

SCHEMA = json.loads((Path(scoring.__file__).parent / "evaluation.schema.json").read_text())


def nearest(_: Pair, lr: Picture) -> Picture:
    """A model that takes no time."""
    return replace(lr, colour=larger(lr.colour))


def results(pairs: list[Pair], **models: Model) -> list[Result | Failure]:
    return list(evaluate(pairs, models, Protocol(), None))


def measured(found: Iterable[Result | Failure]) -> dict[str, Result]:
    """The results by name; none may be missing."""
    assert not [failure.error for failure in found if isinstance(failure, Failure)]
    return {result.name: result for result in found if isinstance(result, Result)}


def one(pair: Pair, **models: Model) -> Result:
    (result,) = results([pair], **models)
    assert isinstance(result, Result), result.error
    return result


@pytest.fixture
def folder(tmp_path: Path, photo: np.ndarray) -> Path:
    """Three parts of a photograph, 64x64, 65x67 and 62x64 pixels."""
    for name, height, width in (("a", 64, 64), ("b", 67, 65), ("c", 64, 62)):
        Image.fromarray(photo[:height, :width]).save(tmp_path / f"{name}.png")
    return tmp_path


@pytest.mark.parametrize(("name", "psnr", "tolerance"), [("Set5", 28.43, 0.02), ("Set14", 26.09, 0.05)])
@pytest.mark.parametrize("given", [False, True])
def test_the_papers_bicubic_row(shared: Path, name: str, psnr: float, tolerance: float, given: bool) -> None:
    place = shared / "test" / name
    found = measured(results(find_pairs(place / "HR", place / "LR_x4" if given else None)))
    means = mean_scores({name: result.scores for name, result in found.items()})
    assert means["bicubic"]["psnr"] == pytest.approx(psnr, abs=tolerance)


@pytest.mark.slow
def test_others_results_get_the_scores_that_were_found_elsewhere(shared: Path) -> None:
    place, weights = shared / "test" / "Set5", find_lpips()
    assert weights
    pairs = find_pairs(place / "HR", place / "LR_x4")
    model = str(shared / "peers" / "srgan-leftthomas" / "Set5")
    found = measured(list(evaluate(pairs, load_models([Options(model)], pairs), Protocol(), Lpips(weights))))
    means = mean_scores({name: result.scores for name, result in found.items()})
    assert means["bicubic"]["lpips"] == pytest.approx(0.286, abs=1e-3)
    assert means[model]["psnr"] == pytest.approx(30.70, abs=0.01)
    assert means[model]["lpips"] == pytest.approx(0.106, abs=1e-3)


def test_sides_are_cropped_to_multiples_of_4(folder: Path) -> None:
    found = measured(results(find_pairs(folder, None), nearest=nearest)).values()
    assert [result.hr.shape for result in found] == [(64, 64, 3), (64, 64, 3), (64, 60, 3)]
    assert all(list(result.scores) == ["bicubic", "nearest"] for result in found)
    assert all(result.sr["nearest"].shape == result.hr.shape for result in found)


def test_a_perfect_model_is_infinitely_good(folder: Path, photo: np.ndarray) -> None:
    result = one(Pair("a", folder / "a.png"), perfect=lambda *_: Picture(photo[:64, :64]))
    assert result.scores["perfect"]["psnr"] == float("inf")
    assert result.scores["perfect"]["ssim"] == pytest.approx(1)
    assert result.scores["perfect"]["colour_shift"] < 0.5


def test_a_colour_shift_is_seen(tmp_path: Path, photo: np.ndarray) -> None:
    def greener(pair: Pair, lr: Picture) -> Picture:
        return Picture(nearest(pair, lr).colour + np.array([0, 7, 0], np.uint8))

    Image.fromarray(photo[:64, :64] // 2).save(tmp_path / "dark.png")
    scores = one(Pair("dark", tmp_path / "dark.png"), greener=greener, nearest=nearest).scores
    assert scores["nearest"]["colour_shift"] < 0.5
    assert scores["greener"]["colour_shift"] == pytest.approx(7, abs=0.5)


def test_rgb_and_border_change_what_is_compared(folder: Path) -> None:
    pair = [Pair("a", folder / "a.png")]
    numbers = [
        result.scores["bicubic"]["psnr"]
        for protocol in (Protocol(), Protocol("rgb"), Protocol(border=0))
        for result in evaluate(pair, {}, protocol, None)
        if isinstance(result, Result)
    ]
    assert len(set(numbers)) == 3
    assert "RGB without a border of 4" in str(Protocol("rgb"))


def test_grey_and_16_bit_and_transparent_pictures(tmp_path: Path, photo: np.ndarray) -> None:
    grey = photo[:64, :64, 0]
    Image.fromarray(grey).save(tmp_path / "grey.png")
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    Image.fromarray(np.dstack([photo[:64, :64], grey])).save(tmp_path / "transparent.png")
    seen = {}

    def note(pair: Pair, lr: Picture) -> Picture:
        seen[pair.name] = lr.colour.shape
        return nearest(pair, lr)

    found = results(find_pairs(tmp_path, None), note=note)
    assert all(isinstance(result, Result) for result in found)
    assert seen == {"grey": (16, 16, 1), "deep": (16, 16, 1), "transparent": (16, 16, 3)}
    deep, grey_result, _ = found
    assert isinstance(deep, Result)
    assert isinstance(grey_result, Result)
    assert deep.scores == grey_result.scores


def test_what_lies_under_transparency_counts_for_nothing(tmp_path: Path, photo: np.ndarray) -> None:
    alpha = np.full((64, 64, 1), 255, np.uint8)
    alpha[:, 32:] = 0
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(np.dstack([photo[:64, :64], alpha])).save(tmp_path / "a.png")
    Image.fromarray(np.dstack([np.where(alpha, photo[:64, :64], noise), alpha])).save(tmp_path / "b.png")
    one, other = results(find_pairs(tmp_path, None), note=nearest)
    assert isinstance(one, Result)
    assert isinstance(other, Result)
    assert one.scores == other.scores


def test_grey_lr_of_a_colour_picture_is_compared(folder: Path, photo: np.ndarray) -> None:
    Image.fromarray(photo[:64:4, :64:4, 0]).save(folder / "lr.png")
    assert 5 < one(Pair("a", folder / "a.png", folder / "lr.png")).scores["bicubic"]["psnr"] < 40


def test_one_bad_picture_does_not_end_it(folder: Path, photo: np.ndarray) -> None:
    (folder / "broken.png").write_bytes((folder / "a.png").read_bytes()[:300])
    Image.fromarray(photo[:18, :40]).save(folder / "small.png")
    Image.fromarray(photo[:3, :40]).save(folder / "thin.png")
    Image.fromarray(photo[:10, :16]).save(folder / "lr.png")
    pairs = [Pair(name, folder / f"{name}.png") for name in ("broken", "small", "thin", "a")]
    pairs.insert(1, Pair("b", folder / "b.png", folder / "lr.png"))
    *failures, good = results(pairs)
    assert isinstance(good, Result)
    messages = [failure.error.message for failure in failures if isinstance(failure, Failure)]
    for message, part in zip(
        messages,
        (
            "cannot be read",
            "is 16x10, but a quarter of",
            "40x16 is too small, the metrics need 20",
            "is under 4 pixels",
        ),
        strict=True,
    ):
        assert part in message


def test_a_picture_that_takes_too_much_memory_is_a_failure(folder: Path) -> None:
    def exhausted(_pair: Pair, _lr: Picture) -> Picture:
        raise MemoryError

    (failure,) = results([Pair("a", folder / "a.png")], exhausted=exhausted)
    assert isinstance(failure, Failure)
    assert failure.error.message == f"{folder / 'a.png'}: out of memory"


def test_a_network_that_fails_does_not_end_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights, asked, whole = find_lpips(), [], FusedGenerator.predict_on_batch
    assert weights
    distance = Lpips(weights)

    def fail_once(self: FusedGenerator, lr: np.ndarray) -> np.ndarray:
        asked.append(lr.shape)
        if len(asked) == 1:
            raise RuntimeError("INTERNAL: no kernel")
        return whole(self, lr)

    def fail(*_: object) -> np.ndarray:
        raise RuntimeError("INTERNAL: no kernel")

    monkeypatch.setattr(FusedGenerator, "predict_on_batch", fail_once)
    model: Model = lambda _, lr: upscaler_of().upscale(lr)  # noqa: E731
    first, *others = evaluate(find_pairs(folder, None), {"it": model}, Protocol(), None)
    assert isinstance(first, Failure)
    assert first.error.message == f"{folder / 'a.png'} by it: the network failed (INTERNAL: no kernel)"
    assert [type(found) for found in others] == [Result, Result]
    monkeypatch.setattr(lpips, "_mean_distance", fail)
    (failure,) = evaluate([Pair("a", folder / "a.png")], {}, Protocol(), distance)
    assert isinstance(failure, Failure)
    assert "the network failed" in failure.error.message


def test_a_small_picture_is_measured_without_lpips(folder: Path, photo: np.ndarray) -> None:
    Image.fromarray(photo[:12, :16]).save(folder / "small.png")
    (result,) = evaluate([Pair("small", folder / "small.png")], {}, Protocol(border=0), None)
    assert isinstance(result, Result)


@pytest.mark.parametrize(
    ("side", "border", "hint"),
    [
        (8, 4, "leave it out"),
        (16, 4, "use --border 2 and add --no-lpips"),
        (16, 2, "add --no-lpips"),
        (18, 4, "use --border 3"),
    ],
)
def test_what_is_too_small_is_told_what_helps(photo: np.ndarray, side: int, border: int, hint: str) -> None:
    hr, lpips = photo[:side, :40], Lpips(cast(Path, find_lpips()))
    with pytest.raises(SrganError, match="is too small") as caught:
        scoring._compare(Pair("a", Path("a")), hr, Picture(hr[::4, ::4]), {}, Protocol(border=border), lpips)
    assert caught.value.hint == hint


def test_names_that_are_not_utf8_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = os.fsdecode(b"M\xfcller")
    pictures = {name: {"bicubic": {"psnr": 30.0}}}
    write_text(tmp_path / "s.json", to_json(Protocol(), pictures, []))
    assert json.loads((tmp_path / "s.json").read_text())["pictures"][0]["name"] == name
    write_text(tmp_path / "s.csv", to_csv(pictures))
    assert b"\nM\xfcller,bicubic,30.0" in (tmp_path / "s.csv").read_bytes()
    written = io.BytesIO()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="utf-8", errors="strict"))
        show_scores("", METRICS[:1], pictures, per_image=True, on_stdout=True)
        sys.stdout.flush()
        assert b"M?ller" in written.getvalue()


def test_the_best_score_is_bold(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    scores = {"a": {"bicubic": {"psnr": 28.4}, "srgan": {"psnr": 30.0}}}
    show_scores("", METRICS[:1], scores, per_image=False, on_stdout=True)
    stdout = capsys.readouterr().out
    assert re.search(r"\x1b\[1m *30\.00", stdout)
    assert not re.search(r"\x1b\[1m *28\.40", stdout)


def test_a_result_of_another_size_is_a_failure(folder: Path) -> None:
    (failure,) = results([Pair("a", folder / "a.png")], same=lambda _, lr: lr)
    assert isinstance(failure, Failure)
    assert "a: same has 16x16 pixels, HR 64x64" in failure.error.message


def test_a_folder_of_results_stands_for_a_model(folder: Path, photo: np.ndarray) -> None:
    others = folder / "others"
    others.mkdir()
    pairs = [Pair("a", folder / "a.png")]
    with pytest.raises(SrganError, match="no pictures in this folder"):
        load_models([Options(str(others))], pairs)
    Image.fromarray(photo[:64, :64]).save(others / "a_x4.png")
    models = load_models([Options(str(others))], pairs)
    (result,) = evaluate(pairs, models, Protocol(), None)
    assert isinstance(result, Result)
    assert result.scores[str(others)]["psnr"] == float("inf")


def test_json_keeps_its_schema_and_csv_has_a_line_for_each(folder: Path) -> None:
    found = results(find_pairs(folder, None), perfect=lambda pair, _: images.read_picture(pair.hr), nearest=nearest)
    pictures = {result.name: result.scores for result in found if isinstance(result, Result)}
    failures = [result for result in found if isinstance(result, Failure)]
    content = json.loads(to_json(Protocol(lpips=False), pictures, failures))
    jsonschema.validate(content, SCHEMA)
    assert "LPIPS" not in content["protocol"]["text"]
    assert content["means"]["perfect"]["psnr"] is None
    assert [entry["name"] for entry in content["pictures"]] == ["a"]
    assert [Path(entry["file"]).name for entry in content["failures"]] == ["b.png", "c.png"]
    header, *lines = to_csv(pictures).splitlines()
    assert header == "picture,model,psnr,ssim,lpips,colour_shift"
    assert [line.split(",")[:2] for line in lines] == [["a", "bicubic"], ["a", "perfect"], ["a", "nearest"]]
    assert to_csv({"a": {"bicubic": {"psnr": float("inf")}}}) == f"{header}\na,bicubic,inf,,,\n"


def test_a_colour_shift_is_that_from_lr(folder: Path, photo: np.ndarray) -> None:
    lr = np.asarray(Image.fromarray(photo[:64, :64] // 2).resize((16, 16), Image.Resampling.BICUBIC)) + 5
    Image.fromarray(photo[:64, :64] // 2).save(folder / "dark.png")
    Image.fromarray(lr.astype(np.uint8)).save(folder / "lr.png")
    pair = Pair("dark", folder / "dark.png", folder / "lr.png")
    scores = one(pair, perfect=lambda pair, _: images.read_picture(pair.hr), nearest=nearest).scores
    assert scores["perfect"]["colour_shift"] == pytest.approx(5, abs=0.2)
    assert scores["nearest"]["colour_shift"] < 0.2


def test_pictures_are_compared_as_they_look_on_white(tmp_path: Path, photo: np.ndarray) -> None:
    alpha = np.full((64, 64, 1), 255, np.uint8)
    alpha[:, 32:] = 0
    Image.fromarray(np.dstack([photo[:64, :64], alpha])).save(tmp_path / "a.png")
    on_white = np.where(alpha, photo[:64, :64], np.uint8(255))
    result = one(Pair("a", tmp_path / "a.png"), white=lambda *_: Picture(on_white))
    assert result.scores["white"]["psnr"] == float("inf")


def test_lr_pictures_are_enlarged_as_they_look_on_white(tmp_path: Path, photo: np.ndarray) -> None:
    Image.fromarray(photo[:40, :40]).save(tmp_path / "hr.png")
    Image.new("RGBA", (10, 10), (9, 9, 9, 0)).save(tmp_path / "lr.png")
    seen: list[Picture] = []

    def note(pair: Pair, lr: Picture) -> Picture:
        seen.append(lr)
        return nearest(pair, lr)

    one(Pair("a", tmp_path / "hr.png", tmp_path / "lr.png"), note=note)
    (lr,) = seen
    assert lr.alpha is None
    assert (lr.colour == 255).all()
