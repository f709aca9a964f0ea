"""How far a step is from the machine's arithmetic limit: ratios of times measured in one run.

A score step's multiplications cannot be avoided; everything else is overhead. Every row divides a time by that of what
cannot be avoided, measured in the same run, so that rows of different machines can be compared.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from gnc_core.learning.training import Settings, Trainer
from gnc_core.prior import splines, tiled
from gnc_core.prior.fields_of_experts import FieldsOfExperts
from gnc_core.prior.splines import definition

HEIGHT, WIDTH, CHANNELS = 321, 481, 48
REPEATS, WARM_UP = 20, 3


@dataclass(frozen=True)
class Timing:
    """A time over a reference, both in milliseconds, and the most that the ratio should be (None: shown only).

    >>> timing = Timing("score step", milliseconds=3.0, reference=2.0, target=1.4)
    >>> timing.ratio, timing.missed
    (1.5, True)
    """

    name: str
    milliseconds: float
    reference: float
    target: float | None = None

    @property
    def ratio(self) -> float:
        return self.milliseconds / self.reference

    @property
    def missed(self) -> bool:
        return self.target is not None and self.ratio > self.target

    def __str__(self) -> str:
        target = "" if self.target is None else f"{self.target:8.3f}{'  MISSED' if self.missed else ''}"
        return f"{self.name:92} {self.milliseconds:9.3f} {self.reference:9.3f} {self.ratio:8.3f} {target}"


def milliseconds(function: Callable[[], object], repeats: int = REPEATS) -> float:
    """The median time of a call after a warm-up.

    >>> milliseconds(lambda: None, repeats=3) < 1000
    True
    """
    for _ in range(WARM_UP):
        function()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def timings() -> Iterator[Timing]:
    """The table, row by row, on the CPU with torch's current number of threads; about two minutes on two cores."""
    a = torch.rand(2048, 2048)
    gflop_ms = milliseconds(lambda: a @ a) / (2 * 2048**3 / 1e9)  # of a large matrix product

    image = torch.rand(1, 1, HEIGHT, WIDTH)
    for layers, target in ((1, 4.0), (3, 1.4)):
        name = f"score step, L = {layers} : its {_gflop(layers):.2f} GFLOP at the matrix product's rate"
        yield Timing(name, _score_step(layers, image, bfloat16=False), gflop_ms * _gflop(layers), target)
    if tiled.BFLOAT16:
        name = "the same with hidden convolutions in bfloat16, this machine's default : the same"
        yield Timing(name, _score_step(3, image, bfloat16=True), gflop_ms * _gflop(3))

    last = FieldsOfExperts(1).potential
    u, table = 0.2 * torch.randn(1, CHANNELS, HEIGHT, WIDTH), last.table(torch.tensor([-2.0])).detach()
    copy = milliseconds(u.clone)
    fast = milliseconds(lambda: splines.value_and_derivative(table, u, last.u))
    plain = milliseconds(lambda: [definition.evaluate(table, u, last.u, order) for order in (0, 1)])
    yield Timing("spline value and derivative : one copy of the tensor", fast, copy, 5.0)
    yield Timing("the same : the plain PyTorch definition", fast, plain, 1 / 15)

    trainer = Trainer(Settings(architecture={"layers": 3}), [torch.rand(HEIGHT, WIDTH)])
    layouts = torch.contiguous_format, torch.channels_last
    convolutions = min(milliseconds(partial(_convolutions, layout)) for layout in layouts)

    yield Timing("training iteration, L = 3 : its convolutions alone", milliseconds(trainer.step), convolutions, 1.6)

    first, later = _first_and_later()
    yield Timing("first restoration in a new process, the prior loaded : a later one", first, later, 2.0)


def _score_step(layers: int, image: Tensor, bfloat16: bool) -> float:
    """Milliseconds of a score step."""
    prior, before = FieldsOfExperts(layers).requires_grad_(False), tiled.BFLOAT16
    tiled.BFLOAT16 = bfloat16
    try:
        with torch.no_grad():
            return milliseconds(partial(prior.score, image, -2.0))
    finally:
        tiled.BFLOAT16 = before


def _gflop(layers: int) -> float:
    """10^9 operations of a score step: K_1 and its adjoint, and those of the hidden layers."""
    return 4 * HEIGHT * WIDTH * CHANNELS * (49 + 9 * CHANNELS * (layers - 1)) / 1e9


def _convolutions(layout: torch.memory_format, batch: int = 8, size: int = 64) -> None:
    """The convolutions of a training iteration with L = 3, forward and backward, and nothing else."""

    def features(channels: int, size: int) -> Tensor:
        return torch.zeros(batch, channels, size, size).contiguous(memory_format=layout).requires_grad_()

    def kernel(channels: int, size: int) -> Tensor:
        return torch.ones(CHANNELS, channels, size, size).contiguous(memory_format=layout).requires_grad_()

    for first, width in ((True, size + 4), (False, size + 2), (False, size)):
        k = kernel(1, 7) if first else kernel(CHANNELS, 3)
        reach = k.shape[-1] - 1
        x = features(1 if first else CHANNELS, width + reach)
        if first:
            x = x.detach()  # no gradient of the data
        forward = F.conv2d(x, k)
        forward.backward(forward.detach())
        reverse = F.conv_transpose2d(features(CHANNELS, width), k)
        reverse.backward(reverse.detach())


_NEW_PROCESS = """
import time, torch
from gnc_core.problems import Denoising
from gnc_core.restoration import Flow
from gnc_core import zoo
from gnc_core.restoration import schedules
torch.set_num_threads({threads})
prior = zoo.load("foe-l1")
z = torch.rand(1, 1, {height}, {width})
times = []
for _ in range(6):
    start = time.perf_counter()
    for step in Flow(schedules.linear(0.1, 0.01, 10)).run(prior, Denoising(z, 0.1)):
        pass
    times.append(time.perf_counter() - start)
print(times[0], sorted(times[1:])[2])
"""


def _first_and_later() -> tuple[float, float]:
    """Milliseconds of the first restoration in a new process, its kernels compiled before, and of a later one there."""
    script = _NEW_PROCESS.format(threads=torch.get_num_threads(), height=HEIGHT, width=WIDTH)
    runs = []
    for _ in range(4):  # the first fills the cache, should it be empty
        printed = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
        runs.append([1000 * float(part) for part in printed.split()])
    first, later = zip(*runs[1:], strict=True)
    return statistics.median(first), statistics.median(later)
