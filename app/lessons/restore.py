"""What the page "Restore" teaches."""

from app.lessons import Lesson
from gnc_core.choices import SCHEMES

TEXT = """
A learned prior R(x, σ) removes noise or fills in missing pixels: the smoothing σ runs down while the image descends the energy
D(x) + R(x, σ); every step of the flow does. A step is x ← prox(x − τ ∇R(x, σ)), with the proximal map of τ D, and τ = σ² unless
it is learned (method, section 4): towards what the prior takes for the clean image, and back towards the observation. Choose on
the left, then press *Restore*.
"""
USUAL = {
    "prior": "foe-l1",
    "image": "Cameraman",
    "side": 256,
    "color": False,
    "seed": 0,
    "blind": False,
    "own-start": False,
}
NOISE = USUAL | {"task": "Denoise", "noise": 0.1, "as-file": True}
GAPS = USUAL | {
    "task": "Inpaint", "mask": "Random pixels", "missing": 0.8, "start": "Grey", "scheme": SCHEMES["flow"], "nsteps": 40,
    "own-start": True,
}  # fmt: skip
EXPERIMENTS = {
    "Lower is not better": (
        NOISE | {"scheme": SCHEMES["flow"], "nsteps": 40},
        "Press *Restore*. The PSNR is highest after 29 of 40 steps, 30.1 dB, and 29.7 dB at the end. From there the energy falls "
        "all the way: its minimum is not the best image.",
    ),
    "Four learned steps": (
        NOISE | {"scheme": SCHEMES["learned"], "nsteps": 4, "own-schedule": False},
        "Press *Restore*. The learned schedule takes four steps to 30.55 dB, more than the flow reaches at any step of 4, 10 or "
        "40. *Compare* draws the curves together.",
    ),
    "Gaps, σ too small": (
        GAPS | {"smoothing": 0.01},
        "Four of five pixels are missing and start from grey. With σ = 0.01 throughout, 40 steps end at 12.0 dB, hardly above "
        "the 11.8 dB that they start from.",
    ),
    "Gaps, graduated": (
        GAPS | {"smoothing": 0.3},
        "The same start and the same 40 steps, but σ falls from 0.3: 26.8 dB, at a third of the energy. From the "
        "harmonic fill, a much better start, the same σ lead to the same energy and PSNR: the start no longer matters.",
    ),
    "Blind": (
        NOISE | {"scheme": SCHEMES["joint"], "nsteps": 10, "blind": True},
        "Nobody tells the noise level. The prior sees 0.095 where 0.1 is true. σ begins at 0.5, and the energy alone leads it "
        "down; after ten steps the PSNR is 30.6 dB, as it is when the level is told.",
    ),
}
LESSON = Lesson(TEXT, EXPERIMENTS)
