"""The lesson of the page "Learning a score"."""

from app.lessons import Experiments, Lesson

MIXTURE, NOISY = PARTS = ["A mixture", "A noisy image"]
TEXT = """
*A mixture*: a network f(σ, x) with one hidden layer of ReLUs is to say x₀ from x = x₀ + σ ξ, ξ ~ N(0, I), by gradient descent on

E |x₀ − f(σ, x)|²,  and its score is (f(σ, x) − x) / σ².

Of all functions the posterior mean E [x₀ | x] has the least loss, and its score is ∇ log p(x, σ): Tweedie's formula. So x₀ is
a label with noise, and to learn a score is a regression with noisy labels (Han, Razaviyayn & Xu, 2024; their process
α x₀ + √h ξ with score (α f − x) / h is this one, seen at x / α, with σ² = h / α²). The first layer is trained, the signs of the
second one are fixed. The data is a mixture, so that the exact score is known.

Once the training loss is below the noise of the labels (dotted: the loss of the exact posterior mean), noise is being learned;
the error of the score has its least value early, at the star, and that is where to stop. As the width grows, the network
becomes kernel regression with its tangent kernel, whose curve is known beforehand in closed form.

*A noisy image* and nothing else: a prior of one layer learns, with tiny extra noise on the noisy image y, the score S(y) of the
noisy density; Tweedie's formula says what lies under the noise (Noise2Score, Kim & Ye, 2021):

y + σ² S(y) for Gaussian noise,  (y + ζ/2) exp(ζ S(y)) for photon counts,  k y / ((k − 1) − y S(y)) for speckle.

They are the posterior mean, nearly the geometric one and the harmonic one. The level is not told: it is what small changes n of
y say, since the noise is what does not change the result: σ² (S(y + n) − S(y)) = −n, in flat parts of the image. Counts are
learned from in the coordinate √y, speckle in log y, where the noise is the same in dark and bright parts.
"""
USUAL = {
    "learn-from": MIXTURE,
    "data": "Two clusters", "samples": 100, "units": 256, "noises": (0.2, 0.8), "descent": 4000, "learn-seed": 0,
}  # fmt: skip
FROM_NOISY = {"learn-from": NOISY, "noisy-side": 128, "noisy-descent": 200, "noisy-seed": 0}
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
    "One noisy image": (
        FROM_NOISY | {"image": "Cat", "noise-kind": "Gaussian", "gaussian-level": 0.1},
        "Nothing clean has been seen, and no other image: from 20.0 to more than 27.5 dB. The estimated σ is right to 3 %, "
        "and to be told the true one changes the result by less than 0.1 dB; twice the true one would cost more than 5 dB.",
    ),
    "Photon counts": (
        FROM_NOISY | {"image": "Coffee cup", "noise-kind": "Poisson", "poisson-level": 0.01},
        "A hundred photons at white: from 23.9 to more than 29.5 dB, and ζ is found to 10 %. Taken for Gaussian noise, which is "
        "the same in dark and bright parts, the same counts are restored more than 0.5 dB worse.",
    ),
    "Speckle": (
        FROM_NOISY | {"image": "Coffee cup", "noise-kind": "Gamma", "gamma-level": 10},
        "Ten looks: from 17.5 to more than 24 dB, and k is found to 10 %. The estimate is the harmonic posterior mean, never "
        "above the posterior mean: the restored image is darker than the noisy one, by less than 5 %.",
    ),
}
LESSON = Lesson(TEXT, EXPERIMENTS)
