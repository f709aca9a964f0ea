"""Restoration without a learned prior: better than the observation, told only the noise level, and refused for other tasks."""

from __future__ import annotations

import pytest
import torch

from gnc_core import images, problems
from gnc_core.errors import InputError
from gnc_core.measuring import baselines, psnr
from gnc_core.problems import TASKS, Denoising, Inpainting, Linear

DENOISING = baselines.BASELINES["denoise"]


def sample(color: bool = False) -> torch.Tensor:
    return images.crop_center(images.load_sample("Cat", color=color), 96)


@pytest.mark.parametrize("level", [15 / 255, 25 / 255, 50 / 255])
@pytest.mark.parametrize("name", DENOISING)
def test_denoising_baselines_beat_the_noisy_image(name: str, level: float) -> None:
    truth = sample()
    for as_file in (False, True):
        problem = Denoising.degrade(truth, level, 0, as_file)
        assert psnr(DENOISING[name](problem), truth) > psnr(problem.observation, truth) + 3


def test_biharmonic_beats_grey_and_keeps_the_observed() -> None:
    truth = sample()
    problem = Inpainting.degrade(truth, 0.5, 0)
    found = baselines.biharmonic(problem)
    assert psnr(found, truth) > psnr(problem.observation, truth) + 10
    assert torch.equal(found[problem.observed], truth[problem.observed])
    assert problem.energy(found).item() == 0  # it fits the data exactly, so that its energy can be compared


def test_biharmonic_is_exact_for_a_plane_and_keeps_the_observed() -> None:
    rows, columns = torch.meshgrid(torch.arange(24.0), torch.arange(20.0), indexing="ij")
    plane = (0.2 + 0.01 * rows + 0.02 * columns)[None, None]
    observed = torch.ones(1, 1, 24, 20, dtype=torch.bool)
    observed[..., 8:12, 6:13] = False
    problem = Inpainting(torch.where(observed, plane, 0), observed)
    torch.testing.assert_close(baselines.biharmonic(problem), plane, rtol=0, atol=1e-4)
    both = problem.stack([problem, problem])
    assert baselines.biharmonic(both).shape == (2, 1, 24, 20)


@pytest.mark.parametrize("name", DENOISING)
def test_channels_and_images_are_taken_one_by_one(name: str) -> None:
    problem = Denoising.degrade(sample(color=True), 0.1, 0)
    both = Denoising(torch.cat([problem.observation, problem.observation.flip(3)]), 0.1)
    found = DENOISING[name](both)
    for image in range(2):
        for channel in range(3):
            alone = Denoising(both.observation[image : image + 1, channel : channel + 1], 0.1)
            assert torch.equal(found[image, channel], DENOISING[name](alone)[0, 0])
    assert found.dtype == torch.float32


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("size", [(1, 1), (3, 2), (7, 9)])
@pytest.mark.parametrize("name", DENOISING)
def test_small_images_are_taken_too(name: str, size: tuple[int, int]) -> None:
    found = DENOISING[name](Denoising(torch.full((1, 1, *size), 0.5), 0.1))
    assert found.shape == (1, 1, *size)
    assert torch.isfinite(found).all()


@pytest.mark.parametrize("task", TASKS)
def test_baselines_of_other_tasks_and_unknown_ones_are_one_sentence(task: str) -> None:
    truth = sample()
    problem = problems.task(task).degrade(truth, 0.3, 0)
    for other, methods in baselines.BASELINES.items():
        for name, method in methods.items():
            own = baselines.BASELINES.get(task, {}).get(name)
            if other == task:
                assert own is method
            if own is None:
                with pytest.raises(InputError, match=f"no baseline '{name}' for the task {task}"):
                    baselines.baseline(name, task)
            else:
                assert baselines.baseline(name, task) is own
            if (isinstance(problem, Linear) and method is baselines.linear_total_variation) or own is method:
                continue
            with pytest.raises(InputError, match=f"for the task {task}"):
                method(problem)
    for name in ("bm3d", "", None, []):
        with pytest.raises(InputError, match="no baseline"):
            baselines.baseline(name, task)


def test_every_baseline_has_a_title() -> None:
    assert set(baselines.TITLES) == {name for methods in baselines.BASELINES.values() for name in methods}
