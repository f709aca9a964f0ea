"""The texts of the page "One dimension"."""

from typing import Any

from app.lessons import Lesson

PRESET_TEXTS = {
    "Five components": "From σ₀ = 0.5 on, 32 steps attain the global minimum from everywhere; right at the exact "
    "threshold it takes about 70. Start at σ₀ = 0.1 and most starts are trapped nearby, in any number of steps.",
    "Very many steps": "Two narrow, almost equally heavy components at the edges: near the threshold the energy is "
    "nearly flat. From σ₀ = 1 about 310 steps are needed; from σ₀ = 0.86, just above it, 512 help hardly more than half.",
    "GNC fails": "The deepest well is narrow, but most of the mass is wide and elsewhere: the "
    "minimum of the convex energy leads away from it. From σ₀ ≥ 1 no start attains it, in no number of steps.",
    "Dirac components": "An empirical measure (standard deviation 0): the energy is convex for "
    "every σ ≥ D/2, whatever the weights.",
}
TEXT = """
Smoothing a density enough makes its energy E(x, σ) = −log (p ∗ N(0, σ²))(x) convex (method, section 1). The **GNC flow**,
x ← x − σ² ∇E(x, σ) with σ going down to 0.001, is meant to start there and to follow the minimum (Algorithm 1; Figure 1). Drag
the components below the plot; what moves is computed in the browser. Beside it: the share of starts that attain the global
minimum, over σ₀ and the number of steps (a click sets both), and the smallest curvature over x.

**Flow**: *Play*, or drop a start with a click. **E(x, σ)**: the same paths on the joint energy. **Schedules**: logarithmic,
linear and constant σ; the last one is plain gradient descent on E(·, σ), whose energy never rises. **One step**: −σ² E′ leads to
the mean of the posterior (Tweedie). **Quiz**: where will this start end up?
"""


def _line(mixture: str, **asked: Any) -> dict:
    """The page with the components of a preset and all at its default but for what is asked, as the component calls it."""
    return {"mixture": mixture, "line_asked": asked}


LESSON = Lesson(TEXT, {
    "Start convex": (
        _line("Five components", sigma0=0.5, steps=32),
        "Above the exact threshold, 0.386: all starts attain the global minimum.",
    ),
    "Start too low": (
        _line("Five components", sigma0=0.1, steps=256),
        "Most starts are trapped nearby, though there are 256 steps: fewer than a third attain the global minimum.",
    ),
    "Where it fails": (
        _line("GNC fails", sigma0=1.0, steps=256),
        "Convex at the start, many steps, and no start attains the global minimum: the smoothed minimum leads away from it.",
    ),
    "Schedules": (
        _line("Very many steps", view="schedules", sigma0=1.0, steps=64, step=64),
        "64 steps from σ₀ = 1: linear, all starts attain the global minimum, since most steps are spent at large σ. Logarithmic, "
        "55 % do; by gradient descent at σ = 0.05, 50 %.",
    ),
    "One step": (
        _line("Five components", view="apart", sigma0=0.5, steps=32, probe=-0.1),
        "From x = −0.1 the step at σ = 0.5 goes right, to the mean of all that may have been, 0.06. Move the slider to step 8, "
        "σ = 0.1: there it goes left, to −0.17, since the component at −0.3 now explains x better than the one at 0.2.",
    ),
})  # fmt: skip
