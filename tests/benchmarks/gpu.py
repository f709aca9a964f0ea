"""Prints how far the splines and a score step are from the limits of this machine's GPU; exits with 1 if a row misses its target.

Run by hand on an idle machine with an NVIDIA GPU: `python tests/benchmarks/gpu.py`. Times are medians by the device's own events
after a warm-up; every ratio is of two times measured in one run. The images have the size and the number of BSDS68.
"""

import statistics
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[2]))

from gnc_core.measuring.benchmark import Timing
from gnc_core.prior.fields_of_experts import FieldsOfExperts
from gnc_core.problems import Denoising
from gnc_core.restoration import schedules
from gnc_core.restoration.schemes import Flow, image_step

SIZES = [(40, 321, 481), (28, 481, 321)]  # images, height, width; how many of the 68 stand upright hardly matters
CHANNELS, NOISE, STEPS = 48, 0.1, 10
REPEATS, WARM_UP = 20, 3


def milliseconds(function: Callable[[], object]) -> float:
    """The median time of a call on the device, after a warm-up."""
    for _ in range(WARM_UP):
        function()
    pairs = [[torch.cuda.Event(enable_timing=True) for _ in range(2)] for _ in range(REPEATS)]
    for start, end in pairs:
        start.record()
        function()
        end.record()
    torch.cuda.synchronize()
    return statistics.median(start.elapsed_time(end) for start, end in pairs)


def captured(function: Callable[[], object]) -> Callable[[], None]:
    """The same work as one CUDA graph."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(WARM_UP):
            function()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        function()
    return graph.replay


def tf32(allowed: bool) -> None:
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = allowed


# --- the splines' passes ----------------------------------------------------------------------------------------------


def spline_timings() -> Iterator[Timing]:
    """Every pass against a copy that moves as many bytes, on features as they are and spread over the whole grid."""
    from gnc_core.prior.splines import gpu

    count, height, width = SIZES[0]
    potential = FieldsOfExperts(1).potential.cuda()
    grid = potential.u
    u = torch.empty(count * CHANNELS, height * width, device="cuda")
    g, h, out, out2 = torch.randn_like(u), torch.randn_like(u), torch.empty_like(u), torch.empty_like(u)
    table = potential.table(torch.full((count,), -2.0, device="cuda")).detach().flatten(0, 1).mT.contiguous()
    identity = torch.zeros_like(table)  # in place, features stay what they are
    identity[:, 0] = grid.low + grid.spacing * torch.arange(-1, grid.knots + 1, device="cuda")
    identity[:, 1] = grid.spacing
    sums = torch.zeros(len(u), 5, grid.knots + 2, dtype=torch.float64, device="cuda")
    at = u, 1 / grid.spacing, 1 - grid.low / grid.spacing
    copy = milliseconds(lambda: out.copy_(u))  # reads and writes one tensor
    print(f"a copy of {u.nbytes / 1e9:.2f} GB on the device: {2 * u.nbytes / copy / 1e6:.0f} GB/s\n")
    passes: list[tuple[str, int, Callable[[], None]]] = [  # name, tensors read and written, call
        ("values", 2, lambda: gpu.values(table, *at, out)),
        ("values in place", 2, lambda: gpu.values(identity, *at, u)),
        ("values and derivatives", 3, lambda: gpu.values_and_derivatives(table, *at, out, out2)),
        ("moments", 2, lambda: gpu.moments(g, *at, sums)),
        ("adjoint of values", 3, lambda: gpu.adjoint_of_values(table, *at, g, out, sums)),
        (
            "adjoint of values and derivatives",
            4,
            lambda: gpu.adjoint_of_values_and_derivatives(table, *at, g, h, out, sums),
        ),
    ]
    for spread, fill in (("features of 0.2", lambda: u.normal_(0, 0.2)), ("whole grid", lambda: u.uniform_(-3.5, 3.5))):
        for name, tensors, function in passes:
            fill()
            target = 1 / 0.7 if spread != "whole grid" else None
            time = milliseconds(function)
            rate = f"{tensors * u.nbytes / time / 1e6:.0f} GB/s"
            yield Timing(
                f"spline {name}, {spread} ({rate}) : a copy of as many bytes", time, copy * tensors / 2, target
            )


# --- score steps ------------------------------------------------------------------------------------------------------


def score_timings() -> Iterator[Timing]:
    """A score step for all images, against its convolutions alone and its operations at a large matrix product's rate."""
    a = torch.rand(8192, 8192, device="cuda")
    images = [torch.rand(n, 1, height, width, device="cuda") for n, height, width in SIZES]
    smoothing = [torch.full((len(x),), -2.0, device="cuda") for x in images]
    for layers, target in ((1, 1.3), (3, 1.15)):
        prior = FieldsOfExperts(layers).cuda().requires_grad_(False)

        def step(prior: FieldsOfExperts = prior) -> list[Tensor]:
            return [prior.score(x, s) for x, s in zip(images, smoothing, strict=True)]

        for allowed in (False, True):
            tf32(allowed)
            kind = f"L = {layers}, {'TF32' if allowed else 'float32'}"
            product = milliseconds(lambda: a @ a) / (2 * len(a) ** 3)  # an operation
            alone = min(
                milliseconds(lambda p=prior, f=layout: convolutions(p, f))
                for layout in (torch.contiguous_format, torch.channels_last)
            )
            time, graph = milliseconds(step), milliseconds(captured(step))
            # float32 is what is used; TF32 shows what it would bring
            yield Timing(f"score step, {kind} : its convolutions alone", time, alone, None if allowed else target)
            yield Timing(f"score step in a CUDA graph, {kind} : its convolutions alone", graph, alone)
            yield Timing(
                f"score step, {kind} : its {operations(layers) / 1e12:.2f} TFLOP at the matrix product's rate",
                time,
                product * operations(layers),
            )
    tf32(False)


