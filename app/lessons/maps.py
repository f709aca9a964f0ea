"""The texts of the page "Maps". What they claim is about the sweeps in pretrained/sweeps/ of this prior."""

from app.lessons import Experiments, Lesson

PRIOR = "foe-l1"
TEXT = """
Figure 3 of the paper: restorations from every initial smoothing σ₀ with every number of steps, of many images (of BSDS68: the
middle 128 x 128 pixels, 32 images with one layer, 20 with three), by the GNC flow (σ falls linearly) and by joint minimisation
(σ follows the energy; method, section 4). Every one ends at an energy D(x) + R(x, σ) at the smallest σ. E\\* is the lowest of
them on an image, by any run of either scheme; a run attains it when it ends within the tolerance above it. Above, the share of
the images that do; below, the mean PSNR. The star is the highest PSNR of a scheme.
"""
LOOK_FOR = {
    "denoise": "Look where the star lies and where the lines: for denoising, the PSNR is highest **before** the lowest energy "
    "is attained. More steps lower the energy further and make the image worse.",
    "inpaint": "Look where attainment and PSNR rise: inpainting needs **enough of both**, an initial smoothing that reaches "
    "across the gaps and the steps to come down from it. Below that, runs end in a poor local minimum.",
}
DENOISE = {"maps": "Denoise, noise 0.1", "map-prior": PRIOR, "schemes": "Both", "tolerance": 1.0}
INPAINT = DENOISE | {"maps": "Inpaint, missing 0.8"}
EXPERIMENTS: Experiments = {
    "Denoise": (
        DENOISE,
        "At the stars fewer than 5 % of the images attain E\\*. Where most do, far to the right, the flow's PSNR is more than "
        "1 dB lower: the lowest energy is not the best image.",
    ),
    "Inpaint": (
        INPAINT,
        "Here both agree: where most images attain E\\* (with the flow, half of them), the PSNR is within 0.1 dB of the highest. "
        "It takes enough of both: from the smallest σ₀ even 100 steps end 2.5 dB or more below the star, and so do 8 steps from "
        "any σ₀.",
    ),
    "Where to start": (
        DENOISE,
        "Follow the column of 20 steps upwards from σ₀ = 0.108: the PSNR of joint minimisation changes by less than 0.3 dB, that "
        "of the flow by more than 1 dB. Joint minimisation finds its way down from anywhere; the flow has to be told.",
    ),
    "The last steps": (
        DENOISE | {"schemes": "GNC flow"},
        "Whether the flow attains E\\* is decided at small σ: with 8 or more steps at σ ≤ 0.02, more than half of the images do, "
        "with 5 or fewer less than a quarter, whatever σ₀ is. A larger σ₀ leaves fewer steps for the end.",
    ),
    "A generous tolerance": (
        DENOISE | {"tolerance": 10.0},
        "Within 10 % instead of 1 %, half of the images attain E\\* in at least four times as many cells, and at the stars more "
        "than 15 % do: the best images have energies near the lowest, but not the lowest.",
    ),
}
LESSON = Lesson(TEXT, EXPERIMENTS)
