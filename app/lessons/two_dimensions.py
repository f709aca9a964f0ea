"""What the page "Two dimensions" teaches."""

from app.lessons import Lesson

PRESETS = {
    "Two clusters": "14 points and 8. From σ₀ = 0.8 all starts end in the deepest well; from σ₀ = 0.1 they end in six different "
    "places.",
    "Two points": "The bound D/2 is exact: a band between the points is hatched for every σ below D/2 = 0.6.",
    "Square": "Half a side, σ = 0.6, is enough; the bound D/2 is half a diagonal, 0.849. Starts on the lines of symmetry stay on "
    "them, so that the flow from σ₀ = 0.5 has nine ends, five of which are no minima.",
    "Triangle": "The threshold is D/2 again. Yet at σ = 0.595, just below it, 1 % of the picture is hatched: what is not convex "
    "lies far outside.",
    "Ring": "At σ = 1 the energy has its one minimum in the middle, where there is no data. At σ = 0.5 the middle is a hill.",
    "GNC fails": "A tight group of 8 points is the deepest well, but 24 others have the mass: from σ₀ = 0.8 no start ends in the "
    "deepest well, from σ₀ = 0.3 some do.",
}
TEXT = """
**What is shown.** Every point is a Dirac component of the density p. Smoothed with N(0, σ² I), it has the energy
E(x, σ) = −log (p ∗ N(0, σ² I))(x), drawn here for the σ of the current step. Where the smallest eigenvalue of its Hessian is
negative, E is not convex, and the picture is hatched. The step slider runs Algorithm 1, x ← x − σᵢ² ∇E(x, σᵢ), from 81 starts;
σᵢ goes from σ₀ down to 0.05 with equal ratios. Every step leads to a mean of the points, weighted by how likely each of them is
the clean one.

**Why it becomes convex.** ∇²E = (I − Cov(μ)/σ²)/σ², with the covariance of the points under those weights. Along any direction
the points spread over at most D, the largest distance of two of them, so that this covariance is at most (D/2)²: E is convex for
every σ ≥ D/2 (the corollary, with half the paper's bound). Once E is convex it stays so for every larger σ. It is not convex for
any σ below half the longest edge of the points' convex hull, unless other points lie on that edge.
"""


def _plane(density: str, blur: float) -> dict:
    """The page with the points of a preset, at the first of 24 steps from this sigma."""
    return {"density": density, "length": 24, "plane_asked": {"blur": blur, "at": 0, "view": "contours"}}


EXPERIMENTS = {
    "One point more": (
        _plane("Two clusters", 0.6),
        "At step 0 nothing is hatched. Add a point near (0.9, −0.9). The exact threshold rises from 0.596 to about 0.70, and "
        "about 5 % of the picture is hatched, though only one point in 23 is new.",
    ),
    "Points inside": (
        _plane("Square", 0.6),
        "Add points in the middle. Wherever you put them, D/2 stays 0.849 and the exact threshold 0.600: the edges decide.",
    ),
    "Start too low": (
        _plane("Two clusters", 0.4),
        "Play the flow. σ₀ = 0.4 is below the threshold, and not all starts end in the deepest well: 62 % do, the others stay "
        "with the smaller cluster, and 128 steps lead to the same 62 %. From σ₀ = 0.8 all starts end in the deepest well.",
    ),
}
LESSON = Lesson(TEXT, EXPERIMENTS)
