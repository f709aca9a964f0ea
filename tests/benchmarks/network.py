"""A whole restoration, prior and schedule as given, over a pass of a network that denoises: DnCNN (Zhang et al., 2017), 17 layers
of 64 channels, 3 x 3, in float32; one image of 481 x 321, in the same process. Run by hand on an idle machine:

    python tests/benchmarks/network.py [PRIOR ...]
"""

import sys
from pathlib import Path

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[2]))

from gnc_core import problems, zoo
from gnc_core.choices import SchemeChoice, choose_scheme
from gnc_core.measuring.benchmark import HEIGHT, WIDTH, Timing, milliseconds

LAYERS, CHANNELS, NOISE = 17, 64, 25 / 255


def dncnn() -> nn.Module:
    """Its layers, batch normalisation folded into the convolutions; what the weights are does not matter here."""
    layers: list[nn.Module] = [nn.Conv2d(1, CHANNELS, 3, padding=1), nn.ReLU(inplace=True)]
    for _ in range(LAYERS - 2):
        layers += [nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers, nn.Conv2d(CHANNELS, 1, 3, padding=1)).eval()


@torch.no_grad()
def main(names: list[str]) -> None:
    torch.manual_seed(0)
    problem, network = problems.Denoising(torch.rand(1, 1, HEIGHT, WIDTH), NOISE), dncnn()
    for name in names:
        prior = zoo.load(name)
        scheme = choose_scheme(SchemeChoice(), prior, name, "denoise", NOISE)

        def restore(prior=prior, scheme=scheme):
            for _ in scheme.run(prior, problem):
                pass

        reference = milliseconds(lambda: network(problem.initial()), repeats=7)
        print(
            Timing(
                f"{name}, {scheme.steps} steps : DnCNN, 17 layers of 64", milliseconds(restore, repeats=7), reference
            )
        )


if __name__ == "__main__":
    main(sys.argv[1:] or zoo.names())
