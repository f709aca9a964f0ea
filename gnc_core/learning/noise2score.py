"""Noise2Score: images restored by a score that was learned from noisy images alone.

Denoising score matching with tiny extra noise, on images that are noisy already, learns S(y) = grad log p(y), the score of the
*noisy* density. Tweedie's formula then says what lies under the noise, in closed form; nobody needs to have seen it:

    Gaussian   y = x + sigma n             E [x | y]             = y + sigma^2 S(y)
    Poisson    y = zeta Poisson(x / zeta)  exp E [log x | y]     = (y + zeta/2) exp(zeta S(y)),    nearly
    gamma      y = x Gamma(k, mean 1)      1 / E [1 / x | y]     = k y / ((k - 1) - y S(y))

What is estimated is the posterior mean of the natural parameter of each family: of x itself, of log x and of 1/x. By Jensen's
inequality the last two lie below E [x | y], by a share of about var(log x | y)/2 and var(log x | y). "Nearly": y/zeta + 1/2
stands for the exponential of the digamma function at y/zeta + 1; it is 11 % too small at no count, 1.7 % at one, 0.2 % at four.

A prior of zero-mean kernels does not see how bright an image is, so noise that depends on brightness is no noise that it can
know. It learns therefore in a coordinate t(y) in which the standard deviation of the noise is the same everywhere, nearly:
t = y, sqrt(y + c), and log(1 + y/c) / log(1 + 1/c). The score in y follows by the chain rule from that in t, exactly:

    p(y) = p(t) t'(y),    S(y) = t'(y) S(t) + t''(y) / t'(y).

Sources: Kim & Ye, "Noise2Score: Tweedie's approach to self-supervised image denoising without clean images" (2021), for the
formulas and the choice by total variation; Kim, Kwon, Chang & Ye, "Noise distribution adaptive self-supervised image denoising
using Tweedie distribution and score matching" (2022), for levels from S(y + n) - S(y).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gnc_core import checks, problems
from gnc_core.errors import InputError
from gnc_core.images import to_float
from gnc_core.prior.base import Prior

ARCHITECTURE = {
    "sigma_min": 0.01,
    "sigma_max": 0.04,
    "knots_s": 6,
}  # the extra noise, in the unit of t: small against the noise
OFFSET = 1 / 255  # c: without it, roots and logarithms would be steep, or infinite, in the dark
BLOCK, PROBES, FLATTEST = 8, 8, 0.05  # of `estimate`: pixels a side, draws of n, share of the blocks


@dataclass(frozen=True)
class Noise(ABC):
    """A kind of noise and its level.

    Images are in units of [0, 1], (N, C, H, W). Raises `InputError` for a level that is not positive.

    >>> Gaussian(0.1), noise("poisson:0.01"), noise("gamma:10").text
    (Gaussian(level=0.1), Poisson(level=0.01), 'gamma:10')
    """

    level: float
    name: ClassVar[str]
    symbol: ClassVar[str]

    def __post_init__(self) -> None:
        words = f"The level of {self.name} noise"
        object.__setattr__(self, "level", checks.number(self.level, words, positive=True))

    @property
    def text(self) -> str:
        return f"{self.name}:{self.level:.6g}"

    @abstractmethod
    def degrade(self, x: Tensor, seed: int) -> Tensor:
        """y, one draw, the same on every device."""

    @staticmethod
    @abstractmethod
    def flat(y: Tensor) -> Tensor:
        """t(y). Raises `InputError` for negative values where the kind has none."""

    @staticmethod
    @abstractmethod
    def score(y: Tensor, of_flat: Tensor) -> Tensor:
        """S(y) from the score in t, S(t(y)): the chain rule."""

    @abstractmethod
    def restored(self, y: Tensor, score: Tensor) -> Tensor:
        """Tweedie's formula: y and S(y), of the same shape, to the estimate of x."""

    @property
    @abstractmethod
    def deviation(self) -> float:
        """Standard deviation of the noise in t, to first order, where x is large against c."""

    @classmethod
    @abstractmethod
    def of_deviation(cls, deviation: float) -> Self:
        """The noise that has this standard deviation in t."""


class Gaussian(Noise):
    """y = x + sigma n, level sigma. Tweedie: E [x | y] = y + sigma^2 S(y).

    >>> y = torch.tensor(1.0)  # of x ~ N(0, 1) and sigma = 1: y ~ N(0, 2)
    >>> Gaussian(1.0).restored(y, score=-y / 2).item()
    0.5
    """

    name, symbol = "gaussian", "σ"

    def degrade(self, x: Tensor, seed: int) -> Tensor:
        return problems.add_noise(x, self.level, seed)

    @staticmethod
    def flat(y: Tensor) -> Tensor:
        return y

    @staticmethod
    def score(y: Tensor, of_flat: Tensor) -> Tensor:
        return of_flat

    def restored(self, y: Tensor, score: Tensor) -> Tensor:
        return y + self.level**2 * score

    @property
    def deviation(self) -> float:
        return self.level

    @classmethod
    def of_deviation(cls, deviation: float) -> Self:
        return cls(deviation)


