"""The texts of the page "Start", and what its animation shows."""

from app.lessons import Lesson

COUNT, STEPS, SIGMA_END = 17, 40, 0.01  # of points and of steps of the animation, and where its schedule ends
# A mixture of `gnc_core.mixture.tables`, the initial smoothing, and what is to be seen.
SCENES = {
    "Smoothed first": (
        "Five components", 0.5, "From σ₀ = 0.5 there is one valley: all 17 points end in the deepest one.",
    ),
    "Hardly smoothed": (
        "Five components", 0.1, "From σ₀ = 0.1 there are several valleys: only 4 of the 17 points find the deepest.",
    ),
    "Where it fails": (
        "GNC fails", 1.0, "The deepest valley is narrow, the mass lies elsewhere: none of the 17 points finds it.",
    ),
}  # fmt: skip
SENTENCES = """
Restoring an image means to go down an energy that has many valleys, and plain descent ends in the one that it starts in.

**Graduated non-convexity** (GNC) first smooths the density of the data until its energy has a single valley, and then follows
the bottom of that valley while the smoothing σ goes down.

Here the energy is learned from images, for every σ at once, and so are schedules of σ.
"""
TEXT = """
E(x, σ) = −log (p ∗ N(0, σ²))(x), the energy of a density p that is smoothed by a Gaussian (method, section 1), above; below, the
ways of 17 points. Each of the 40 steps is x ← x − σ² ∂E/∂x, which by Tweedie's formula is the mean of what x may have been before
noise of standard deviation σ was added. Dashed: where the energy of the last step is lowest.
"""
LESSON = Lesson(TEXT, {name: ({"scene": name}, expected) for name, (_, _, expected) in SCENES.items()})
