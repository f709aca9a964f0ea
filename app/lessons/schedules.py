"""What the page "Schedules" teaches."""

from app.lessons import Lesson

TEXT = """
The schedules of a prior for a task: σᵢ and cᵢ of every step, learned, logarithmic and linear. Step i is
x ← prox(x − τᵢ ∇R(x, σᵢ)), the proximal map of τᵢ w D, with τᵢ = cᵢ σᵢ² (method, sections 4 and 7); c = 1, dotted, is Tweedie's
step. The fit minimises the squared error of the last step by L-BFGS, over σ₁ ≥ σ₂ ≥ …, cᵢ in [0.1, 2], a schedule of GNC, and the
weight w of the data term, 1 for the others.
"""
USUAL = {"prior": "foe-l1", "task": "Denoise", "noise": 0.1, "nsteps": 4}
EXPERIMENTS = {
    "More noise": (
        USUAL | {"noise": 0.3},
        "The learned schedule starts higher: within a tenth of the noise level. At 0.1 it starts a quarter above it. From there "
        "its σ only falls.",
    ),
    "More steps": (
        USUAL | {"nsteps": 20},
        "With 20 steps all c of the learned schedule are below 1: many short steps. With four all but the last are above 1, "
        "longer than Tweedie's, as few steps have to reach as far.",
    ),
    "Fit one": (
        USUAL,
        "Press *Fit one now*. No round makes the PSNR worse. On the images that it is fitted to, the schedule ends above all "
        "others; the learned one, which was fitted to many other images, is next, and the logarithmic one last.",
    ),
}
LESSON = Lesson(TEXT, EXPERIMENTS)
