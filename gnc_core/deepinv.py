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
    one an image, (N,), in units of [0, 1]; a list of them for `PGD` is a schedule, whose length has to be its `max_iter`.
    Raises `InputError` for images that the prior cannot take, and for sigmas outside its range.

    In every step deepinv computes the cost of an explicit prior, too; `explicit_prior = False`, set before the algorithm is made,
    saves that. The proximal map is its inner gradient descent, which is right for gamma up to sigma^2 / 4. Algorithms with
    `unfold=True` fit the schedule, and the learned prior if its parameters require gradients.

    The GNC flow, here to denoise:

    >>> from deepinv.optim import L2, PGD
    >>> from gnc_core import images, measuring, restoration, zoo
    >>> learned, truth = zoo.load("foe-l1"), images.load_sample("Cat")[..., :64, :64]
    >>> physics = deepinv.physics.Denoising(deepinv.physics.GaussianNoise(0.1, rng=torch.Generator().manual_seed(0)))
    >>> y = physics(truth)
    >>> sigmas = restoration.linear(0.1, learned.sigma_min, steps=4)
    >>> taus = [sigma**2 for sigma in sigmas]
    >>> flow = PGD(L2(0.1), Prior(learned), stepsize=taus, sigma_denoiser=sigmas, max_iter=4, g_first=True)
    >>> bool(measuring.psnr(flow(y, physics), truth) > measuring.psnr(y, truth) + 10)
    True
    """

    def __init__(self, prior: LearnedPrior) -> None:
        super().__init__()
        self.explicit_prior = True
        self.learned = prior  # a part of this module, if it is a module: moved and learned with it
        self._channels = ByChannel(prior)

    def fn(self, x: Tensor, sigma_denoiser: float | Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """R(x, log sigma) of each image: (N,)."""
        return self._channels.energy(x, self._log(sigma_denoiser, x))

    def grad(self, x: Tensor, sigma_denoiser: float | Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """grad_x R(x, log sigma): (N, C, H, W)."""
        return self._channels.score(x, self._log(sigma_denoiser, x))

    def _log(self, sigma: float | Tensor, x: Tensor) -> Tensor:
        return _checked(sigma, x, self.learned.sigma_min, self.learned.sigma_max).log()


class Denoiser(deepinv.models.Denoiser):
    """Tweedie's step, x - sigma^2 grad_x R(x, log sigma), as a denoiser of deepinv: the posterior mean for white noise of
    deviation sigma, for plug-and-play methods and diffusion samplers. It is differentiable in x and sigma.

    prior: a learned prior, of grey images; channels are taken one by one, as in `Prior`. x: (N, C, H, W), in [0, 1] up to noise.
    sigma: a number or one an image, (N,), in units of [0, 1]. Below the prior's smallest, where images count as clean, the score
    is the one there. Above its largest nothing is known: samplers have to start at 0.5, which is 1 for images in [-1, 1].
    Raises `InputError` for images that the prior cannot take, for negative sigmas, and for those above the prior's largest.

    Plug and play, where the denoiser takes the place of a proximal map, and DPIR, here to deblur:

    >>> from deepinv import optim, physics, sampling
    >>> from gnc_core import images, measuring, zoo
    >>> denoiser, truth = Denoiser(zoo.load("foe-l1")), images.load_sample("Cat")[..., :64, :64]
    >>> noise = physics.GaussianNoise(0.02, rng=torch.Generator().manual_seed(0))
    >>> blur = physics.BlurFFT((1, 64, 64), physics.functional.gaussian_blur(sigma=(1.5, 1.5)), noise_model=noise)
    >>> y = blur(truth)
    >>> pnp = optim.PGD(optim.L2(), optim.PnP(denoiser), sigma_denoiser=0.02, max_iter=20)
    >>> dpir = optim.DPIR(0.02, denoiser)
    >>> [bool(measuring.psnr(model(y, blur), truth) > measuring.psnr(y, truth) + 5) for model in (pnp, dpir)]
    [True, True]

    A diffusion sampler, here to fill in half of the pixels. (DDRM started at 0.5 takes no operator with singular values between
    the noise level and twice the noise level; `PosteriorDiffusion` does.)

    >>> holes = physics.Inpainting((1, 64, 64), 0.5, rng=torch.Generator().manual_seed(0), noise_model=noise)
    >>> sampler = sampling.DDRM(denoiser, sigmas=torch.linspace(0.5, 0, 20).tolist())
    >>> bool(measuring.psnr(sampler(holes(truth), holes, seed=1), truth) > 30)
    True
    """

    def __init__(self, prior: LearnedPrior) -> None:
        super().__init__()
        self.learned = prior
        self._channels = ByChannel(prior)

    def forward(self, x: Tensor, sigma: float | Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """x - sigma^2 grad_x R(x, log sigma): (N, C, H, W)."""
        sigma = _checked(sigma, x, 0.0, self.learned.sigma_max)
        score = self._channels.score(x, sigma.clamp(min=self.learned.sigma_min).log())
        return x - sigma.square().to(score).reshape(-1, 1, 1, 1) * score


def _checked(sigma: float | Tensor, x: Tensor, sigma_min: float, sigma_max: float) -> Tensor:
    """sigma of images (N, C, H, W) as a tensor, () or (N,), if all of it lies in the range."""
    sigma = torch.as_tensor(checks.per_image(sigma, len(x), "sigma"), dtype=torch.float64)
    for end in sigma.detach().aminmax():
        check_sigma(end.item(), sigma_min, sigma_max)
    return sigma.flatten() if sigma.numel() > 1 else sigma.reshape(())
