"""What a problem is: an observation z and its data term D(x), with a closed proximal map (method, section 4)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

from gnc_core import checks
from gnc_core.errors import InputError

if TYPE_CHECKING:  # what a task is, the command line says without PyTorch
    import torch
    from torch import Tensor


@dataclass(frozen=True)
class Level:
    """The number that says how bad a degradation is, and the words for it.

    name: in sentences ("noise level"). short: in titles and links ("noise"). option: on the command line ("--noise-std").
    help: what it is, with its unit. low, high: it lies between them, both excluded. example: a common one.
    unit, other: what 1 stands for, and another unit that people give it in: its largest value, and how that is written.
    usual: the lowest, highest and first value, and the step, of a control for it. fitted: the range of learned schedules.

    >>> from gnc_core.problems import Denoising
    >>> level = Denoising.kind_of_level
    >>> level.name, level.option, level.example
    ('noise level', '--noise-std', 0.1)
    """

    name: str
    short: str
    option: str
    help: str
    low: float
    high: float
    example: float
    usual: tuple[float, float, float, float]
    fitted: tuple[float, float]
    unit: str = "the image's range"
    other: tuple[float, str] = (255, "/255")

    def check(self, value: float, name: str = "") -> float:
        """`value`, if it lies in the range; raises `InputError` otherwise. `name` is what the sentence calls it.

        >>> from gnc_core.problems import Inpainting
        >>> Inpainting.kind_of_level.check(1.5, "--missing")
        Traceback (most recent call last):
        gnc_core.errors.InputError: --missing 1.5 is 1.5 times all pixels; did you mean 1.5% (0.015)?
        """
        name = name or f"The {self.name}"
        value = checks.number(value, name, positive=self.low == 0)
        checks.not_in_another_unit(value, name, self.unit, *self.other)
        if not self.low < value < self.high:
            raise InputError(f"{name} must lie between {self.low:g} and {self.high:g}, not {value:g}.")
        return value


@dataclass(frozen=True)
class Setting:
    """What else says how an image is degraded, besides the level: which kernel, which scale.

    name: in sentences ("kernel"). option: on the command line ("--kernel"). help: how it is written. usual: the values to choose
    from, the default first. name_of: their words, for people.

    >>> from gnc_core.problems import SuperResolution
    >>> SuperResolution.setting.usual
    ('2', '3', '4')
    """

    name: str
    option: str
    help: str
    usual: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Problem(ABC):
    """An observation z of a true image, and its data term D(x). Images are (N, C, H, W), nominally in [0, 1].

    What a task is stands here once, as facts of the class: its `name` and `title`, its `kind_of_level`, the number of `steps`
    that suits it, the step size `rate` of s in joint minimisation, whether the level can be told by the prior alone (`blind`),
    whether a mask describes it better than the level (`takes_mask`), what else is chosen (`setting`, such as a kernel), from what
    schemes may start, the default first, if there is a choice (`starts`), and whether image files hold what is observed
    (`in_files`; otherwise .npy files do).

    observation: z, (N, C, H, W), or whatever was measured. Raises `InputError` for what is no image.

    >>> import torch
    >>> from gnc_core.problems import TASKS
    >>> truth = torch.rand(1, 1, 8, 8)
    >>> [kind.degrade(truth, 0.25, seed=0).words(0.25) for kind in list(TASKS.values())[:2]]
    ['denoise, noise 0.25', 'inpaint, missing 0.25']
    """

    observation: Tensor
    name: ClassVar[str]
    title: ClassVar[str]
    kind_of_level: ClassVar[Level]
    steps: ClassVar[int]
    rate: ClassVar[float]
    blind: ClassVar[bool] = False
    takes_mask: ClassVar[bool] = False
    starts: ClassVar[tuple[str, ...]] = ()
    setting: ClassVar[Setting | None] = None
    in_files: ClassVar[bool] = True

    def __post_init__(self) -> None:
        checks.check_image(self.observation, "The observation")

    @classmethod
    @abstractmethod
    def degrade(cls, truth: Tensor, level: float, seed: int, as_file: bool = False, setting: str = "") -> Self:
        """The problem made of true images, (N, C, H, W), by a generator seeded with `seed`, the same on every device.

        as_file: what an image file of 8 bits would hold of it (`degradations.in_a_file`). setting: see there; "" is the default.
        Raises `InputError` for a level outside its range, and for another setting."""

    @classmethod
    @abstractmethod
    def of(cls, observation: Tensor, level: float, clipped: bool = False, setting: str = "") -> Self:
        """The problem of an observation that came degraded, `clipped` to [0, 1] or not; raises `InputError` if level and setting
        do not describe it."""

    @classmethod
    def part(cls, truth: Tensor, setting: str = "") -> Tensor:
        """The part of true images, (..., H, W), that the problem can be made of: all, or as much as sizes allow."""
        return truth

    @classmethod
    def chosen(cls, setting: str = "") -> str:
        """`setting`, or the default where it is ""; raises `InputError` where the task takes none."""
        if cls.setting is None:
            if setting:
                raise InputError(f"The task {cls.name} has nothing to be set by {setting!r}.")
            return ""
        return setting or cls.setting.usual[0]

    @classmethod
    @abstractmethod
    def first_sigma(cls, level: float, sigma_min: float, sigma_max: float, setting: str = "") -> float:
        """Where sigma starts by default, within the prior's range."""

    @classmethod
    def learned_suit(cls, setting: str = "") -> bool:
        """Whether learned schedules, which are fitted to the default setting, suit another one."""
        return True

    @classmethod
    @abstractmethod
    def lowest_sigma(cls, level: float, sigma_min: float) -> float:
        """The lowest initial smoothing that is worth trying, in a sweep."""

    @property
    @abstractmethod
    def level(self) -> float:
        """How bad the degradation is, see `kind_of_level`."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, C, H, W) of the images that are looked for."""
        return tuple(self.observation.shape)

    @property
    def shown(self) -> Tensor:
        """The observation as an image (N, C, H, W), for people."""
        return self.observation

    def pictures(self) -> dict[str, Tensor]:
        """What else there is to see of a measurement, by its title: (h, w), scaled to [0, 1]."""
        return {}

    @abstractmethod
    def initial(self) -> Tensor:
        """Where every scheme starts: (N, C, H, W)."""

    @abstractmethod
    def energy(self, x: Tensor) -> Tensor:
        """D(x) of each image: (N,)."""

    @abstractmethod
    def prox(self, v: Tensor, tau: float | Tensor) -> Tensor:
        """argmin_x D(x) + |x - v|^2 / (2 tau): (N, C, H, W), differentiable in v and tau.

        `tau` > 0 is a number, a 0-dimensional tensor, (N,), or (N, 1, 1, 1).
        """

    @classmethod
    def check_start(cls, start: str) -> str:
        """`start`, if schemes may start from it, see `starts`; raises `InputError` otherwise.

        >>> from gnc_core.problems import Denoising
        >>> Denoising.check_start("grey")
        Traceback (most recent call last):
        gnc_core.errors.InputError: The task denoise has no choice of a start; it starts from the observation.
        """
        if not cls.starts:
            raise InputError(f"The task {cls.name} has no choice of a start; it starts from the observation.")
        if start not in cls.starts:
            raise InputError(f"There is no start {start!r}; there are {', '.join(cls.starts)}.")
        return start

    def from_start(self, start: str | None) -> Self:
        """The same problem with another start, see `starts`; None leaves it as it is. Raises `InputError` as `check_start`."""
        same = start is None or self.check_start(start) == getattr(self, "start", None)
        changed: dict[str, Any] = {"start": start}
        return self if same else replace(self, **changed)

    def note(self, steps: int) -> str:
        """A sentence for whoever takes so few steps that the result stays near the start, "" for all others."""
        return ""

    def images_for(self, x: Tensor) -> int:
        """How many images there are; raises `InputError` unless x are images of the observation's size and channels, on its
        device, and as many (or one of the two is a single one)."""
        checks.check_image(x)
        count, *size = self.shape
        if list(x.shape[1:]) != size or len({len(x), count} - {1}) > 1:
            raise InputError(f"Images {tuple(x.shape)} do not fit an observation of {self.shape}.")
        if x.device != self.observation.device:
            raise InputError(f"The images are on {x.device}, but the observation is on {self.observation.device}.")
        return max(len(x), count)

    def to(self, target: str | torch.device | torch.dtype) -> Self:
        """The same problem on another device, or with another floating point type."""

        import torch

        z = self.observation
        if z.real.dtype == target if isinstance(target, torch.dtype) else z.device == torch.device(target):
            return self

        def moved(value: Tensor) -> Tensor:
            if not isinstance(target, torch.dtype) or value.is_floating_point():
                return value.to(target)
            return value.to(target.to_complex()) if value.is_complex() else value

        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(self, **{key: moved(value) for key, value in values.items() if isinstance(value, torch.Tensor)})

    @classmethod
    def stack(cls, problems: Sequence[Self]) -> Self:
        """One problem for the images of all: tensors are put together along N; everything else has to be equal."""
        import torch

        columns = {field.name: [getattr(problem, field.name) for problem in problems] for field in fields(cls)}
        for key, values in columns.items():
            if not isinstance(values[0], torch.Tensor) and any(value != values[0] for value in values):
                raise InputError(f"Problems that are solved together have the same {key}.")
        return cls(**{key: torch.cat(v) if isinstance(v[0], torch.Tensor) else v[0] for key, v in columns.items()})

    @property
    def white(self) -> bool:
        """Whether it has white noise and can be `mixed`: colours are better restored by luminance and chrominance then."""
        return False

    def mixed(self, weights: Sequence[float], offset: float) -> Self:
        """The problem of the grey images `sum_c weights_c x_c + offset` of this one's channels, whose noise is white. Raises
        `InputError` where the data term is none of such a sum."""
        raise InputError(f"The task {self.name} is restored channel by channel.")

    @classmethod
    def words(cls, level: float, setting: str = "") -> str:
        """The task, its setting and its level: "denoise, noise 0.1"."""
        named = f" {setting}" * bool(setting)
        return f"{cls.name}{named}, {cls.kind_of_level.short} {level:.4g}"


def mixture(x: Tensor, weights: Sequence[float]) -> Tensor:
    """`sum_c weights_c x_c` of the channels of (N, C, ...), as one: (N, 1, ...).

    >>> import torch
    >>> mixture(torch.tensor([[[[1.0]], [[2.0]]]]), [1, 10]).item()
    21.0
    """
    return sum(weight * x[:, c : c + 1] for c, weight in enumerate(weights))  # type: ignore[return-value]


def image_seed(seed: int, index: int) -> int:
    """The seed of image number `index` (from 0) of a set: hashed from both by numpy's SeedSequence.

    Every image thus has noise of its own, which depends neither on the images before it nor on
    how many are evaluated, and which no other `seed` repeats.

    >>> image_seed(0, 1) == image_seed(0, 1) != image_seed(1, 0)
    True
    """
    import numpy as np

    seed, index = checks.whole(seed, "The seed", 0), checks.whole(index, "The number of an image", 0)
    return int(np.random.SeedSequence([seed, index]).generate_state(1, np.uint64)[0] >> 1)
