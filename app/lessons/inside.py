"""What the page "Inside the prior" teaches."""

from app.lessons import Experiments, Lesson

KERNEL, RESPONSE, CURVATURE, CONVEXITY = "One kernel", "On the image", "Curvature", "Convexity"
SURGERY, TRAINING = "Surgery", "Training"
HANDLES = ["bend1", "bend2", "bend3", "bend4", "bend5"]  # the keys of their sliders
PRIOR = "foe-l1"  # that the experiments are about
TEXT = """
R(x, σ) = Σ φ(k ∗ x, σ) (method, section 2; Figure 2 of the paper): every kernel k has a function φ of its feature u = k ∗ x
*and* of the smoothing σ, both learned from photographs. Drag the slider from small σ (blue) to large σ (orange): potentials that
are sharp and not convex should widen and turn convex, which is what graduated non-convexity needs. The numbers say how far this
prior gets. With one layer the energy is convex wherever all potentials are; in priors of several layers the lower ones hold
activations, and the last one the potentials. *Surgery* works on a copy: energy, score and slope stay those of one function.
"""
UNTOUCHED = {"off": [], **dict.fromkeys(HANDLES, 0.0)}
USUAL = {"prior": PRIOR, "order": "As learned", "image": "Cat", "side": 512, "kernel": 1, "sigma": "0.108", "noise": 0.1,
         "noisy": False, **UNTOUCHED}  # fmt: skip
EXPERIMENTS: Experiments = {
    "Turning convex": (
        USUAL | {"part": CONVEXITY, "order": "σ at which they turn convex"},
        "At σ = 0.01 none of the 48 potentials is convex on the range of its features; at 0.108 five are, and from σ = 0.253 "
        "on all of them. Most wait for the very end: at 0.214, one level earlier, 11 are.",
    ),
    "The sum is earlier": (
        USUAL | {"part": CURVATURE},
        "The energy is convex at all 16 photographs from σ = 0.2 on, though only some of its potentials are there: where one "
        "bends down, others bend up more. It bends down most at σ = 0.1, where the smallest eigenvalue times σ² is −0.72; at "
        "0.01 it is −0.33.",
    ),
    "Where a potential bends down": (
        USUAL | {"part": RESPONSE, "kernel": 1},
        "Kernel 1 compares left with right. At σ = 0.108 φ″ is negative at 18% of the pixels, along edges: grey values change "
        "half as much again there as elsewhere. At σ = 0.01 that is so at 48% of them, at σ = 0.3 at next to none.",
    ),
    "The largest share": (
        USUAL | {"part": SURGERY, "kernel": 6, "off": [6]},
        "Kernel 6 has the largest share of the energy, 8.5%. Yet without it the PSNR is the same to a few hundredths of a dB: "
        "others see what it sees. Switch kernel 45 off instead: 0.8 dB are lost.",
    ),
    "Without the fine kernels": (
        USUAL | {"part": SURGERY, "off": list(range(25, 49))},
        "Without kernels 25 to 48, the finer ones, the noise stays: the PSNR is that of the noisy image. Without kernels 1 to 24 "
        "it is 1.3 dB below the untouched prior's.",
    ),
    "A hill in the middle": (
        USUAL | {"part": SURGERY, "kernel": 45, "bend3": 0.5},
        "A hill at u = 0, half as high as the potential: now the smallest features cost, and the pattern of kernel 45 comes out "
        "twice as strong. The PSNR falls by more than 6 dB, and by the untouched prior the energy is higher by 12,000.",
    ),
}
LESSON = Lesson(TEXT, EXPERIMENTS)
