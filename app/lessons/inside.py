"""What the page "Inside the prior" teaches."""

from app.lessons import Experiments, Lesson

KERNEL, RESPONSE, CURVATURE, CONVEXITY = "One kernel", "On the image", "Curvature", "Convexity"
SURGERY, TRAINING = "Surgery", "Training"
HANDLES = ["bend1", "bend2", "bend3", "bend4", "bend5"]  # the keys of their sliders
PRIOR = "foe-l1-convex"  # that the experiments are about
TEXT = ""
EXPERIMENTS: Experiments = {}
LESSON = Lesson(TEXT, EXPERIMENTS)
