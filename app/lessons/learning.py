"""The lesson of the page "Learning a score"."""

from app.lessons import Experiments, Lesson

TEXT = """
A network f(σ, x) with one hidden layer of ReLUs is to say x₀ from x = x₀ + σ ξ, ξ ~ N(0, I), by gradient descent on

E |x₀ − f(σ, x)|²,  and its score is (f(σ, x) − x) / σ².

Of all functions the posterior mean E [x₀ | x] has the least loss, and its score is ∇ log p(x, σ): Tweedie's formula. So x₀ is
a label with noise, and to learn a score is a regression with noisy labels (Han, Razaviyayn & Xu, 2024; their process
α x₀ + √h ξ with score (α f − x) / h is this one, seen at x / α, with σ² = h / α²). The first layer is trained, the signs of the
second one are fixed. The data is a mixture, so that the exact score is known.

Once the training loss is below the noise of the labels (dotted: the loss of the exact posterior mean), noise is being learned;
the error of the score has its least value early, at the star, and that is where to stop. As the width grows, the network
becomes kernel regression with its tangent kernel, whose curve is known beforehand in closed form.
"""
USUAL = {
    "data": "Two clusters", "samples": 100, "units": 256, "noises": (0.2, 0.8), "descent": 4000, "learn-seed": 0,
}  # fmt: skip
EXPERIMENTS: Experiments = {
    "Stop early": (
        USUAL,
        "Press *Start*. The error of the score is least after some 50 iterations of 4000, and at the end more than a third above "
        "that, although the training loss falls all the way, to less than half of the noise of the labels. Kernel regression "
        "ends still higher.",
    ),
    "More samples": (
        USUAL | {"samples": 400, "descent": 2000},
        "Four times as many samples: the least error is less than half of what it was, comes later, and to go on costs less than "
        "a tenth of it.",
    ),
    "A wide network": (
        USUAL | {"units": 1024, "descent": 1000},
        "At 1024 units the error stays within a tenth of kernel regression's at all iterations.",
    ),
    "A narrow network": (
        USUAL | {"units": 32, "descent": 1000},
        "At 32 units the error departs from kernel regression's by more than a tenth in the first iterations, and by more than a "
        "fifth later. Its training loss falls to 0.12, that of kernel regression to 0.02: there are too few units for the noise.",
    ),
    "More noise": (
        USUAL | {"noises": (0.5, 1.0)},
        "The labels are noisier: the dotted line is higher by more than a half. But the score is smoother, and the least error "
        "is less than a quarter of what it was.",
    ),
}
LESSON = Lesson(TEXT, EXPERIMENTS)
