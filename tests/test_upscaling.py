"""Pixels -> pixels with the weights that ship."""

import time
import traceback
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any, cast

import keras
import numpy as np
import pytest
from conftest import RELEASED, upscaler_of
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

import srgan_cli
from srgan_cli import released
from srgan_cli.errors import SrganError, UsageError
from srgan_cli.evaluation.lpips import Lpips
from srgan_cli.jobs.batch import run_jobs
from srgan_cli.jobs.naming import Destination
from srgan_cli.jobs.planning import plan_jobs
from srgan_cli.metrics import luma, psnr
from srgan_cli.model import Generator, GeneratorConfig, load_generator
from srgan_cli.pictures import images
from srgan_cli.pictures.alpha import flatten
from srgan_cli.pictures.finish import Finish
from srgan_cli.pictures.picture import Picture, map_planes, to_pixels, to_tensor
from srgan_cli.released import find_lpips, find_weights
from srgan_cli.training.options import with_absolute_paths
from srgan_cli.upscaling import enlarging, fusion, tiling
from srgan_cli.upscaling.fusion import FusedGenerator
from srgan_cli.upscaling.inference import Network
from srgan_cli.upscaling.projection import BackProjection
from srgan_cli.upscaling.sizes import Size
from srgan_cli.upscaling.upscaler import PIXEL_MODEL, Options, Upscaler


@pytest.fixture
def upscaler() -> Upscaler:
    """The released weights in float32."""
    return upscaler_of()


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 7, 1), (33, 47, 3), (64, 64, 3), (65, 130, 1)])
def test_any_size(upscaler: Upscaler, photo: np.ndarray, shape: tuple[int, int, int]) -> None:
    height, width, channels = shape
    sr = upscaler.upscale(Picture(photo[:height, :width, :channels])).colour
    assert sr.shape == (4 * height, 4 * width, channels)
    assert sr.dtype == np.uint8
    assert abs(sr.mean() - photo[:height, :width, :channels].mean()) < 5


def test_tiled_equals_whole_at_the_receptive_radius(upscaler: Upscaler, photo: np.ndarray) -> None:
    lr = to_tensor(photo[:72])
    whole = upscaler.colour.run_network(lr[None])[0]
    plan = tiling.plan(lr.shape[0], lr.shape[1], 64, upscaler.colour.receptive_radius, budget=1)
    assert len(plan.windows) == 6
    assert all(columns.length < lr.shape[1] for _, columns in plan.windows)
    tiled = tiling.run_tiled(upscaler.colour.run_network, lr, plan, srgan_cli.SCALE)
    np.testing.assert_allclose(tiled, whole, atol=1e-4)


@pytest.mark.parametrize("model", RELEASED)
def test_tiled_is_within_a_grey_level_of_whole_at_the_default_halo(model: str, shared: Path) -> None:
    upscaler = upscaler_of(model)
    # Where `srgan` has its largest seams at halos of 8 and 10, and `srresnet` at 12.
    worst = {"ppt3": (np.s_[:], np.s_[:48]), "zebra": (np.s_[57:], np.s_[:]), "monarch": (np.s_[32:80], np.s_[:])}
    worst["barbara"] = (np.s_[:48], np.s_[:])
    for name, part in worst.items():
        lr = to_tensor(images.read_picture(shared / f"test/Set14/LR_x4/{name}.png").colour[part])
        whole = upscaler.colour.run_network(lr[None])[0]
        plan = tiling.plan(lr.shape[0], lr.shape[1], 64, upscaler.colour.halo, budget=1)
        tiled = tiling.run_tiled(upscaler.colour.run_network, lr, plan, srgan_cli.SCALE)
        assert len(plan.windows) == 3, "the middle one has no more than the halo on both sides"
        assert 0 < np.abs(tiled - whole).max() * 127.5 <= 1


def test_released_weights_beat_bicubic(upscaler: Upscaler, shared: Path) -> None:
    gains = []
    for path in sorted((shared / "test/Set5/LR_x4").iterdir()):
        lr, hr = images.read_picture(path), images.read_picture(shared / "test/Set5/HR" / path.name).colour
        bicubic = Image.fromarray(lr.colour).resize((hr.shape[1], hr.shape[0]), Image.Resampling.BICUBIC)
        ours, theirs = (psnr(luma(sr), luma(hr), 4) for sr in (upscaler.upscale(lr).colour, np.asarray(bicubic)))
        gains.append(ours - theirs)
    assert min(gains) > 0.5
    assert np.mean(gains) > 1.8