class Poisson(Noise):
    """y = zeta Poisson(x / zeta), level zeta, the gain: 1/zeta photons at white.

    With y = zeta j the likelihood is exp(j log x - x/zeta) b(j), where b(j) = zeta^-j / Gamma(j + 1). Hence d/dj log p =
    zeta S(y) = E [log x | y] + (log b)'(j), and (log b)' is -log zeta - digamma(j + 1), nearly -log(y + zeta/2).

    >>> round(Poisson(0.01).restored(torch.tensor(0.5), score=torch.tensor(0.0)).item(), 4)
    0.505
    """

    name, symbol = "poisson", "ζ"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.level >= 1:
            raise InputError(
                f"The gain of Poisson noise is the share of white that is one photon, below 1, not {self.level:g}."
            )

    def degrade(self, x: Tensor, seed: int) -> Tensor:
        return problems.Poisson.degrade(x, math.sqrt(self.level), seed).observation

    @staticmethod
    def flat(y: Tensor) -> Tensor:
        return (_not_negative(y) + OFFSET).sqrt()

    @staticmethod
    def score(y: Tensor, of_flat: Tensor) -> Tensor:
        above = _not_negative(y) + OFFSET
        return of_flat / (2 * above.sqrt()) - 1 / (2 * above)

    def restored(self, y: Tensor, score: Tensor) -> Tensor:
        return (y + self.level / 2) * (self.level * score).exp()

    @property
    def deviation(self) -> float:
        return math.sqrt(self.level) / 2  # sqrt(zeta x) dt/dy

    @classmethod
    def of_deviation(cls, deviation: float) -> Self:
        return cls(4 * deviation**2)


class Gamma(Noise):
    """y = x g, g of the gamma distribution with shape k and mean 1, level k: speckle of k looks.

    The likelihood is y^(k-1) exp(-k y / x), times what depends on x alone, so S(y) = (k - 1)/y - k E [1/x | y].
    x lies in [0, 1], so that E [1/x | y] is 1 at least; scores that say less are taken to say 1.

    >>> round(Gamma(10.0).restored(torch.tensor(0.5), score=torch.tensor(0.0)).item(), 4)  # at a mode of p(y)
    0.5556
    """

    name, symbol = "gamma", "k"

    def degrade(self, x: Tensor, seed: int) -> Tensor:
        checks.check_image(x, "The true images", finite=True)
        drawn = np.random.default_rng(checks.whole(seed, "The seed", 0)).gamma(
            self.level, 1 / self.level, tuple(x.shape)
        )
        return x * torch.from_numpy(drawn).to(x)

    @staticmethod
    def flat(y: Tensor) -> Tensor:
        return (_not_negative(y) / OFFSET).log1p() / math.log1p(1 / OFFSET)

    @staticmethod
    def score(y: Tensor, of_flat: Tensor) -> Tensor:
        return (of_flat / math.log1p(1 / OFFSET) - 1) / (_not_negative(y) + OFFSET)

    def restored(self, y: Tensor, score: Tensor) -> Tensor:
        inverse = ((self.level - 1) - y * score) / self.level  # y E [1/x | y]
        return torch.where(inverse > y, y / inverse, y.clamp(0, 1))

    @property
    def deviation(self) -> float:
        return 1 / (math.sqrt(self.level) * math.log1p(1 / OFFSET))

    @classmethod
    def of_deviation(cls, deviation: float) -> Self:
        return cls(1 / (deviation * math.log1p(1 / OFFSET)) ** 2)


KINDS: dict[str, type[Noise]] = {kind.name: kind for kind in (Gaussian, Poisson, Gamma)}
"""Kinds of noise by their names."""
EXAMPLES = {"gaussian": "gaussian:25/255", "poisson": "poisson:0.01", "gamma": "gamma:10"}


def noise(text: str) -> Noise:
    """The noise that a text says, such as gaussian:25/255, poisson:0.01 or gamma:10; raises `InputError` for any other text.

    >>> noise("gaussian:25/255").level
    0.09803921568627451
    """
    name, colon, level = text.partition(":")
    if name not in KINDS or not colon:
        raise InputError(
            f"Noise is said as gaussian:SIGMA, poisson:GAIN or gamma:SHAPE, such as gaussian:25/255, not {text!r}."
        )
    return KINDS[name](checks.said(level, f"The level of {name} noise"))


def kind(text: str) -> type[Noise]:
    """The kind of noise that a text says, with its level or without.

    >>> kind("poisson") is kind("poisson:0.01") is Poisson
    True
    """
    return KINDS[text] if text in KINDS else type(noise(text))


def observed(images: Sequence[Tensor], text: str, seed: int = 0) -> list[Tensor]:
    """What a prior learns from: t of photographs, (1, 1, H, W), that are degraded once, each by a seed of its own; or, where the
    text says no level, of those that are noisy already.

    >>> [t] = observed([torch.zeros(1, 1, 8, 8)], "poisson:0.01")  # nothing is counted
    >>> bool((t == Poisson.flat(torch.tensor(0.0))).all())
    True
    """
    found = kind(text)
    if text in KINDS:
        return [found.flat(to_float(image)) for image in images]
    degrade = noise(text).degrade
    return [found.flat(degrade(to_float(x), problems.image_seed(seed, i))) for i, x in enumerate(images)]


