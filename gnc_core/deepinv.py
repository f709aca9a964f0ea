"""The learned prior in deepinv (https://deepinv.github.io): a prior and a denoiser for its algorithms, on its physics.

Their proximal gradient descent, with the gradient step on the prior, iterates

    x <- prox_{tau_i f}(x - tau_i lambda grad_x R(x, log sigma_i)),

which for lambda = 1, f = |A x - y|^2 / (2 noise_std^2) and tau_i = sigma_i^2 is the GNC flow with data (method, section 4).
"""

from __future__ import annotations

from typing import Any

import deepinv
import torch
from torch import Tensor

from gnc_core import checks
from gnc_core.prior import ByChannel
from gnc_core.prior import Prior as LearnedPrior
from gnc_core.restoration.schedules import check_sigma


class Prior(deepinv.optim.Prior):
    """R(x, log sigma) as a prior of deepinv, explicit: with a value and a gradient. Channels are taken one by one, as grey
    images: colours, or the real and imaginary part of an MR image.

    prior: a learned prior, of grey images. x: (N, C, H, W), in [0, 1] as deepinv's images are. sigma_denoiser: sigma, a number or
    one an image, (N,), in units of [0, 1]. A list of them for `PGD` is a schedule; its length has to be said as `max_iter`, too.
    Raises `InputError` for images that the prior cannot take, and for sigmas outside its range.

    deepinv computes the cost f + lambda R in every step of an explicit prior, about a third of the time; `explicit_prior = False`
    on the instance saves it. Parameters of the prior are learned by algorithms with `unfold=True`.

    The GNC flow:

    >>> import torch
    >>> from deepinv.optim import L2, PGD
    >>> from gnc_core import images, restoration, zoo
    >>> truth, learned = images.load_sample("Cat")[..., :64, :64], zoo.load("foe-l1")
    >>> physics = deepinv.physics.Denoising(deepinv.physics.GaussianNoise(0.1, rng=torch.Generator().manual_seed(0)))
    >>> sigmas = restoration.linear(0.1, learned.sigma_min, steps=4)
    >>> taus = [sigma**2 for sigma in sigmas]
    >>> flow = PGD(L2(0.1), Prior(learned), stepsize=taus, sigma_denoiser=sigmas, max_iter=4, g_first=True)
    >>> y = physics(truth)
    >>> bool((flow(y, physics) - truth).norm() < 0.5 * (y - truth).norm())
    True
    """

    def __init__(self, prior: LearnedPrior) -> None:
        super().__init__()
        self.explicit_prior = True
        self.learned = prior  # a module of this one, if it is one: moved and learned with it
        self._channels = ByChannel(prior)

    def fn(self, x: Tensor, sigma_denoiser: float | Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """R(x, log sigma) of each image: (N,)."""
        return self._channels.energy(x, self._log(sigma_denoiser))

    def grad(self, x: Tensor, sigma_denoiser: float | Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """grad_x R(x, log sigma): (N, C, H, W)."""
        return self._channels.score(x, self._log(sigma_denoiser))

    def _log(self, sigma: float | Tensor) -> Tensor:
        return _checked(sigma, self.learned.sigma_min, self.learned.sigma_max).log()


class Denoiser(deepinv.models.Denoiser):
    """Tweedie's step, x - sigma^2 grad_x R(x, log sigma), the posterior mean for white noise of deviation sigma, as a denoiser of
    deepinv: for plug-and-play methods and diffusion samplers. It is differentiable in x and sigma.

    prior: a learned prior, of grey images; channels are taken one by one, as by `Prior`. x: (N, C, H, W), in [0, 1] up to noise.
    sigma: a number or one an image, (N,), in units of [0, 1]. Below the prior's smallest, which stands for clean images, the score
    is the one there; above its largest nothing is known: samplers have to start at 0.5 (1 in their units, for images in [-1, 1]).
    Raises `InputError` for images that the prior cannot take, and for sigmas above its largest.

    Plug and play (the denoiser as a proximal map), DPIR, and a sample of the posterior by the ODE of a diffusion model:

    >>> from deepinv import optim, sampling
    >>> from gnc_core import images, measuring, zoo
    >>> truth, denoiser = images.load_sample("Cat")[..., :64, :64], Denoiser(zoo.load("foe-l1"))
    >>> noise = deepinv.physics.GaussianNoise(0.02, rng=torch.Generator().manual_seed(0))
    >>> kernel = deepinv.physics.functional.gaussian_blur(1.5)
    >>> physics = deepinv.physics.BlurFFT((1, 64, 64), kernel, noise_model=noise)
    >>> y = physics(truth)
    >>> pnp = optim.PGD(optim.L2(), optim.PnP(denoiser), sigma_denoiser=0.03, max_iter=20)
    >>> dpir = optim.DPIR(0.02, denoiser)
    >>> times = torch.linspace(1, 0, 30)
    >>> sde = sampling.VarianceExplodingDiffusion(denoiser, sigma_min=0.02, sigma_max=1.0, alpha=0)
    >>> ode = sampling.PosteriorDiffusion(
    ...     sampling.DPSDataFidelity(weight=1.0), denoiser, sde, sampling.EulerSolver(times)
    ... )
    >>> [round((measuring.psnr(restored, truth) - measuring.psnr(y, truth)).item(), 1) for restored in
    ...     (pnp(y, physics), dpir(y, physics), ode(y, physics, seed=0).float())]
    [True, True, True]
    """

    def __init__(self, prior: LearnedPrior) -> None:
        super().__init__()
        self.learned = prior
        self._channels = ByChannel(prior)

    def forward(self, x: Tensor, sigma: float | Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """x - sigma^2 grad_x R(x, log sigma): (N, C, H, W)."""
        sigma = _checked(sigma, 0.0, self.learned.sigma_max)
        score = self._channels.score(x, sigma.clamp(min=self.learned.sigma_min).log())
        return x - checks.per_image(sigma.square().to(score), len(score), "sigma^2") * score


def _checked(sigma: float | Tensor, sigma_min: float, sigma_max: float) -> Tensor:
    """sigma as a tensor, () or (N,), of a number, (N,), or (N, 1, 1, 1), if all lie in a range."""
    if not isinstance(sigma, Tensor):
        sigma = torch.tensor(checks.number(sigma, "sigma"), dtype=torch.float64)
    for end in sigma.detach().aminmax():
        check_sigma(end, sigma_min, sigma_max)
    return sigma.flatten() if sigma.numel() > 1 else sigma.reshape(())
