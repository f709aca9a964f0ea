"""What the page "Energy landscape" teaches."""

from app.landscapes import BENDING, CLEAN, MIRROR, RANDOM
from app.lessons import Lesson

PLANE, LINE = "Two directions", "One direction and σ"
CLEAN_IMAGE, NOISY = "Clean image", "Noisy image"
TEXT = """
R(x + a d + b e, σ) − min R: the learned energy (method, section 2) of images near the image x, along directions d and e of norm
one; a and b are distances, Euclidean norms of differences of images in [0, 1]. Orange: local minima. GNC starts where there is
one alone, and follows it while σ falls.
"""
USUAL = {"prior": "foe-l1", "image": "Cameraman", "crop": 64, "reach": 1.0, "grid": 17, "seed": 0, "bend": 0.02}
EXPERIMENTS = {
    "Two wells": (
        USUAL | {"view": PLANE, "centre": CLEAN_IMAGE, "first": MIRROR, "second": BENDING},
        "The photograph and its mirror image. Up to σ = 0.094 there are two wells, one near each: a mixture of two photographs "
        "is no photograph. From σ = 0.16 on there is one bowl, and its lowest point is half of the way.",
    ),
    "Random directions": (
        USUAL | {"view": PLANE, "centre": CLEAN_IMAGE, "first": RANDOM, "second": RANDOM},
        "The same image, two random directions: one minimum at every σ, even where the energy is far from convex. A random "
        "direction mixes all 4096, whose mean curvature is positive: chance does not find those along which R bends down.",
    ),
    "Ways down": (
        USUAL | {"view": LINE, "first": CLEAN, "noise": 0.1, "nsteps": 10, "smoothing": 0.3},
        "From the noisy image to the clean one. Dotted: the σ at which R is lowest. At the noisy image it is near the noise "
        "level 0.1, at the clean one below 0.02. All three schemes end more than half of the way along, at a lower R.",
    ),
}
LESSON = Lesson(TEXT, EXPERIMENTS)