@torch.no_grad()
def score(prior: Prior, kind: type[Noise], y: Tensor) -> Tensor:
    """S(y) in units of y, (N, 1, H, W), of a prior learned from noisy images in t: -grad R in the middle of its smoothings.

    >>> from gnc_core.prior.fields_of_experts import FieldsOfExperts
    >>> score(FieldsOfExperts(), Poisson, torch.rand(1, 1, 16, 16)).shape
    torch.Size([1, 1, 16, 16])
    """
    return kind.score(y, -prior.score(kind.flat(y), _middle(prior)))


def restore(prior: Prior, noise: Noise, y: Tensor) -> Tensor:
    """Tweedie's formula with a prior learned from noisy images, (N, 1, H, W).

    >>> from gnc_core.prior.fields_of_experts import FieldsOfExperts
    >>> restore(FieldsOfExperts(), Gaussian(0.1), torch.rand(1, 1, 16, 16)).shape
    torch.Size([1, 1, 16, 16])
    """
    return noise.restored(y, score(prior, type(noise), y))


@torch.no_grad()
def estimate(prior: Prior, kind: type[Noise], y: Tensor, seed: int = 0) -> Noise:
    """The noise in y, (1, C, H, W), from S(t + n) - S(t) with small n: the noise is what does not change the estimate.

    In t the noise is nearly Gaussian of one standard deviation tau, and the estimate t + tau^2 S(t) follows n by (I - tau^2 A) n,
    A = -grad S. Where all noise is removed, as in flat parts of an image, that is 0, and tau^2 (S(t + n) - S(t)) = -n. Part of
    the noise always stays, in directions that belong to the image as well: A has eigenvalues near 1/tau^2 and near 0, so that the
    regression of S(t + n) - S(t) on n finds tau too large. That of n on S(t + n) - S(t) does not see what stays,

        tau^2 = <n, A n> / <A n, A n>,    exact where A^2 = A / tau^2, whatever the share of the eigenvalues that are 0;

    eigenvalues in between still raise it. So it is made in the flattest blocks of the image alone, a twentieth, where
    <n, A n> is largest. n = +-e with random signs, e the sigma of the extra noise that S was learned with; what is found is
    tau^2 + e^2. Raises `InputError` if that is less than e^2, and for more images than one.

    >>> from gnc_core.prior.fields_of_experts import FieldsOfExperts
    >>> estimate(FieldsOfExperts(), Gaussian, torch.rand(1, 1, 32, 32)).name
    'gaussian'
    """
    checks.check_single(y)
    t, s = kind.flat(y), _middle(prior)
    e = math.exp(s)
    generator = torch.Generator().manual_seed(seed)
    followed, squared = torch.zeros_like(t), torch.zeros_like(t)
    for _ in range(PROBES):
        sign = (2 * torch.randint(2, t.shape, generator=generator) - 1).to(t)
        pulled = (prior.score(t + e * sign, s) - prior.score(t - e * sign, s)) / (2 * e)  # A n / e
        followed += sign * pulled
        squared += pulled.square()
    followed, squared = (F.avg_pool2d(each, min(BLOCK, *t.shape[-2:])).flatten() for each in (followed, squared))
    flattest = followed >= followed.quantile(1 - FLATTEST)
    variance = (followed[flattest].sum() / squared[flattest].sum()).item() - e**2
    if not variance > 0:
        raise InputError("The prior sees no noise in this image; say its level.")
    return kind.of_deviation(math.sqrt(variance))


def least_total_variation(prior: Prior, noises: Sequence[Noise], y: Tensor) -> Noise:
    """Of `noises`, of one kind, the one whose estimate has the least total variation, sum |x[i+1] - x[i]| along both axes.

    >>> from gnc_core.prior.fields_of_experts import FieldsOfExperts
    >>> least_total_variation(FieldsOfExperts(), [Gaussian(0.05), Gaussian(0.1)], torch.rand(1, 1, 16, 16)).name
    'gaussian'
    """
    S = score(prior, type(noises[0]), y)
    return min(noises, key=lambda noise: _total_variation(noise.restored(y, S)))


def _middle(prior: Prior) -> float:
    """The s that S is taken at: the smaller the extra noise, the nearer its score is to S, and the worse it is learned."""
    return (math.log(prior.sigma_min) + math.log(prior.sigma_max)) / 2


def _total_variation(x: Tensor) -> float:
    return (x.diff(dim=-1).abs().sum() + x.diff(dim=-2).abs().sum()).item()


def _not_negative(y: Tensor) -> Tensor:
    if (y < 0).any():
        raise InputError(
            "Counts of photons, and speckle, are not negative; noise that is added to an image is gaussian."
        )
    return y