def operations(layers: int) -> float:
    """Of a score step for all images: K_1, ..., K_L and their adjoints."""
    pixels = sum(n * height * width for n, height, width in SIZES)
    return 4 * pixels * CHANNELS * (49 + 9 * CHANNELS * (layers - 1))


def convolutions(prior: FieldsOfExperts, layout: torch.memory_format) -> None:
    """The convolutions of a score step for all images, and nothing else."""
    kernels = [k.contiguous(memory_format=layout) for k in prior.kernels()]
    reach = 2 * prior.padding
    for n, height, width in SIZES:
        h = torch.rand(n, 1, height + reach, width + reach, device="cuda").contiguous(memory_format=layout)
        for kernel in kernels:
            h = F.conv2d(h, kernel)
        for kernel in reversed(kernels):
            h = F.conv_transpose2d(h, kernel)


# --- a whole restoration ----------------------------------------------------------------------------------------------


def restoration_timings() -> Iterator[Timing]:
    """All images denoised in 10 steps with L = 3, from host memory to host memory, against one second."""
    prior = FieldsOfExperts(3).cuda().requires_grad_(False)
    noisy = [torch.rand(n, 1, height, width).pin_memory() for n, height, width in SIZES]
    schedule = schedules.linear(NOISE, prior.sigma_min, STEPS)

    def restore() -> None:
        for z in noisy:
            *_, last = Flow(schedule).run(prior, Denoising(z.cuda(), NOISE))
            last.image.cpu()

    observations = [z.cuda() for z in noisy]
    estimates = [z.clone() for z in observations]
    problems = [Denoising(z, NOISE) for z in observations]
    sigma = torch.tensor(NOISE, device="cuda")

    def step() -> None:
        for x, problem in zip(estimates, problems, strict=True):
            x.copy_(image_step(prior, problem, x, sigma, sigma**2))

    replay = captured(step)

    def restore_by_graph() -> None:
        for x, z, host in zip(estimates, observations, noisy, strict=True):
            z.copy_(host)
            x.copy_(z)
        for value in schedule:
            sigma.fill_(value)
            replay()
        for x in estimates:
            x.cpu()

    yield Timing(f"{STEPS} steps, 68 images, L = 3 : one second", milliseconds(restore), 1000.0, 1.0)
    yield Timing("the same, a step in a CUDA graph : one second", milliseconds(restore_by_graph), 1000.0)


@torch.no_grad()
def main() -> int:
    if not torch.cuda.is_available():
        print("This benchmark needs an NVIDIA GPU, and PyTorch finds none here.", file=sys.stderr)
        return 2
    tf32(False)
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}; medians of {REPEATS}")
    missed = 0
    for timings in (spline_timings, score_timings, restoration_timings):
        print(f"{'':92} {'ms':>9} {': ms':>9} {'ratio':>8} {'target':>8}")
        for timing in timings():
            missed += timing.missed
            print(timing, flush=True)
        print()
        torch.cuda.empty_cache()
    return min(missed, 1)


if __name__ == "__main__":
    sys.exit(main())
