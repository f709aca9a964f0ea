"""The lesson of the page "Training"."""

from app.lessons import Experiments, Lesson

TEXT = """
A prior R(x, σ) = Σ φ(k ∗ x, σ) is learned: kernels k, and a potential φ for each. From clean patches x, noise η ~ N(0, I) and
s = log σ, drawn from the whole range, the loss is that of joint score matching (method, section 3), with y = x + σ η:

E [ ½ |σ ∇R(y, s) − η|² + λ ( ½ (∂R/∂s)² − ∂²R/∂s² ) ] / n

The first term, which the curves show, says how well one step y − σ² ∇R(y, σ) takes the noise off: to take off none costs ½. The
second one (in its denoising form, which has less variance) makes R a density in σ, too. The PSNR is that of a photograph that
nothing learns from, with noise 0.1, after the GNC flow with the prior so far.
"""
USUAL = {
    "photos": "Sample images", "kernels": 24, "kernel-size": 5, "iterations": 400, "batch": 8, "patch": 24, "lambda": 1e-4,
    "train-seed": 0, "step-size": 0.03, "knots": 63,
}  # fmt: skip
EXPERIMENTS: Experiments = {
    "The usual run": (
        USUAL,
        "The prior starts with quadratic potentials, which denoise by 2.2 dB; 400 iterations make that 7 dB, and all but 1 dB of "
        "it is there after a quarter of them. At σ = 0.5 every potential ends as a bowl; at σ = 0.01 many have several valleys: "
        "the energy is graduated.",
    ),
    "Few small kernels": (
        USUAL | {"kernels": 8, "kernel-size": 3},
        "All 8 kernels that fit into 3 × 3 pixels: the loss ends higher, and the photograph 0.4 dB worse.",
    ),
    "A large λ": (
        USUAL | {"lambda": 0.1},
        "The second term counts: it ends at less than half of its usual value, and the first one pays for it. The photograph is "
        "0.9 dB worse.",
    ),
    "A longer run": (
        USUAL | {"iterations": 800},
        "Twice as many iterations: the validation loss goes on falling, by 5 %, but the photograph gains only 0.2 dB.",
    ),
}
LESSON = Lesson(TEXT, EXPERIMENTS)