@pytest.mark.parametrize("policy", ["mixed_float16", "bfloat16", "float32"])
def test_what_callers_have_told_keras_changes_nothing(photo: np.ndarray, policy: str) -> None:
    picture, options = Picture(photo[:8, :8]), Options(device="cpu", precision="float32")
    expected = Upscaler(options).upscale(picture).colour
    distance = Lpips(cast(Path, find_lpips()))(photo[:20, :20], photo[20:40, :20])
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    keras.config.set_image_data_format("channels_first")
    try:
        np.testing.assert_array_equal(Upscaler(options).upscale(picture).colour, expected)
        assert Lpips(cast(Path, find_lpips()))(photo[:20, :20], photo[20:40, :20]) == pytest.approx(distance)
    finally:
        keras.config.set_dtype_policy(before)
        keras.config.set_image_data_format("channels_last")


def test_threads_share_what_is_loaded(photo: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = []

    class Slow:
        def __init__(self, options: Options) -> None:
            time.sleep(0.05)
            loaded.append(options)

        def upscale(self, picture: Picture, **_: object) -> Picture:
            return picture

    monkeypatch.setattr("srgan_cli.upscaling.upscaler.Upscaler", Slow)
    monkeypatch.setattr(srgan_cli, "_upscaler", cache(srgan_cli._upscaler.__wrapped__))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(srgan_cli.upscale, [photo] * 4))
    assert len(loaded) == 1


def test_a_forked_process_says_why_it_cannot(photo: np.ndarray) -> None:
    srgan_cli.upscale(photo[:4, :4])
    with ProcessPoolExecutor(1, get_context("fork")) as pool, pytest.raises(SrganError, match="was forked") as caught:
        pool.submit(srgan_cli.upscale, photo[:4, :4]).result(timeout=60)
    assert "spawn" in caught.value.hint


def test_python_has_the_options_of_the_command_line(photo: np.ndarray) -> None:
    picture = Picture(photo[:6, :9])
    assert srgan_cli.upscale(photo[:6, :9], scale=2.5).shape == (15, 22, 3)
    for option in ("self_ensemble", "seamless"):
        choice: dict[str, Any] = {option: True}
        expected = Upscaler(Options(**choice)).upscale(picture).colour
        np.testing.assert_array_equal(srgan_cli.upscale(photo[:6, :9], **choice), expected)
        assert (expected != srgan_cli.upscale(photo[:6, :9])).any()


def test_a_scale_makes_pictures_larger(photo: np.ndarray) -> None:
    for scale in (1, 0.5, float("nan")):
        with pytest.raises(SrganError, match=r"^scale is"):
            srgan_cli.upscale(photo[:4, :4], scale=scale)


def test_what_is_like_an_array_is_taken_and_a_name_is_not(photo: np.ndarray) -> None:
    rows = cast(Any, list(photo[:3, :5]))
    np.testing.assert_array_equal(srgan_cli.upscale(rows), srgan_cli.upscale(photo[:3, :5]))
    for name in ("a.jpg", Path("a.jpg")):
        with pytest.raises(SrganError, match=r"'a\.jpg' is not a picture, but a name"):
            srgan_cli.upscale(cast(Any, name))


def test_a_spoiled_network_makes_no_picture(photo: np.ndarray, tmp_path: Path) -> None:
    generator = Generator(GeneratorConfig(8, 1))
    generator.get_layer("last").bias.assign([0.0, np.nan, 0.0])
    generator.save(tmp_path / "g.keras")
    upscaler = Upscaler(Options(str(tmp_path / "g.keras"), device="cpu", precision="float32"))
    with pytest.raises(SrganError, match="the network returned NaN"):
        upscaler.upscale(Picture(photo[:8, :8]))


def test_grey_stays_neutral(upscaler: Upscaler, photo: np.ndarray) -> None:
    grey = photo[:40, :40, :1]
    sr = upscaler.upscale(Picture(grey)).colour
    assert sr.shape == (160, 160, 1)
    reduced = np.asarray(Image.fromarray(sr[..., 0]).resize((40, 40), Image.Resampling.BOX))
    assert np.abs(reduced.astype(float) - grey[..., 0]).mean() < 2.5


def test_rgb_without_a_colour_stays_so(upscaler: Upscaler, photo: np.ndarray) -> None:
    grey = photo[:20, :20, :1]
    sr = upscaler.upscale(Picture(grey.repeat(3, axis=-1))).colour
    np.testing.assert_array_equal(sr, upscaler.upscale(Picture(grey)).colour.repeat(3, axis=-1))


