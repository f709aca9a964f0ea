"""What `restore denoise` does with a prior that was learned from noisy images alone: Tweedie's formula."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gnc_core import measuring, problems, zoo
from gnc_core.choices import SchemeChoice
from gnc_core.errors import InputError

from .restoring import Paths, Restoration, check_truth

if TYPE_CHECKING:
    from torch import Tensor

    from gnc_core.images import Photo
    from gnc_core.learning.noise2score import Noise
    from gnc_core.measuring import Trace


@dataclass(frozen=True)
class FromNoisy(Restoration):
    """As `Restoration`. noise: what is in the images, or is put there to `simulate`; None: it is estimated."""

    noise: Noise | None

    def __post_init__(self) -> None:
        from gnc_core.learning import noise2score

        learned = zoo.learned_from(self.prior_name).partition(":")[0]
        if self.task != "denoise" or self.choice != SchemeChoice(blind=self.choice.blind) or self.masked:
            raise InputError(
                f"{self.prior_name} was learned from noisy images: it denoises, in one step, without a scheme or a mask."
            )
        given = [name for name, level in self.levels.items() if level is not None]
        if given and (given != ["noise_std"] or self.noise or self.choice.blind):
            raise InputError(
                f"--{given[0].replace('_', '-')} is one level too many; --noisy says the noise, or nothing."
            )
        if level := self.levels["noise_std"]:
            object.__setattr__(self, "noise", noise2score.Gaussian(level))
        if self.start is not None:
            raise InputError("--start belongs to inpainting.")
        if self.noise and self.noise.name != learned:
            raise InputError(f"{self.prior_name} was learned from {learned} noise, not from {self.noise.name} noise.")
        if self.simulate and not self.noise:
            raise InputError(
                f"--simulate needs to know the noise: give --noisy, such as {noise2score.EXAMPLES[learned]}."
            )

    @property
    def blind(self) -> bool:
        return self.noise is None or self.choice.blind

    def _one(
        self, photo: Photo, truth: Tensor | None, paths: Paths, seed: int, bar: bool
    ) -> tuple[Tensor, dict[str, Any], Trace]:
        from gnc_core.learning import noise2score

        y = photo.image
        if self.simulate and self.noise:
            y = self.noise.degrade(y, seed)
            y = problems.in_a_file(y) if self.as_file else y
        check_truth(paths, truth, y)
        begin, given = time.perf_counter(), y.to(self.device)
        learned = noise2score.kind(zoo.learned_from(self.prior_name))
        noise = noise2score.estimate(self.prior, learned, given) if self.blind or not self.noise else self.noise
        restored = noise2score.restore(self.prior, noise, given).cpu()
        row: dict[str, Any] = {"noise": noise.text, "level": noise.level, "scheme": "tweedie", "steps": 1}
        row["seconds"] = round(time.perf_counter() - begin, 4)
        if truth is not None:
            for key, image in (("", restored), ("_degraded", y)):
                row[f"psnr{key}"] = measuring.psnr(image, truth).item()
                row[f"ssim{key}"] = measuring.ssim(image, truth).mean().item()
        return restored, row, measuring.Trace(truth)
