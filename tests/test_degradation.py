"""LR pictures have the right size, and `photo` does to a picture what it says."""

from collections import Counter
from collections.abc import Callable
from typing import BinaryIO

import numpy as np
import pytest
from PIL import Image

from srgan_cli import degradation
from srgan_cli.degradation import (
    bicubic,
    blur,
    blur_kernel,
    degrade,
    jpeg,
    noise,
    photo,
    rescale,
    ring,
    sinc_kernel,
)


def test_bicubic_is_antialiased(photo: np.ndarray) -> None:
    stripes = np.zeros((16, 16, 3), np.uint8)
    stripes[:, ::2] = 200
    inner = bicubic(stripes)[:, 1:-1]
    assert np.abs(inner.astype(int) - 100).max() <= 2
    assert bicubic(photo).shape == (32, 48, 3)
    with pytest.raises(ValueError, match="not multiples of 4"):
        bicubic(photo[:7])


def test_photo_is_a_pure_function_of_the_generator(photo: np.ndarray) -> None:
    pictures = [degrade(photo, "photo", np.random.default_rng(seed)) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(pictures[0], pictures[1])
    assert (pictures[0] != pictures[2]).any()


@pytest.mark.parametrize("side", [16, 64])
def test_photo_gives_lr_pictures_that_still_show_the_scene(photo: np.ndarray, side: int) -> None:
    hr, clean = photo[:side, :side], bicubic(photo[:side, :side]).astype(float)
    distances = []
    for seed in range(60):
        lr = degrade(hr, "photo", np.random.default_rng(seed))
        assert lr.shape == clean.shape
        assert lr.dtype == np.uint8
        distances.append(np.abs(lr - clean).mean())
        assert abs(lr.mean() - clean.mean()) < 12
    assert min(distances) == 0  # some need no repair
    assert 1.5 < np.median(distances) < 25


def test_photo_does_everything_as_often_as_it_says(photo: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    done: Counter[str] = Counter()
    strengths: set[float] = set()

    def counted(name: str) -> Callable[..., np.ndarray]:
        function = getattr(degradation, name)

        def call(picture: np.ndarray, rng: np.random.Generator, *strength: float) -> np.ndarray:
            done[name] += 1
            strengths.update(strength)
            return np.asarray(function(picture, rng, *strength))

        return call

    for name in ("blur", "rescale", "noise", "ring", "jpeg"):
        monkeypatch.setattr(degradation, name, counted(name))
    rng = np.random.default_rng(0)
    for _ in range(300):
        degradation.photo(photo[:16, :16], rng)
    shares = {"blur": 0.98, "rescale": 0.98, "noise": 0.98, "ring": 0.3, "jpeg": 1.0}  # 1.4 rounds of 0.7; 0.3 + 0.7
    assert {name: count / 300 for name, count in done.items()} == pytest.approx(shares, abs=0.12)
    assert strengths == {1.0, 0.5}


def test_photo_refuses_odd_sides() -> None:
    with pytest.raises(ValueError, match="not multiples of 4"):
        photo(np.zeros((6, 8, 3), np.uint8), np.random.default_rng(0))


def test_blur_keeps_flat_pictures_and_softens_others(photo: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    np.testing.assert_array_equal(blur(np.full((20, 24, 3), 77, np.uint8), rng), 77)
    assert np.diff(blur(photo, rng).astype(float), axis=0).std() < np.diff(photo.astype(float), axis=0).std()
    assert blur(photo[:2, :3], rng).shape == (2, 3, 3)


def test_blur_is_as_strong_as_asked_for(photo: np.ndarray) -> None:
    whole, half = (
        sum(
            np.diff(blur(photo, np.random.default_rng(seed), strength).astype(float), axis=0).std()
            for seed in range(10)
        )
        for strength in (1.0, 0.5)
    )
    assert half > 1.05 * whole


def test_blur_kernels_are_turned_and_have_their_forms() -> None:
    flat, upright = (blur_kernel(4, 1, angle, 9) for angle in (0, np.pi / 2))
    assert flat.sum() == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(flat, upright.T, atol=1e-6)
    assert flat[9, 13] > 10 * flat[13, 9]
    slanted = blur_kernel(4, 1, np.pi / 4, 9)
    assert slanted[12, 12] > 100 * slanted[6, 12]
    middle = {}
    for form, power in (("gaussian", 1.0), ("generalised", 0.5), ("generalised", 4.0), ("plateau", 2.0)):
        kernel = blur_kernel(2, 2, 0, 9, form, power)
        assert kernel.sum() == pytest.approx(1, abs=1e-5)
        middle[form, power] = kernel[9, 10] / kernel[9, 9]
    assert middle["generalised", 0.5] < middle["gaussian", 1.0] < middle["plateau", 2.0] < middle["generalised", 4.0]


def test_a_sinc_filter_leaves_flat_pictures_and_rings_beside_edges(photo: np.ndarray) -> None:
    kernel = sinc_kernel(np.pi / 2, 9)
    assert kernel.sum() == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(kernel, kernel.T, atol=1e-7)
    assert kernel.min() < 0
    rng = np.random.default_rng(0)
    np.testing.assert_array_equal(ring(np.full((20, 24, 3), 77, np.uint8), rng), 77)
    edge = np.full((32, 32, 3), 60, np.uint8)
    edge[:, 16:] = 180
    assert ring(edge, rng).min() < 58
    assert ring(photo[:2, :3], rng).shape == (2, 3, 3)


def test_rings_go_from_a_third_of_all_frequencies_up(photo: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    cutoffs: list[float] = []

    def noted(cutoff: float, reach: int) -> np.ndarray:
        cutoffs.append(cutoff)
        return sinc_kernel(cutoff, reach)

    monkeypatch.setattr(degradation, "sinc_kernel", noted)
    for seed in range(60):
        ring(photo[:8, :8], np.random.default_rng(seed))
    assert np.pi / 3 <= min(cutoffs) < 1.2
    assert 2.9 < max(cutoffs) <= np.pi


def test_gaussian_and_poisson_noise_are_as_strong_as_each_other() -> None:
    grey = np.full((64, 64, 3), 128, np.uint8)
    for seed in range(30):
        rng = np.random.default_rng(seed)
        rng.random()  # colour or not
        sigma = 25 * rng.random() ** 1.5
        if sigma > 2:
            assert noise(grey, np.random.default_rng(seed)).std() == pytest.approx(sigma, rel=0.1)


def test_noise_has_no_mean_and_jpeg_and_rescale_keep_the_scene(photo: np.ndarray) -> None:
    rng = np.random.default_rng(3)
    noisy = noise(np.full((200, 200, 3), 128, np.uint8), rng)
    assert abs(noisy.mean() - 128) < 0.5
    assert noisy.std() > 0.5
    assert np.abs(jpeg(photo, rng).astype(int) - photo).mean() < 15
    assert abs(rescale(photo, rng).mean() - photo.mean()) < 3


def test_noise_is_as_strong_as_asked_for() -> None:
    grey = np.full((64, 64, 3), 128, np.uint8)
    for seed in range(10):
        whole, half = (noise(grey, np.random.default_rng(seed), strength).std() for strength in (1.0, 0.5))
        if half > 2:
            assert half == pytest.approx(whole / 2, rel=0.15)


def test_noise_keeps_colours() -> None:
    flat = np.full((64, 64, 3), (180, 128, 80), np.uint8)
    for seed in range(30):
        means = noise(flat, np.random.default_rng(seed)).mean(axis=(0, 1))
        np.testing.assert_allclose(means, flat[0, 0], atol=3)


@pytest.mark.parametrize("strength", [1.0, 0.5])
def test_rescaling_goes_as_far_as_asked_for(photo: np.ndarray, strength: float) -> None:
    sides = [len(rescale(photo, np.random.default_rng(seed), strength)) for seed in range(60)]
    lowest, highest = 128 * 2 ** (-2 * strength), 128 * 2 ** (0.6 * strength)
    assert lowest <= min(sides) < 1.2 * lowest
    assert highest / 1.2 < max(sides) <= round(highest)


def test_jpeg_has_any_quality_from_30_to_95(photo: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    qualities: set[int] = set()
    save = Image.Image.save

    def noted(image: Image.Image, file: BinaryIO, kind: str, quality: int) -> None:
        qualities.add(quality)
        save(image, file, kind, quality=quality)

    monkeypatch.setattr(Image.Image, "save", noted)
    for seed in range(600):
        jpeg(photo[:8, :8], np.random.default_rng(seed))
    assert (min(qualities), max(qualities)) == (30, 95)


def test_a_photo_may_be_reduced_by_any_filter(photo: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    last: list[Image.Resampling] = []
    resize = degradation.resize

    def noted(picture: np.ndarray, height: int, width: int, resample: Image.Resampling) -> np.ndarray:
        if (height, width) == (4, 4):
            last.append(resample)
        return resize(picture, height, width, resample)

    monkeypatch.setattr(degradation, "resize", noted)
    for seed in range(60):
        degradation.photo(photo[:16, :16], np.random.default_rng(seed))
    assert min(Counter(last).values()) > 5
    assert set(last) == {
        Image.Resampling.BOX, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS,
    }  # fmt: skip
