"""The texts of the page "One dimension"."""

from app.lessons import Lesson

PRESET_TEXTS = {
    "Five components": "From σ₀ = 0.5 on, 32 steps attain the global minimum from everywhere; right at the exact "
    "threshold it takes about 80. Start at σ₀ = 0.1 and most starts are trapped nearby, in any number of steps.",
    "Very many steps": "Two narrow, almost equally heavy components at the edges: near the threshold the energy is "
    "nearly flat. From σ₀ = 1 about 320 steps are needed; from σ₀ = 0.86, just above it, 512 help hardly more than half.",
    "GNC fails": "The deepest well is narrow, but most of the mass is wide and elsewhere: the "
    "minimum of the convex energy leads away from it. From σ₀ ≥ 1 no start attains it, in no number of steps.",
    "Dirac components": "An empirical measure (standard deviation 0): the energy is convex for "
    "every σ ≥ D/2, whatever the weights.",
}
TEXT = """
Smoothing a density enough makes its energy E(x, σ) = −log (p ∗ N(0, σ²))(x) convex (method, section 1). The **GNC flow**,
x ← x − σ² ∇E(x, σ) with σ going down, is meant to start there and to follow the minimum. Press *Play* to watch it; below, the
share of starts that attain the global minimum, over σ₀ and the number of steps, and the smallest curvature over x.
"""
LESSON = Lesson(TEXT, {
    "Start convex": (
        {"mixture": "Five components", "sigma0": 0.5, "steps": 32},
        "Above the exact threshold, 0.386: all starts attain the global minimum.",
    ),
    "Start too low": (
        {"mixture": "Five components", "sigma0": 0.1, "steps": 256},
        "Most starts are trapped nearby, though there are 256 steps: fewer than a third attain the global minimum.",
    ),
    "Where it fails": (
        {"mixture": "GNC fails", "sigma0": 1.0, "steps": 256},
        "Convex at the start, many steps, and no start attains the global minimum: the smoothed minimum leads away from it.",
    ),
})  # fmt: skip
