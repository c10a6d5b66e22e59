"""The fused generator is the generator."""

import keras
import numpy as np
import pytest
from conftest import RELEASED, randomise

from srgan_cli.device import computing_in
from srgan_cli.model import Generator, load_generator
from srgan_cli.pictures.picture import to_tensor
from srgan_cli.released import find_weights
from srgan_cli.upscaling import fusion
from srgan_cli.upscaling.fusion import FusedGenerator


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 9), (13, 6), (64, 64)])
def test_fused_equals_plain_at_any_size(small_generator: Generator, height: int, width: int) -> None:
    lr = np.random.default_rng(0).uniform(-1, 1, (2, height, width, 3)).astype("float32")
    plain, fused = (model.predict_on_batch(lr) for model in (small_generator, FusedGenerator(small_generator)))
    assert fused.dtype == np.float32
    np.testing.assert_allclose(fused, plain, atol=1e-4)


def test_fused_equals_plain_at_full_size(photo: np.ndarray) -> None:
    keras.utils.set_random_seed(0)
    generator = randomise(Generator())
    lr = to_tensor(photo[None, :40, :50])
    plain, fused = (model.predict_on_batch(lr) for model in (generator, FusedGenerator(generator)))
    assert plain.std() > 0.1  # the comparison is of something
    np.testing.assert_allclose(fused, plain, atol=1e-4)


@pytest.mark.parametrize("pixels", [64, 150, 400])
def test_parts_equal_the_whole(small_generator: Generator, monkeypatch: pytest.MonkeyPatch, pixels: int) -> None:
    fused = FusedGenerator(small_generator)
    lr = np.random.default_rng(0).uniform(-1, 1, (2, 31, 23, 3)).astype("float32")
    monkeypatch.setattr(fusion, "PART_BYTES", pixels * fused.bytes_per_pixel)
    done: list[int] = []
    sr = fused.predict_by_parts(lr, done.append)
    np.testing.assert_allclose(sr, fused.predict_on_batch(lr), atol=1e-5)
    assert sum(done) == lr[..., 0].size
    assert len(done) > 1


def test_parts_need_what_they_see_around_them(small_generator: Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison above can fail."""
    fused = FusedGenerator(small_generator)
    lr = np.random.default_rng(0).uniform(-1, 1, (1, 31, 23, 3)).astype("float32")
    monkeypatch.setattr(fusion, "PART_BYTES", 150 * fused.bytes_per_pixel)
    monkeypatch.setattr(fused, "_reach", fused._reach - 1)
    sr = fused.predict_by_parts(lr, lambda _: None)
    assert np.abs(sr - fused.predict_on_batch(lr)).max() > 1e-3


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="XLA rounds more often on a CPU; not used there")
@pytest.mark.parametrize("model", RELEASED)
def test_bfloat16_is_close_to_float32_in_upscaling_and_in_training(model: str, photo: np.ndarray) -> None:
    generator = load_generator(find_weights(model))
    with computing_in("bfloat16"):
        trained = Generator(generator.settings)
    trained.set_weights(generator.get_weights())
    trained.split_tail()
    lr = to_tensor(photo[None, :64, :64])
    exact = generator.predict_on_batch(lr)
    for half, levels in ((FusedGenerator(generator, "bfloat16"), 0.5), (trained, 1)):
        assert 0 < np.sqrt(np.mean((half.predict_on_batch(lr) - exact) ** 2)) * 127.5 < levels