def test_grey_is_the_mean_of_what_the_network_makes_of_it(
    upscaler: Upscaler, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tinted(lr: np.ndarray) -> np.ndarray:
        return np.tile(np.array([-0.5, 0.1, 1.0], np.float32), (len(lr), 4 * lr.shape[1], 4 * lr.shape[2], 1))

    monkeypatch.setattr(upscaler.colour, "run_network", tinted)
    assert (upscaler.upscale(Picture(photo[:8, :8, :1])).colour == to_pixels(np.array(0.2))).all()


def test_16_bits_go_through_the_network(upscaler: Upscaler, photo: np.ndarray) -> None:
    grey = photo[:40, :40, :1]
    sr = upscaler.upscale(Picture(grey.astype(np.uint16) * 257)).colour
    assert sr.dtype == np.uint16
    assert np.abs(sr / 257 - upscaler.upscale(Picture(grey)).colour).max() < 0.502  # but for rounding the same
    assert len(np.unique(sr)) > 1000


def test_a_cut_out_has_no_halo(upscaler: Upscaler) -> None:
    """A red disc whose transparent surroundings hide black: every visible pixel stays red."""
    y, x = np.mgrid[:40, :40]
    inside = (y - 20) ** 2 + (x - 20) ** 2 < 150
    colour = np.where(inside[..., None], np.array([220, 30, 30]), 0).astype(np.uint8)
    sr = upscaler.upscale(Picture(colour, (255 * inside[..., None]).astype(np.uint8)))
    assert sr.alpha is not None
    assert sr.alpha.min() == 0
    assert sr.alpha.max() == 255
    assert (sr.alpha[60:100, 60:100] == 255).all()
    visible = sr.colour[sr.alpha[..., 0] > 32].astype(int)
    assert np.abs(visible - [220, 30, 30]).max() < 12


def test_progress_adds_up_also_with_constant_alpha(upscaler: Upscaler, photo: np.ndarray) -> None:
    done: list[int] = []
    sr = upscaler.upscale(Picture(photo[:9, :9], np.full((9, 9, 1), 77, np.uint8)), done.append)
    assert sr.alpha is not None
    assert (sr.alpha == 77).all()
    assert sum(done) == 2 * 81


@pytest.mark.parametrize(("precision", "side"), [("bfloat16", 64), ("float16", 24)])
@pytest.mark.parametrize("model", RELEASED)
def test_half_precision_gives_the_same_picture(model: str, photo: np.ndarray, precision: str, side: int) -> None:
    upscalers = [upscaler_of(model, of) for of in (precision, "float32")]
    half, exact = (u.upscale(Picture(photo[:side, :side])).colour.astype(int) for u in upscalers)
    difference = half - exact
    assert np.sqrt((difference**2).mean()) < np.sqrt(0.5**2 + 2 / 12)  # half a level, and what rounding both adds
    assert np.abs(difference).max() <= 4


@pytest.mark.parametrize(("halo", "expected"), [(srgan_cli.DEFAULT_HALO, 12), (0, 0), (100, 52)])
def test_no_halo_is_larger_than_what_the_network_sees(
    small_generator: Generator, tmp_path: Path, halo: int, expected: int
) -> None:
    small_generator.save(tmp_path / "small.keras")
    mixed = Upscaler(Options(str(tmp_path / "small.keras"), halo=halo, strength=0.5, device="cpu"))
    assert small_generator.settings.receptive_radius < mixed.colour.receptive_radius == 52  # that of srresnet beside it
    assert mixed.colour.halo == expected


def test_a_picture_that_is_flat_in_one_channel_is_enlarged(upscaler: Upscaler, photo: np.ndarray) -> None:
    picture = photo[:8, :8].copy()
    picture[..., 1] = 99
    sr = upscaler.upscale(Picture(picture)).colour
    assert sr[..., 0].std() > 1


def test_scarce_memory_makes_smaller_windows(photo: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    lr = photo[:, :100]
    seen: list[int] = []
    scarce = Upscaler(Options(PIXEL_MODEL, device="cpu", precision="float32"))
    network = scarce.colour.run_network

    def watched(windows: np.ndarray) -> np.ndarray:
        seen.append(windows[..., 0].size)
        return network(windows)

    monkeypatch.setattr(scarce.colour, "run_network", watched)
    sr = scarce.upscale(Picture(lr)).colour.astype(int)
    monkeypatch.setattr(enlarging, "available", lambda: 2 * 16 * lr.nbytes)  # SR and no more
    assert np.abs(sr - scarce.upscale(Picture(lr)).colour).max() <= 1
    assert seen[0] == lr[..., 0].size
    assert max(seen[1:]) <= 88**2


def test_a_cpu_takes_larger_windows_than_its_last_layers(small_generator: Generator) -> None:
    """Of which a halo of a dozen pixels is a smaller part; a GPU does all at once."""
    cpu, gpu = (Network(small_generator, device, "float32", False, True, print) for device in ("cpu:0", "cpu:0"))
    gpu._by_parts = False
    assert cpu.pixels_within(2**26) == gpu.pixels_within(2**26)
    assert cpu.pixels_within(2**31) == (2**31 - fusion.PART_BYTES) // 2_000
    assert gpu.pixels_within(2**31) == 2**31 // FusedGenerator(small_generator).bytes_per_pixel


@pytest.mark.parametrize("options", [{}, {"self_ensemble": True}, {"strength": 0.5}])
def test_progress_is_told_during_a_window(
    small_generator: Generator, tmp_path: Path, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch, options: Any
) -> None:
    small_generator.save(tmp_path / "small.keras")
    upscaler = Upscaler(Options(str(tmp_path / "small.keras"), device="cpu", precision="float32", **options))
    expected = upscaler.upscale(Picture(photo[:60, :50])).colour
    monkeypatch.setattr(fusion, "PART_BYTES", 2**24)
    done: list[int] = []
    sr = upscaler.upscale(Picture(photo[:60, :50]), done.append).colour
    assert np.abs(sr.astype(int) - expected).max() <= 1
    assert sum(done) == 60 * 50
    assert len(done) > 2
    assert max(done) < 60 * 50
    assert min(done) >= 0


def test_out_of_memory_makes_smaller_windows(
    upscaler: Upscaler, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    lr = photo[:, :128]
    lines: list[str] = []
    scarce = Upscaler(Options(PIXEL_MODEL, precision="float32"), lines.append)
    network = scarce.colour.run_network
    done: list[int] = []

    def run_out_of_memory(windows: np.ndarray) -> np.ndarray:
        if windows[..., 0].size > 10_000 and done:  # not at the first window
            raise MemoryError
        return network(windows)

    monkeypatch.setattr(scarce.colour, "_window_budget", 12_000)
    monkeypatch.setattr(scarce.colour, "run_network", run_out_of_memory)
    sr = scarce.upscale(Picture(lr), done.append).colour
    assert np.abs(sr.astype(int) - upscaler.upscale(Picture(lr)).colour).max() <= 1
    assert sum(done) == lr[..., 0].size
    assert lines
    assert all(line.startswith("out of memory; going on with at most") for line in lines)


def test_no_memory_at_all_is_one_sentence(photo: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    scarce = Upscaler(Options(PIXEL_MODEL, precision="float32"))

    def run_out_of_memory(_: np.ndarray) -> np.ndarray:
        raise MemoryError

    monkeypatch.setattr(scarce.colour, "run_network", run_out_of_memory)
    with pytest.raises(SrganError, match="out of memory"):
        scarce.upscale(Picture(photo))


@pytest.mark.parametrize("broken", [np.nan, -1.0])
def test_an_empty_window_in_half_precision_is_computed_again(
    upscaler: Upscaler, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch, broken: float
) -> None:
    lines: list[str] = []
    half = Upscaler(Options(PIXEL_MODEL, precision="float16"), lines.append)
    network = cast("Network", half.colour.run_network)
    monkeypatch.setattr(network._fused, "predict_on_batch", lambda _: np.full((1, 64, 64, 3), broken, "float32"))
    sr = half.upscale(Picture(photo[:16, :16])).colour
    np.testing.assert_array_equal(sr, upscaler.upscale(Picture(photo[:16, :16])).colour)
    assert lines == ["a window came out empty in float16 and is computed again in float32"]


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_one_empty_window_of_several_is_enough(
    small_generator: Generator, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    lines: list[str] = []
    network = Network(small_generator, "cpu:0", precision, False, False, lines.append)
    lr = to_tensor(np.stack([photo[:8, :8], photo[8:16, :8]]))
    exact = network._exact.predict_on_batch(lr)
    half = exact.copy()
    half[0, :4] = -1  # a part of one may be black
    monkeypatch.setattr(network._fused, "predict_on_batch", lambda _: half)
    np.testing.assert_array_equal(network(lr), half)
    assert lines == []
    half[0] = -1
    np.testing.assert_array_equal(network(lr), exact)
    assert len(lines) == 1


@pytest.mark.parametrize(("precision", "pixels"), [("float32", 50), ("bfloat16", 100)])
def test_windows_take_half_of_the_memory_that_sr_leaves(
    small_generator: Generator, monkeypatch: pytest.MonkeyPatch, precision: str, pixels: int
) -> None:
    network = Network(small_generator, "cpu:0", precision, False, False, print)
    enlarger = enlarging.Enlarger([(1.0, network)], 64, 12, print)
    sr, widest = 16 * 1000, 3 * 4 * 8 * 16 * 4  # of 8 filters, in float32
    for free, expected in ((2 * sr + 2 * 50 * widest, pixels), (2 * sr, 1), (0, 1)):
        monkeypatch.setattr(enlarging, "available", lambda free=free: free)
        assert enlarger._affordable(1000) == expected


def test_black_stays_black_without_a_second_thought() -> None:
    lines: list[str] = []
    black = np.zeros((16, 16, 3), np.uint8)
    black[8, 8] = 1  # else it is of one colour, and the network is not asked
    sr = Upscaler(Options(PIXEL_MODEL, precision="bfloat16"), lines.append).upscale(Picture(black))
    assert sr.colour.max() < 12
    assert lines == []


def test_the_self_ensemble_commutes_with_flips_and_turns(photo: np.ndarray) -> None:
    ensemble = Upscaler(Options(PIXEL_MODEL, precision="float32", self_ensemble=True))
    square = photo[:24, :32]
    sr = ensemble.upscale(Picture(square)).colour.astype(int)
    turned = ensemble.upscale(Picture(np.rot90(square).copy())).colour
    flipped = ensemble.upscale(Picture(square[:, ::-1].copy())).colour
    assert np.abs(np.rot90(turned, -1) - sr).max() <= 1
    assert np.abs(flipped[:, ::-1] - sr).max() <= 1


def test_the_self_ensemble_is_closer_to_hr(upscaler: Upscaler, shared: Path) -> None:
    lr, hr = (images.read_picture(shared / f"test/Set5/{part}/butterfly.png") for part in ("LR_x4", "HR"))
    ensemble = Upscaler(Options(PIXEL_MODEL, precision="float32", self_ensemble=True))
    alone, together = (psnr(luma(u.upscale(lr).colour), luma(hr.colour), 4) for u in (upscaler, ensemble))
    assert together > alone


def test_a_seamless_texture_stays_seamless(upscaler: Upscaler, photo: np.ndarray) -> None:
    seamless = Upscaler(Options(PIXEL_MODEL, precision="float32", seamless=True))
    texture, shift = photo[:40, :48], (16, 20)
    sr = seamless.upscale(Picture(texture)).colour.astype(int)
    rolled = seamless.upscale(Picture(np.roll(texture, shift, axis=(0, 1)))).colour
    back = np.roll(rolled, (-4 * shift[0], -4 * shift[1]), axis=(0, 1))
    assert np.abs(back - sr).max() <= 1
    assert np.abs(upscaler.upscale(Picture(texture)).colour - sr).max() > 4


def test_a_seamless_texture_of_any_size_and_alpha_stays_seamless(photo: np.ndarray) -> None:
    seamless = Upscaler(Options(PIXEL_MODEL, precision="float32", halo=40, seamless=True))
    solid = np.where(np.indices((20, 24, 1))[1] < 12, 255, 0).astype(np.uint8)
    texture = Picture(photo[:20, :24], solid)
    moved = map_planes(texture, lambda pixels: np.roll(pixels, (8, 8), axis=(0, 1)))
    sr, rolled = (seamless.upscale(picture, size=Size(scale=2.5)) for picture in (texture, moved))
    back = map_planes(rolled, lambda pixels: np.roll(pixels, (-20, -20), axis=(0, 1)))
    assert sr.alpha is not None
    assert back.alpha is not None
    for a, b in ((sr.colour, back.colour), (sr.alpha, back.alpha)):
        assert np.abs(a.astype(int) - b).max() <= 1


def test_away_from_its_edges_a_seamless_texture_is_any_picture(
    upscaler: Upscaler, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = []
    for each in (upscaler, Upscaler(Options(PIXEL_MODEL, precision="float32", halo=3, seamless=True))):
        monkeypatch.setattr(each.colour, "run_network", lambda lr: lr.repeat(4, axis=1).repeat(4, axis=2))
        results.append(each.upscale(Picture(photo[:20, :24]), size=Size(scale=5)).colour.astype(int))
    assert np.abs(results[0] - results[1])[10:-10, 10:-10].max() <= 1


def test_what_other_packages_call_weights_is_not_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = tmp_path / "site-packages"
    for name in ("weights/yolo.keras", "srgan_cli/weights/srresnet.keras"):
        (installed / name).parent.mkdir(parents=True)
        (installed / name).touch()
    monkeypatch.setattr(released, "__file__", str(installed / "srgan_cli/released.py"))
    assert released.released() == {"srresnet": installed / "srgan_cli/weights/srresnet.keras"}
    assert find_lpips() is None


def test_a_run_folder_and_a_file_are_models(small_generator: Generator, tmp_path: Path, photo: np.ndarray) -> None:
    small_generator.save(tmp_path / "generator.keras")
    sizes = {
        Upscaler(Options(model=str(model), device="cpu")).upscale(Picture(photo[:8, :8])).colour.shape
        for model in (tmp_path, tmp_path / "generator.keras")
    }
    assert sizes == {(32, 32, 3)}


def test_unknown_models_name_the_released_ones() -> None:
    with pytest.raises(SrganError, match="no model 'photoo'") as error:
        find_weights("photoo")
    assert "srresnet" in error.value.hint


def test_a_folder_called_like_released_weights_is_not_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / PIXEL_MODEL).mkdir()
    assert find_weights(PIXEL_MODEL).is_file()
    assert with_absolute_paths({"start": PIXEL_MODEL})["start"] == PIXEL_MODEL
    with pytest.raises(SrganError, match=r"has no generator\.keras"):
        find_weights(f"./{PIXEL_MODEL}")


def test_api_returns_what_it_is_given(photo: np.ndarray) -> None:
    options = {"precision": "float32", "device": "cpu"}
    small = photo[:16, :20]
    sr = srgan_cli.upscale(small, **options)  # type: ignore[arg-type]
    assert sr.shape == (64, 80, 3)
    image = srgan_cli.upscale(Image.fromarray(small), **options)  # type: ignore[arg-type]
    assert isinstance(image, Image.Image)
    np.testing.assert_array_equal(np.asarray(image), sr)
    assert srgan_cli.upscale(small[..., 0], **options).shape == (64, 80)  # type: ignore[arg-type]


def resized(values: np.ndarray, width: int, height: int) -> np.ndarray:
    """(H, W, C) float -> (height, width, C) by antialiased bicubic interpolation."""
    planes = [Image.fromarray(plane.astype(np.float32)) for plane in np.moveaxis(values, -1, 0)]
    return np.stack([np.asarray(plane.resize((width, height))) for plane in planes], axis=-1)


def reduced(values: np.ndarray) -> np.ndarray:
    """(H, W, C) -> (H / 4, W / 4, C), likewise."""
    height, width, _ = values.shape
    return resized(values, width // 4, height // 4)


def test_what_sr_lacks_of_lr_is_added(photo: np.ndarray) -> None:
    lr, rng = to_tensor(photo[None, :12, :16]), np.random.default_rng(0)
    sr = np.clip(lr.repeat(4, axis=1).repeat(4, axis=2) + rng.normal(0, 0.3, (1, 48, 64, 3)), -1, 1).astype(np.float32)
    once = np.clip(sr[0] + resized(lr[0] - np.clip(reduced(sr[0]), -1, 1), 64, 48), -1, 1)
    np.testing.assert_allclose(BackProjection(1)(sr, lr)[0], once, atol=1e-5)
    np.testing.assert_array_equal(BackProjection(0)(sr, lr), sr)
    lacking = [np.abs(lr[0] - reduced(BackProjection(times)(sr, lr)[0])).mean() for times in range(4)]
    assert lacking == sorted(lacking, reverse=True)
    assert lacking[3] < 0.1 * lacking[0]


@pytest.mark.parametrize("model", ["srgan", PIXEL_MODEL])
def test_patterns_of_single_pixels_keep_their_brightness_and_thin_lines_their_colour(model: str) -> None:
    """Without back-projection a checkerboard becomes white, or black, and a green line black."""
    upscaler = upscaler_of(model)
    checkerboard = (255 * (np.indices((24, 24)).sum(axis=0) % 2)).astype(np.uint8)[..., None]
    assert abs(upscaler.upscale(Picture(checkerboard)).colour.mean() - 127.5) < 3
    lines = np.full((16, 24, 3), 255, np.uint8)
    lines[4::8, 2:-2] = 0, 160, 0
    sr = reduced(upscaler.upscale(Picture(lines)).colour)
    assert np.abs(sr[4, 4:-4] - (0, 160, 0)).max() < 40


def test_what_repairs_gets_its_colours_back_but_not_its_damage(photo: np.ndarray) -> None:
    """That is, the means of 9x9 pixels; one square of the most saturated blue, and a photograph with noise."""
    blue = np.full((32, 32, 3), (20, 60, 220), np.uint8)
    blue[20, 20] = 0
    noisy = np.clip(photo[:32, :32] + np.random.default_rng(0).normal(0, 12, (32, 32, 3)), 0, 255).astype(np.uint8)
    off, noise = [], []
    for wanted in (True, False):
        upscaler = Upscaler(Options("photo", precision="float32", back_projection=wanted))
        off.append(np.abs(reduced(upscaler.upscale(Picture(blue)).colour)[4:14, 4:14] - blue[0, 0]).max())
        noise.append(np.abs(reduced(upscaler.upscale(Picture(noisy)).colour) - noisy).mean())
    assert off[0] < 2 < off[1]
    assert noise[0] > 0.9 * noise[1]


def test_what_repairs_is_not_corrected_beside_edges() -> None:
    """Black ink that it draws thinner or thicker would tint the paper around it."""
    page = np.full((32, 32, 3), 255, np.uint8)
    page[8:24:5, 4:28] = 0, 0, 120
    sr = Upscaler(Options("photo", precision="float32")).upscale(Picture(page)).colour
    without = Upscaler(Options("photo", precision="float32", back_projection=False)).upscale(Picture(page)).colour
    beside = np.s_[100:116, 16:112]  # 2 to 5 pixels of LR below the last line
    assert np.abs(255 - sr[beside].astype(int)).mean() < np.abs(255 - without[beside].astype(int)).mean() + 2


def test_back_projection_reaches_as_far_as_it_says() -> None:
    for project, reach in ((BackProjection(0), 0), (BackProjection(3), 12), (BackProjection(1, 9), 8)):
        assert project.reach == reach
        lr, sr = np.zeros((1, 1, 41, 1), np.float32), np.zeros((1, 4, 164, 1), np.float32)
        sr[0, :, 80] = 0.5
        changed = np.flatnonzero(project(sr, lr)[0, 0, :, 0])
        assert 4 * (20 - reach) <= changed.min() < 4 * (22 - 0.9 * reach)  # where the kernels' ends are not too small
    assert upscaler_of("photo").colour.receptive_radius == 48


def test_what_lacks_more_than_that_counts_as_that() -> None:
    lr, sr = np.zeros((1, 9, 9, 1), np.float32), np.zeros((1, 36, 36, 1), np.float32)
    lr[0, 4, 4] = 0.8
    whole, limited = (BackProjection(1, 3, most)(sr, lr) for most in (2.0, 0.2))
    np.testing.assert_allclose(limited, whole / 4, atol=1e-6)


def test_the_mean_of_areas_is_what_is_lacking() -> None:
    lr = np.random.default_rng(0).uniform(-0.5, 0.5, (1, 12, 16, 3)).astype(np.float32)
    sr = np.zeros((1, 48, 64, 3), np.float32)
    inside = np.ones((12, 16, 1))
    mean = [ndimage.uniform_filter(each, (5, 5, 1), mode="constant") for each in (lr[0], inside)]
    expected = resized(mean[0] / mean[1], 64, 48)
    np.testing.assert_allclose(BackProjection(1, 5)(sr, lr)[0], expected, atol=1e-5)


def test_strength_goes_from_the_pixel_trained_weights_to_the_others(tmp_path: Path, photo: np.ndarray) -> None:
    changed = load_generator(find_weights("srresnet"))
    last = changed.get_layer("last")
    last.set_weights([last.get_weights()[0], last.get_weights()[1] + np.float32(0.1)])  # brighter
    changed.save(tmp_path / "bright.keras")

    def enlarge(model: str, strength: float) -> np.ndarray:
        upscaler = Upscaler(Options(model, precision="float32", strength=strength, back_projection=False))
        return upscaler.upscale(Picture(photo[:16, :16])).colour.astype(int)

    bright = str(tmp_path / "bright.keras")
    pixel, half, whole = (enlarge(bright, strength) for strength in (0.0, 0.5, 1.0))
    np.testing.assert_array_equal(pixel, enlarge("srresnet", 1.0))
    assert (pixel <= half).all()
    assert (half <= whole).all()
    assert pixel.mean() + 1 < half.mean() < whole.mean() - 1


def test_strength_is_the_share_of_another_model() -> None:
    for model in (PIXEL_MODEL, str(find_weights(PIXEL_MODEL))):
        with pytest.raises(UsageError, match="which is the model here"):
            Upscaler(Options(model, strength=0.5))
    with pytest.raises(SrganError, match="there is no model 'nonsense'"):
        Upscaler(Options("nonsense", strength=0.0))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strength": 2.0}, "strength is 2.0"),
        ({"tile": 0}, "tile is 0"),
        ({"halo": -4}, "halo is -4"),
        ({"precision": "half"}, "precision is 'half'"),
        ({"device": "cuda"}, "device is 'cuda'"),
    ],
)
def test_the_api_says_what_makes_no_sense(photo: np.ndarray, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        srgan_cli.upscale(photo[:8, :8], **options)
    assert caught.value.message == message
    assert caught.value.hint
    assert traceback.format_exception(caught.value)[-1] == f"hint: {caught.value.hint}\n"


def test_strength_takes_a_share_of_each_picture(small_generator: Generator, tmp_path: Path, photo: np.ndarray) -> None:
    small = str(tmp_path / "small.keras")  # a network of any size
    small_generator.save(small)
    lr = to_tensor(photo[None, :9, :9])
    part, whole, pixel = (
        Upscaler(Options(model, precision="float32", strength=strength)).colour.run_network(lr)
        for model, strength in ((small, 0.25), (small, 1.0), (PIXEL_MODEL, 1.0))
    )
    np.testing.assert_allclose(part, 0.25 * whole + 0.75 * pixel, atol=1e-6)


def draw_logo(side: int) -> Picture:
    """A ring and two letters in a colour gradient, antialiased, on transparency."""
    shape = Image.new("L", (4 * side, 4 * side))
    pen, unit = ImageDraw.Draw(shape), side / 96
    pen.ellipse([40 * unit, 40 * unit, 344 * unit, 344 * unit], fill=255)
    pen.ellipse([90 * unit, 90 * unit, 294 * unit, 294 * unit], fill=0)
    pen.text((120 * unit, 110 * unit), "ag", fill=255, font=ImageFont.load_default(160 * unit))
    alpha = np.asarray(shape.resize((side, side), Image.Resampling.BOX))[..., None]
    down = np.linspace(0, 1, side)[:, None, None]
    colour = (1 - down) * (250, 200, 30) + down * (220, 40, 120) + np.zeros((side, side, 1))
    return Picture(np.rint(colour).astype(np.uint8), alpha)


def test_a_cut_out_logo_has_no_fringe(upscaler: Upscaler) -> None:
    hr = draw_logo(256)
    assert hr.alpha is not None
    opacity = hr.alpha / 255
    alpha = np.clip(np.rint(reduced(opacity) * 255), 0, 255).astype(np.uint8)
    # As programs export it: black where nothing is to be seen.
    visible = reduced(hr.colour * opacity) / np.maximum(reduced(opacity), 1e-6)
    colour = np.where(alpha > 0, np.clip(np.rint(visible), 0, 255), 0).astype(np.uint8)
    ours = upscaler.upscale(Picture(colour, alpha))
    apart = Picture(upscaler.upscale(Picture(colour)).colour, upscaler.upscale(Picture(alpha)).colour)
    edge = ndimage.binary_dilation((hr.alpha > 0) & (hr.alpha < 255), np.ones((9, 9, 1)))[..., 0]
    for background in ((0, 0, 0), (255, 255, 255), (255, 0, 0)):
        sr, naive, truth = (flatten(picture, background).colour[edge].astype(int) for picture in (ours, apart, hr))
        assert np.abs(sr - truth).mean() < 0.6 * np.abs(naive - truth).mean()


@pytest.mark.parametrize("card", [60, 120, 255])
def test_a_shadow_is_not_seen_as_a_line_around_what_throws_it(upscaler: Upscaler, card: int) -> None:
    colour = np.zeros((32, 32, 1), np.uint8)
    colour[8:24, 8:24] = card
    inside = ndimage.gaussian_filter(colour[..., 0] / card, 3)[..., None]
    alpha = np.where(colour == card, 255, np.rint(255 * inside)).astype(np.uint8)
    lr = Picture(colour, alpha)
    for white in ((0, 0, 0), (255, 255, 255)):
        seen, seen_sr = (flatten(picture, white).colour[..., 0] for picture in (lr, upscaler.upscale(lr)))
        least = ndimage.minimum_filter(seen, 3).repeat(4, axis=0).repeat(4, axis=1)
        most = ndimage.maximum_filter(seen, 3).repeat(4, axis=0).repeat(4, axis=1)
        changes = np.ptp([least, most], axis=0) > 0
        assert (seen_sr.astype(int) >= least.astype(int) - 1)[changes].all()
        assert (seen_sr.astype(int) <= most.astype(int) + 1)[changes].all()


def test_hair_keeps_its_opacity_and_glass_has_no_rim(upscaler: Upscaler) -> None:
    hr = np.zeros((96, 96), np.float32)
    for start in range(8, 60, 9):
        rows = np.arange(10, 86)
        hr[rows, start + rows // 3] = hr[rows, start + rows // 3 + 1] = 255
    alpha = np.asarray(Image.fromarray(hr).resize((24, 24), Image.Resampling.BOX))
    hair = upscaler.upscale(Picture(np.full((24, 24, 3), 90, np.uint8), np.rint(alpha).astype(np.uint8)[..., None]))
    assert hair.alpha is not None
    assert hair.alpha.mean() == pytest.approx(hr.mean(), rel=0.05)
    assert (hair.colour[hair.alpha[..., 0] > 0] == 90).all()
    pane = np.zeros((24, 24, 1), np.uint8)
    pane[6:18, 6:18] = 128
    glass = upscaler.upscale(Picture(np.full((24, 24, 3), 90, np.uint8), pane)).alpha
    assert glass is not None
    assert glass.max() == 128


@pytest.mark.parametrize("strength", [0.25, 1.0])
def test_transparency_is_enlarged_by_srresnet(
    upscaler: Upscaler, small_generator: Generator, tmp_path: Path, strength: float
) -> None:
    small_generator.save(tmp_path / "small.keras")
    logo = draw_logo(32)
    other = Upscaler(Options(str(tmp_path / "small.keras"), precision="float32", strength=strength)).upscale(logo)
    expected = upscaler.upscale(logo)
    assert (other.colour != expected.colour).any()
    np.testing.assert_array_equal(other.alpha, expected.alpha)
    assert upscaler.alpha is upscaler.colour, "the weights are loaded once"


def test_a_background_is_no_part_of_what_is_enlarged(upscaler: Upscaler, tmp_path: Path) -> None:
    logo = draw_logo(32)
    images.write_picture(logo, tmp_path / "logo.png")
    finish = Finish(background=(255, 255, 255))
    jobs = plan_jobs([str(tmp_path / "logo.png")], Destination(str(tmp_path / "out.png"), finish=finish)).jobs
    (outcome,) = run_jobs(upscaler.upscale, jobs)
    assert not outcome.error
    colour = images.read_picture(tmp_path / "out.png").colour
    np.testing.assert_array_equal(colour, flatten(upscaler.upscale(logo), (255, 255, 255)).colour)
