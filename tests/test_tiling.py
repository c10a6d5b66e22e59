"""Tiling is exact: any size, patch, halo and budget."""

from functools import partial

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from srgan_cli.upscaling.tiling import Tiling, plan, run_tiled, split_axis

SCALE = 4

settings.register_profile("busy", deadline=None)  # how long a machine takes is not what is tested
settings.load_profile("busy")


def stand_in(windows: np.ndarray, radius: int) -> np.ndarray:
    """A network whose outputs depend on exactly the pixels within `radius`, zeros beyond the edge, like ours."""
    size = (0, *(2 * radius + 1,) * 2, 0)
    kernel = np.arange(1, size[1] ** 2 + 1).reshape(1, size[1], size[1], 1)
    sums = ndimage.convolve(windows, kernel, mode="constant")
    return sums.repeat(SCALE, axis=1).repeat(SCALE, axis=2)


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 1))


@given(
    height=st.integers(1, 70),
    width=st.integers(1, 70),
    tile=st.integers(1, 20),
    radius=st.integers(0, 4),
    budget=st.integers(1, 6000),
)
def test_tiled_equals_whole_when_the_halo_is_the_radius(
    height: int, width: int, tile: int, radius: int, budget: int
) -> None:
    picture, network = noise(height, width), partial(stand_in, radius=radius)
    tiling = plan(height, width, tile, radius, budget)
    np.testing.assert_array_equal(run_tiled(network, picture, tiling, SCALE), network(picture[None])[0])


@given(size=st.integers(1, 500), tile=st.integers(1, 64), halo=st.integers(0, 40), patches=st.integers(1, 5))
def test_segments_cover_the_axis_on_the_patch_grid_with_their_halo(
    size: int, tile: int, halo: int, patches: int
) -> None:
    segments = split_axis(size, tile, halo, patches)
    covered = [pixel for segment in segments for pixel in range(segment.core_start, segment.core_stop)]
    assert covered == list(range(size))
    assert len({segment.length for segment in segments}) == 1
    for segment in segments:
        assert segment.core_start % tile == 0
        assert 0 <= segment.start <= max(segment.core_start - halo, 0)
        assert min(segment.core_stop + halo, size) <= segment.start + segment.length <= size


@given(
    height=st.integers(1, 3000),
    width=st.integers(1, 3000),
    halo=st.integers(0, 40),
    budget=st.integers(25_000, 200_000),
)
def test_a_call_stays_within_the_budget(height: int, width: int, halo: int, budget: int) -> None:
    tiling = plan(height, width, 64, halo, budget)
    (rows, columns) = tiling.windows[0]
    assert tiling.batch * rows.length * columns.length <= budget
    assert 1 <= tiling.batch <= len(tiling.windows)


def test_a_picture_within_the_budget_is_one_window() -> None:
    assert len(plan(300, 200, 64, 8, 60_000).windows) == 1


def test_the_network_sees_one_shape_only() -> None:
    shapes = set()

    def network(windows: np.ndarray) -> np.ndarray:
        shapes.add(windows.shape)
        return stand_in(windows, 2)

    tiling = plan(20, 65, 16, 2, 1000)
    assert len(tiling.windows) % tiling.batch  # the last batch is to be filled up
    run_tiled(network, noise(20, 65), tiling, SCALE)
    assert len(shapes) == 1


def test_progress_adds_up_to_the_picture() -> None:
    done: list[int] = []
    run_tiled(partial(stand_in, radius=1), noise(50, 31), plan(50, 31, 8, 1, 500), SCALE, done.append)
    assert sum(done) == 50 * 31
    assert len(done) > 1


def test_too_small_a_halo_shows() -> None:
    """The comparison above can fail: with less than the radius, tiled differs from whole."""
    picture, network = noise(40, 40), partial(stand_in, radius=3)
    tiled = run_tiled(network, picture, plan(40, 40, 8, 2, 200), SCALE)
    assert (tiled != network(picture[None])[0]).any()


def test_of_nothing_comes_nothing() -> None:
    assert run_tiled(partial(stand_in, radius=1), noise(0, 5), Tiling([], 1), SCALE).shape == (0, 5 * SCALE, 1)
