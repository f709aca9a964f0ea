"""The settings of "Restore an image" as a command line, and as five lines of Python."""

import io
import shlex
from dataclasses import dataclass

import numpy as np

from app.own import own_priors
from app.runs import Choice
from app.scenes import Prepared, Scene
from gnc_core import images
from gnc_core.problems import Denoising, Inpainting

IMAGE, MASK, SCHEDULE = "image.npy", "mask.npy", "schedule.json"


@dataclass(frozen=True)
class AsCode:
    """What the page does with a scene, as it is done without it. files: what the two read, by name, as this page has it."""

    scene: Scene
    choice: Choice
    prepared: Prepared

    @property
    def _seeded(self) -> bool:
        """Whether the degradation is drawn from a seed; otherwise it lies in the image or in a mask."""
        return self.scene.seed is not None

    @property
    def _masked(self) -> bool:
        return isinstance(self.prepared.problem, Inpainting) and not self._seeded

    @property
    def files(self) -> dict[str, bytes]:
        """The image that is degraded, or that came degraded, as floats in [0, 1], and the mask of one that is not drawn."""
        problem, truth = self.prepared.problem, self.prepared.truth
        image = problem.observation if truth is None else truth
        found = {IMAGE: images.encode(IMAGE, [images.Photo(image, images.PLAIN)])}
        if self._masked:
            assert isinstance(problem, Inpainting)
            buffer = io.BytesIO()
            np.save(buffer, problem.observed[0, 0].numpy())
            found[MASK] = buffer.getvalue()
        if self.choice.schedule:
            found[SCHEDULE] = self.choice.schedule.to_json().encode()
        own = own_priors().get(self.choice.prior)
        if own:
            found[f"{self.choice.prior}.zip"] = own.zipped(self.choice.prior)
        return found

    @property
    def command(self) -> str:
        scene, choice, problem = self.scene, self.choice, self.prepared.problem
        words = ["gnc", "restore", scene.task, "--input", IMAGE, "--output", "restored.png"]
        level = [problem.kind_of_level.option, repr(scene.level)]
        if self._masked:
            words += ["--mask", MASK] + ["--simulate"] * (self.prepared.truth is not None)
        elif self._seeded:
            words += ["--simulate", *level, "--seed", str(scene.seed)]
        elif not choice.blind:
            words += level
        words += [problem.setting.option, scene.setting] if problem.setting else []
        if isinstance(problem, Denoising) and problem.clipped:
            words.append("--as-file")
        words += ["--prior", choice.prior, "--scheme", choice.scheme]
        for option, value in (("--steps", choice.steps), ("--sigma0", choice.sigma0), ("--rate", choice.rate)):
            words += [] if value is None else [option, repr(value)]
        words += ["--start", choice.start] if choice.start else []
        words += ["--schedule", SCHEDULE] if choice.schedule else []
        return shlex.join(words + ["--blind"] * choice.blind + ["--color"] * scene.color)

    @property
    def python(self) -> str:
        choice, known, own = self.choice, self.prepared.truth is not None, self.choice.schedule is not None
        last = 'print(f"{measuring.psnr(last.image, x).item():.2f} dB")' if known else (
            'images.write_image("restored.png", last.image)'
        )  # fmt: skip
        return "\n".join([
            f"from gnc_core import choices, images, measuring, prior, problems, {'restoration, ' * own}zoo",
            f"R, x = prior.ByChannel(zoo.load({choice.prior!r})), {self._image()}",
            f"problem = {self._problem()}",
            f"*_, last = choices.scheme_for({self._scheme()}, R, {choice.prior!r}, problem{self._how()}).run(R, problem)",
            last,
        ])  # fmt: skip

    def _image(self) -> str:
        scene, color = self.scene, ", color=True" * self.scene.color
        if isinstance(scene.source, str):
            return f"images.shrink(images.load_sample({scene.source!r}{color}), {scene.longest})"
        return f"images.read_image({IMAGE!r}{color})"

    def _problem(self) -> str:
        scene, problem = self.scene, self.prepared.problem
        kind, start = type(problem).__name__, f".from_start({self.choice.start!r})" * bool(self.choice.start)
        if self._masked:
            mask = f"images.read_mask({MASK!r}, x.shape)"
            if scene.mask == "boxes":
                mask = f"problems.box_mask(x.shape, {[list(box) for box in scene.boxes]})"
            elif scene.mask == "text":
                mask = f"problems.text_mask(x.shape, {scene.text!r})"
            made = "hidden" if self.prepared.truth is not None else "known"
            return f"problems.{kind}.{made}(x, {mask}, setting={scene.setting!r}){start}"
        clipped = isinstance(problem, Denoising) and problem.clipped
        setting = f", setting={scene.setting!r}" if problem.setting else ""
        if self._seeded:
            filed = ", as_file=True" * (scene.as_file if problem.setting else clipped)
            x = f"problems.{kind}.part(x, {scene.setting!r})" if scene.task == "superres" else "x"
            made = f"problems.{kind}.degrade({x}, {scene.level!r}, seed={scene.seed}{filed}{setting}){start}"
        else:
            made = f"problems.{kind}.of(x, {scene.level!r}{', clipped=True' * clipped}{setting})"
        if self.choice.blind:
            seen = f"{made}.observation" if self._seeded else "x"
            return f"measuring.calibration.blind(R, {seen}{', clipped=True' * clipped})"
        return made

    def _how(self) -> str:
        """What missing pixels start from, and the setting, where they say which schemes suit."""
        start = f", start={self.choice.start!r}" if self.choice.start else ""
        return start + (f", setting={self.scene.setting!r}" if self.prepared.problem.setting else "")

    def _scheme(self) -> str:
        choice, settings = self.choice, [repr(self.choice.scheme)]
        for name in ("steps", "sigma0", "rate"):
            value = getattr(choice, name)
            settings += [] if value is None else [f"{name}={value!r}"]
        settings += [f"schedule=restoration.LearnedSchedule.load({SCHEDULE!r})"] if choice.schedule else []
        return f"choices.SchemeChoice({', '.join(settings + ['blind=True'] * choice.blind)})"
