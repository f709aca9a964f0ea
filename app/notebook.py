"""A tour of the package, cell by cell (# %%), for Jupyter, VS Code or a terminal: load, restore, plot with the explorer's own
figures, fit a schedule, and add a problem of one's own. Start it where the repository is: `python -m app.notebook`.
"""

# %% Load a prior and a photograph; add noise

import plotly.io
import torch

from app.figures.restoration import Curve, comparison_figure, curves_figure
from app.figures.schedules import Line, schedules_figure
from gnc_core import images, learning, measuring, problems, zoo
from gnc_core.choices import SchemeChoice, scheme_for
from gnc_core.restoration import Flow, Learned, linear

prior = zoo.load("foe-l1")
truth = images.load_sample("Cat")[..., 60:188, 150:278]
noisy = problems.Denoising.degrade(truth, 0.1, seed=0)

# %% Restore: the GNC flow, and the prior's learned schedule

schemes = {
    "GNC flow": Flow(linear(0.1, prior.sigma_min, steps=10)),
    "learned": scheme_for(SchemeChoice(), prior, "foe-l1", noisy),
}
runs = {name: list(scheme.run(prior, noisy)) for name, scheme in schemes.items()}
quality = {name: [measuring.psnr(step.image, truth).item() for step in run] for name, run in runs.items()}
for name, values in quality.items():
    print(f"{name}: {values[-1]:.2f} dB after {len(values)} steps, {max(values):.2f} at the best")

# %% Look at the images, and at energy and PSNR over the steps

shown = {"noisy": noisy.observation, **{name: run[-1].image for name, run in runs.items()}, "clean": truth}
size = truth.shape[-1], truth.shape[-2]
plotly.io.show(comparison_figure([(name, images.to_png(image)) for name, image in shown.items()], size))

# %%

curves = []
for name, run in runs.items():
    energies, sigmas = [step.energy.item() for step in run], [step.sigma.item() for step in run]
    curves.append(Curve(name, list(range(1, len(run) + 1)), energies, quality[name], sigmas))
plotly.io.show(curves_figure(curves))

# %% Fit a schedule of three steps to a photograph

generator = torch.Generator().manual_seed(0)
patches = images.random_patches([images.load_sample("Astronaut")], 64, 8, generator)
pair = problems.Denoising.degrade(patches, 0.1, seed=1), patches
fitted = learning.fit_schedule(prior, [pair], steps=3, name="foe-l1", rounds=5)
*_, last = Learned(fitted).run(prior, noisy)
print(f"fitted, 3 steps: {measuring.psnr(last.image, truth).item():.2f} dB")
sigma, tau = torch.tensor(fitted.sigma), torch.tensor(fitted.tau)
plotly.io.show(schedules_figure([Line("fitted", sigma.numpy(), (tau / sigma**2).numpy())]))

# %% A problem of one's own: a linear operator, here a camera that shakes along the rows


def smear(x: torch.Tensor) -> torch.Tensor:
    return sum(x.roll(shift, dims=-1) for shift in range(-3, 4)) / 7


blurred = problems.add_noise(smear(truth), 0.01, seed=2)
problem = problems.LinearOperator(blurred, noise_std=0.01, operator=smear, size=tuple(truth.shape[1:]))
*_, sharp = Flow(linear(0.2, prior.sigma_min, steps=20)).run(prior, problem)
before, after = (measuring.psnr(x, truth).item() for x in (blurred, sharp.image))
print(f"shaken: {before:.2f} dB, restored: {after:.2f} dB")
plotly.io.show(
    comparison_figure([(n, images.to_png(x)) for n, x in (("shaken", blurred), ("restored", sharp.image))], size)
)
