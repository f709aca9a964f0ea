"""What the page "Sampling" teaches."""

from app.lessons import Experiments, Lesson
from app.samplings import PLANE

MIXTURE, IMAGES, COSTS, POSTERIOR = "Mixture", "Images", "Cost", "Posterior"
PARTS = [MIXTURE, IMAGES, COSTS, POSTERIOR]
RANDOM, HOLE = "Random pixels", "A hole"
TEXT = """
Minimising finds one image; samples show which others are as likely. exp(−R(x, σ)) is a density of noisy x for each σ,
up to a factor.

*Mixture*, denoising MCMC: a Langevin step in x and a draw of σ from p(σ | x) ∝ exp(−R(x, σ)), in turns. The reverse ODE
dx/dσ = σ ∇R(x, σ) takes each state down to a sample. Shades: the joint density, by its square root; orange: the last 15 steps of
the first chain.

*Images*: the same chain on a learned R. Its steps leave the noise as large as it is, else σ, which an image tells sharply, would
only rise. Beside its samples: the ODE from noise alone. Contrast is the standard deviation of the grey values. Expect textures,
and patches of grey with edges, but no objects: these priors see small windows.

*Cost*, the error against the number of scores: the ODE (Euler, Heun) and annealed Langevin steps start from noise, σ = 10. Rank
one and exact Hessian bend their directions (Levenberg-Marquardt-Langevin). Distances are Wasserstein's, in the plane the mean
over 16 directions. A draw of σ costs 32 energies, which are not counted.

*Posterior*: images that agree with all known pixels, by Langevin steps at the flow's smoothings and the flow's step at the last
one; their mean, and their standard deviation as a map of uncertainty.
"""
WALK = {"part": MIXTURE, "moves": 200, "langevin-size": 0.5, "draw-seed": 0}
IMAGE = {
    "part": IMAGES, "prior": "foe-l1", "chain-side": 64, "wander-samples": 6, "apart": 20, "wander-size": 0.5, "draw-seed": 0,
}  # fmt: skip
GAPS = {
    "part": POSTERIOR, "prior": "foe-l1", "image": "Cat", "part-side": 64, "samples": 12, "inner": 5, "draw-seed": 0,
}  # fmt: skip
EXPERIMENTS: Experiments = {
    "One chain": (
        WALK | {"mixture": "Dirac components", "chains": 1},
        "One chain, four modes: 24 times it goes from one to another, never from below σ = 0.06. It goes up, across and down "
        "again. One chain is not yet a good sample: its distance to the density is 0.19.",
    ),
    "The well that GNC misses": (
        WALK | {"mixture": "GNC fails", "chains": 200},
        "The narrow well on the left is the deepest, and GNC from a convex energy never ends there (page *One dimension*). "
        "Chains visit both: 35 % of the samples lie on the left, as the weights say.",
    ),
    "Local, but not flat": (
        IMAGE,
        "The ODE from noise alone makes flat textures: contrast 0.07, where photographs have 0.17. Along the chain it rises from "
        "0.11 to 0.15 and more. Grey values 8 pixels apart correlate as photographs' do, with 0.45 (from noise alone 0.05), and "
        "edges are nearly as heavy-tailed: kurtosis of differences 8.8, photographs 11. Yet there is no object in it, for R sums "
        "over windows of 7 × 7 pixels. σ stays between 0.42 and 0.5, and samples 20 steps apart still correlate with 0.5.",
    ),
    "Rank one is not curvature": (
        {"part": COSTS, "density": PLANE, "drawn": 2000, "draw-seed": 0},
        "At 10 scores rank one takes Euler's error from 0.058 to 0.035. But not by curvature: with the exact Hessian in its "
        "place Euler's method gets worse, 0.034 against 0.021 at 40. With Langevin steps it is the other way round: at 40 the "
        "Hessian helps, 0.049 against 0.067, and rank one harms, 0.095. Denoising MCMC is at 6 scores where Euler is at 10.",
    ),
    "80 % missing": (
        GAPS | {"gaps": RANDOM, "missing": 0.8},
        "A sample is 2.4 dB worse than the mean of 12, in which their deviations average out. The mean does not beat the flow, "
        "28.7 against 28.9 dB. At 85 % of the missing pixels the truth is within two standard deviations of the mean; "
        "of a normal posterior it would be 95 %.",
    ),
    "A hole": (
        GAPS | {"gaps": HOLE, "hole": 24},
        "The deviation rises from 0.03 at the hole's edge to 0.055 in its middle, far from what is known. Yet the samples are "
        "too sure: only 63 % of the truth in the hole is within two standard deviations of their mean.",
    ),
}  # fmt: skip
LESSON = Lesson(TEXT, EXPERIMENTS)
