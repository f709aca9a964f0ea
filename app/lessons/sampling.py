"""What the page "Sampling" teaches."""

from app.lessons import Experiments, Lesson

MIXTURE, COSTS, POSTERIOR = "Mixture", "Error against scores", "Posterior"
PARTS = [MIXTURE, COSTS, POSTERIOR]
RANDOM, HOLE = "Random pixels", "A hole"
TEXT = "TODO"
EXPERIMENTS: Experiments = {}
LESSON = Lesson(TEXT, EXPERIMENTS)
