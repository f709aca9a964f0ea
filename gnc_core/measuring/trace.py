"""The trace of a restoration: energy, PSNR and SSIM after every step, as a table and as CSV."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Iterator
from dataclasses import astuple, dataclass, field, fields

import torch
from torch import Tensor

from gnc_core.restoration.schemes import Step

from .metrics import psnr, ssim


@dataclass(frozen=True)
class TraceRow:
    """One step, 0 before the first. sigma: mean over the images, in units of [0, 1], that of the first step for step 0.
    energy: D(x) + R(x, log sigma_min), summed over the images. psnr (dB) and ssim, means over the images, are None without a
    truth; milliseconds is None for step 0.

    >>> row = TraceRow(step=0, sigma=0.1, energy=-1000.0, psnr=20.0, ssim=0.3, milliseconds=None)
    >>> row.psnr
    20.0
    """

    step: int
    sigma: float
    energy: float
    psnr: float | None
    ssim: float | None
    milliseconds: float | None


@dataclass(eq=False)
class Trace:
    """A row a step; `truth` is (N, C, H, W) on the CPU, or None where it is unknown.

    >>> from gnc_core import images, problems, zoo
    >>> from gnc_core.restoration import Flow
    >>> truth = images.load_sample("Cat")[..., :32, :32]
    >>> problem, trace = problems.Denoising.degrade(truth, 0.1, seed=0), Trace(truth)
    >>> for step, seconds in timed(Flow([0.1, 0.03, 0.01]).run(zoo.load("foe-l1"), problem)):
    ...     trace.rows += trace.rows_of(step, seconds, problem.initial())
    >>> trace.column("step"), trace.to_csv().partition(",psnr")[0]
    ([0, 1, 2, 3], 'step,sigma,energy')
    """

    truth: Tensor | None
    rows: list[TraceRow] = field(default_factory=list)

    def rows_of(self, step: Step, seconds: float, initial: Tensor) -> list[TraceRow]:
        """What `step` adds to the table: its row, and before the first one that of the `initial` image, step 0."""
        sigma = step.sigma.mean().item()
        begin = [self.row(0, sigma, initial, step.energy_of(initial), None)] if step.index == 1 else []
        return [*begin, self.row(step.index, sigma, step.image, step.energy, seconds)]

    def row(self, index: int, sigma: float, image: Tensor, energy: Tensor, seconds: float | None) -> TraceRow:
        """The row of an image, (N, C, H, W), and its energies, (N,)."""
        image = image.cpu()
        return TraceRow(
            step=index,
            sigma=sigma,
            energy=energy.sum().item(),
            psnr=None if self.truth is None else psnr(image, self.truth).mean().item(),
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
        writer.writerow([column.name for column in fields(TraceRow)])
        writer.writerows(astuple(row) for row in self.rows)
        return buffer.getvalue()


def timed(steps: Iterator[Step]) -> Iterator[tuple[Step, float]]:
    """Each step with the seconds that it took, until the device was done with it.

    >>> from gnc_core import images, problems, zoo
    >>> from gnc_core.restoration import Flow
    >>> problem = problems.Denoising.degrade(images.load_sample("Cat")[..., :32, :32], 0.1, seed=0)
    >>> [(step.index, seconds > 0) for step, seconds in timed(Flow([0.1, 0.01]).run(zoo.load("foe-l1"), problem))]
    [(1, True), (2, True)]
    """
    while True:
        begin = time.perf_counter()
        step = next(steps, None)
        if step is None:
            return
        if step.image.is_cuda:
            torch.cuda.synchronize(step.image.device)
        yield step, time.perf_counter() - begin
