"""Denoising MCMC on a mixture on the line, all that is to be seen of it: chains, what they lead to, and the joint density."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from gnc_core.mixture import GaussianMixture
from gnc_core.problems.degradations import generator

from . import comparison
from .chains import LangevinGibbs
from .joint import MixtureEnergy, last
from .reverse import ReverseODE

FRAMES = 50  # at most
DENOISING_STEPS = 8  # of Heun's method, which take chains to samples
EDGES = torch.linspace(-1.225, 1.225, 50, dtype=torch.float64)  # of bins, in whose middles the Dirac components lie


@dataclass(frozen=True, eq=False)
class Walked:
    """Chains after their steps, and the samples that they lead to.

    at: the steps that are shown, (T,). x, sigma: of all chains there, (T, N). path: of the first chain after every step, x and
    sigma, (2, steps). shares, exact: of the denoised samples of all steps so far and of the density, by bins, (T, B) and (B,), in
    percent. bins: their middles, (B,). error: the samples' distance to the density (`comparison.wasserstein`), (T,).
    grid_x, grid_sigma, density: p(x, sigma), (K, X).

    >>> from gnc_core.mixture import PRESETS
    >>> walked = walk(PRESETS["Five components"], chains=2, steps=3, h=0.5, seed=0)
    >>> walked.x.shape, walked.path.shape, walked.shares.shape[1] == len(walked.bins)
    ((3, 2), (2, 3), True)
    """

    at: np.ndarray
    x: np.ndarray
    sigma: np.ndarray
    path: np.ndarray
    bins: np.ndarray
    shares: np.ndarray
    exact: np.ndarray
    error: np.ndarray
    grid_x: np.ndarray
    grid_sigma: np.ndarray
    density: np.ndarray


@torch.no_grad()
def walk(mixture: GaussianMixture, chains: int, steps: int, h: float, seed: int, sigma_min: float = 0.01) -> Walked:
    """Chains of `LangevinGibbs` on a mixture in one dimension, from noise of the largest sigma, and their denoised samples.

    h: size of a Langevin step, in units of sigma^2. Raises `InputError` as the chains do.

    >>> from gnc_core.mixture import PRESETS
    >>> float(walk(PRESETS["Dirac components"], chains=2, steps=3, h=0.5, seed=0).exact.sum().round(6))
    100.0
    """
    high, noise = comparison.WALK, generator(seed)
    energy = MixtureEnergy(mixture, sigma_min, high)
    start = high * torch.randn(chains, 1, generator=noise, dtype=torch.float64)
    states = list(LangevinGibbs(steps, h).run(energy, start, high, noise))
    x, sigma = torch.stack([state.x for state in states]), torch.stack([state.sigma for state in states])
    down = last(ReverseODE(DENOISING_STEPS).run(energy, x.flatten(0, 1), sigma.flatten())).x.view(x.shape)
    at = np.unique(np.linspace(1, steps, min(steps, FRAMES)).round().astype(int))
    so_far = [down[:n].flatten(0, 1) for n in at]
    shares = [100 * torch.histogram(samples[:, 0], EDGES)[0] / len(samples) for samples in so_far]
    grid, s = torch.linspace(-2, 2, 321).double(), torch.linspace(np.log(sigma_min), np.log(high), 60).double()
    R = energy.energy(grid.repeat(len(s))[:, None], s.repeat_interleave(len(grid))).view(len(s), len(grid))
    return Walked(
        at=at,
        x=x[at - 1, :, 0].numpy(),
        sigma=sigma[at - 1].numpy(),
        path=torch.stack([x[:, 0, 0], sigma[:, 0]]).numpy(),
        bins=((EDGES[1:] + EDGES[:-1]) / 2).numpy(),
        shares=torch.stack(shares).numpy(),
        exact=100 * comparison.cumulative(mixture, EDGES, torch.ones(1)).diff().numpy(),
        error=np.array([comparison.wasserstein(samples, mixture) for samples in so_far]),
        grid_x=grid.numpy(),
        grid_sigma=s.exp().numpy(),
        density=R.neg().exp().numpy(),
    )
