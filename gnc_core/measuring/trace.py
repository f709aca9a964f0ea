"""The trace of a restoration: energy, PSNR and SSIM after every step, as a table and as CSV."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Iterator
from dataclasses import astuple, dataclass, field, fields, replace

import torch
from torch import Tensor

from gnc_core import checks
from gnc_core.errors import InputError
from gnc_core.restoration.schemes import Step

from .metrics import psnr, ssim


@dataclass(frozen=True)
class Row:
    """One step. sigma: mean over the channels, in units of [0, 1]. energy: D(x) + R(x, log sigma_min), summed over
    the channels. psnr (dB, over all channels) and ssim are None without a truth; milliseconds is None for step 0."""

    step: int
    sigma: float
    energy: float
    psnr: float | None
    ssim: float | None
    milliseconds: float | None


@dataclass(eq=False)
class Trace:
    """A row a step; `truth` is (N, 1, H, W) on the CPU, or None where it is unknown."""

    truth: Tensor | None
    rows: list[Row] = field(default_factory=list)

    def rows_of(self, step: Step, seconds: float, initial: Tensor) -> list[Row]:
        """What `step` adds to the table: its row, and before the first one that of the `initial` image, step 0."""
        begin = [self.measure(replace(step, index=0, image=initial))] if step.index == 1 else []
        return [*begin, self.measure(step, seconds)]

    def measure(self, step: Step, seconds: float | None = None) -> Row:
        """The row of `step`, which took `seconds`."""
        sigma = (
            sum(step.sigma) / len(step.sigma) if isinstance(step.sigma, list) else checks.number(step.sigma, "sigma")
        )
        image = step.image.cpu()
        return Row(
            step=step.index,
            sigma=sigma,
            energy=step.energy.sum().item(),
            psnr=None if self.truth is None else whole_psnr(image, self.truth),
            ssim=None if self.truth is None else ssim(image, self.truth).mean().item(),
            milliseconds=None if seconds is None else 1e3 * seconds,
        )

    def column(self, name: str) -> list:
        """One field of all rows."""
        return [getattr(row, name) for row in self.rows]

    def milliseconds_a_step(self) -> float | None:
        """The median over the steps so far: the first one also warms up. None before the first."""
        times = sorted(value for value in self.column("milliseconds") if value is not None)
        return times[len(times) // 2] if times else None

    def to_csv(self) -> str:
        """The table with a header; unknown values are empty."""
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow([column.name for column in fields(Row)])
        writer.writerows(astuple(row) for row in self.rows)
        return buffer.getvalue()


def timed(steps: Iterator[Step]) -> Iterator[tuple[Step, float]]:
    """Each step with the seconds that it took, until the device was done with it."""
    while True:
        begin = time.perf_counter()
        step = next(steps, None)
        if step is None:
            return
        if step.image.is_cuda:
            torch.cuda.synchronize(step.image.device)
        yield step, time.perf_counter() - begin


def whole_psnr(image: Tensor, truth: Tensor) -> float:
    """PSNR in dB over all channels (3, 1, H, W) together. Raises `InputError` as `metrics.psnr`."""
    for x in (image, truth):
        checks.check_image(x)
    if image.shape != truth.shape:
        raise InputError(f"The image {tuple(image.shape)} and the truth {tuple(truth.shape)} differ in shape.")
    shape = (1, 1, -1, image.shape[-1])
    return psnr(image.reshape(shape), truth.reshape(shape)).item()
