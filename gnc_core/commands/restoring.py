"""What `restore` does with a file; `folders` does it with many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click
from tqdm import tqdm

from gnc_core import checks, files, images, measuring, problems, restoration, zoo
from gnc_core.choices import SCHEMES, SchemeChoice, choose_scheme, scheme_for
from gnc_core.commands import options
from gnc_core.errors import InputError
from gnc_core.problems import Inpainting, Problem

if TYPE_CHECKING:
    from torch import Tensor

    from gnc_core.images import Photo
    from gnc_core.measuring import Trace
    from gnc_core.prior import Prior
    from gnc_core.restoration import Scheme
    from gnc_core.sampling import Posterior


LANGEVIN_STEPS = 5  # at each smoothing of a schedule that samples of the posterior follow


class Paths(NamedTuple):
    """The files of one restoration: what is read, and what is written."""

    input: Path
    output: Path
    truth: Path | None = None
    mask: Path | None = None
    trace: Path | None = None


@dataclass(frozen=True)
class Restoration:
    """How files are restored, as the options of `restore` say it; see there. masked: there is a --mask.

    Raises `InputError` where the options contradict each other, whatever the files are.
    """

    task: str
    prior: Prior
    prior_name: str
    choice: SchemeChoice
    start: str | None
    levels: dict[str, float | None]
    setting: str
    masked: bool
    simulate: bool
    as_file: bool | None
    color: bool
    pages: bool
    white: float | None
    black: float | None
    seed: int
    device: str

    def __post_init__(self) -> None:
        kind = problems.task(self.task)
        given = [f"--{name.replace('_', '-')}" for name, level in self.levels.items() if level is not None]
        if self.start is not None:
            kind.check_start(self.start)
        if self.masked and not kind.takes_mask:
            raise InputError(f"--mask belongs to inpainting, not to the task {self.task}.")
        if self.masked and given:
            raise InputError(f"--mask already says what is missing; leave out {given[0]}.")
        if self.blind and not self.simulate and kind.kind_of_level.option in given:
            raise InputError(f"--blind estimates the level; leave out {kind.kind_of_level.option}.")
        if self.marked and not self.masked and given:
            raise InputError(f"{given[0]} belongs to --simulate: it degrades a clean image.")
        if not self.masked and not self.marked and (self.simulate or not self.blind):
            level = options.task_level(self.task, self.levels)
            if not self.blind:
                choose_scheme(self.choice, self.prior, self.prior_name, self.task, level, self.start, self.setting)

    @property
    def blind(self) -> bool:
        """Whether the prior estimates the level; a blind choice for another task is refused with its scheme."""
        return self.choice.blind and problems.task(self.task).blind

    @property
    def measured(self) -> bool:
        """Whether the input is no image, but what was measured in its place."""
        return not problems.task(self.task).in_files and not self.simulate

    @property
    def marked(self) -> bool:
        """Whether the input may tell which of its pixels are missing."""
        return problems.task(self.task).takes_mask and not self.simulate

    def restore(self, paths: Paths, seed: int, bar: bool = True) -> dict[str, Any]:
        """Restores one file, all its pages, and writes it; returns what is reported. bar: show the progress of one file."""
        photos = self._input(paths)
        truths = self._truths(paths, photos)
        many = len(photos) > 1
        if many and paths.trace:
            raise InputError(f"--save-trace is of one image, but {paths.input} has {len(photos)} pages.")
        restored, rows = [], []
        pages = tqdm(photos, unit="page", disable=None if bar and many else True)
        for index, (photo, truth) in enumerate(zip(pages, truths, strict=True)):
            own_seed = problems.image_seed(seed, index) if many else seed
            image, row, trace = self._one(photo, truth, paths, own_seed, bar and not many)
            restored.append(replace(photo, image=image))
            rows.append(row)
        images.write(paths.output, restored)
        if paths.trace is not None:
            files.write_bytes(paths.trace, trace.to_csv().encode())
        report = {
            "task": self.task,
            "input": str(paths.input),
            "output": str(paths.output),
            "prior": self.prior_name,
            "weights": zoo.weights_hash(self.prior_name),
            "blind": self.blind,
            "device": self.device,
            "bits": images.written_bits(paths.output, photos[0].encoding),
            "bits_of_input": photos[0].encoding.bits,
        }
        guesses = [photo.likely_white() for photo in photos]
        if self.white is None and all(guesses):
            report["likely_white"] = max(guess for guess in guesses if guess)
        return report | ({"pages": rows} if many else rows[0])

    def _one(
        self, photo: Photo, truth: Tensor | None, paths: Paths, seed: int, bar: bool
    ) -> tuple[Tensor, dict[str, Any], Trace]:
        """One image restored, its numbers, and those of its steps."""
        problem = self._problem(photo, paths.mask, seed)
        check_truth(paths, truth, problem.initial())
        return self._run(problem, truth, paths.trace is not None, bar)

    def sample(self, paths: Paths, count: int, seed: int) -> dict[str, Any]:
        """Samples of the posterior of one file: writes them beside the output, which is their mean, with their standard
        deviation; returns what is reported. They follow the flow's schedule, with Langevin's steps in place of its own."""
        from gnc_core import sampling
        from gnc_core.problems.degradations import generator

        (photo, *others) = self._input(paths)
        if others:
            raise InputError(f"--posterior is of one image, but {paths.input} has {len(others) + 1} pages.")
        (truth,) = self._truths(paths, [photo])
        problem = self._problem(photo, paths.mask, seed)
        level, how = problem.level, (self.start, self.setting)
        flow = choose_scheme(self.choice, self.prior, self.prior_name, self.task, level, *how)  # one for all channels
        posterior = posterior_along(flow, count)
        # Of another seed than the noise that --simulate adds: samples must not know it.
        states = posterior.run(self.prior, problem, generator(problems.image_seed(seed, 1)))
        x = sampling.last(iter(tqdm(states, total=posterior.steps, unit="step", disable=None))).x.cpu()
        if not x.isfinite().all():
            raise InputError(restoration.DIVERGED)
        mean, deviation = sampling.moments(x)
        beside = {"deviation": deviation} | {f"sample-{i:04d}": one[None] for i, one in enumerate(x, start=1)}
        files = {name: paths.output.with_stem(f"{paths.output.stem}-{name}") for name in beside}
        for name, image in beside.items():
            images.write(files[name], [replace(photo, image=image)])
        images.write(paths.output, [replace(photo, image=mean)])
        report = {
            "task": self.task,
            "input": str(paths.input),
            "output": str(paths.output),
            "deviation": str(files.pop("deviation")),
            "samples": [str(file) for file in files.values()],
            "prior": self.prior_name,
            "weights": zoo.weights_hash(self.prior_name),
            "device": self.device,
            "level": level,
            "steps": flow.steps,
            "scores": flow.steps * LANGEVIN_STEPS + 1,
            "mean_deviation": deviation.mean().item(),
        }
        if truth is not None:
            report["psnr"] = measuring.psnr(mean, truth).item()
            report["psnr_of_a_sample"] = measuring.psnr(x[:1], truth).item()
        return report

    def _input(self, paths: Paths) -> list[Photo]:
        """What there is to restore, which the output can hold. A measurement is no photo, but comes as one of floats."""
        if self.measured:
            return [images.Photo(images.read_measurement(paths.input), images.Encoding(0, 1))]
        photos = self._read(paths.input, gaps=self.marked)
        images.check_fits(paths.output, photos)
        for photo in photos:
            checks.check_size(photo.image, self.prior.min_size, str(paths.input))
        return photos

    def _read(self, file: Path, gaps: bool = False) -> list[Photo]:
        return images.read(file, color=self.color, gaps=gaps, white=self.white, black=self.black, pages=self.pages)

    def _truths(self, paths: Paths, photos: Sequence[Photo]) -> list[Tensor | None]:
        """The true image of each page, where they are known."""
        if paths.truth is None:
            kind = problems.task(self.task)
            return [kind.part(photo.image, self.setting) if self.simulate else None for photo in photos]
        truths = [photo.image for photo in self._read(paths.truth)]
        if len(truths) != len(photos):
            raise InputError(f"{paths.truth} has {len(truths)} pages, but the input has {len(photos)}.")
        return list(truths)

    def _problem(self, photo: Photo, mask: Path | None, seed: int) -> Problem:
        """The problem of one image, on the device."""
        kind, given = problems.task(self.task), photo.image
        clipped = photo.encoding.bits > 0 if self.as_file is None else self.as_file
        if self.masked:
            assert mask is not None
            observed = images.read_mask(mask, given.shape)
            if (given.isnan() & observed).any():
                raise InputError(f"The input has pixels that are NaN or transparent, but observed by {mask}.")
            made = Inpainting.hidden(given, observed, seed, self.setting, clipped) if self.simulate else None
            problem: Problem = made or Inpainting.known(given, observed, clipped, self.setting)
        elif self.marked:
            observed = ~given.isnan()[:, :1]
            if observed.all():
                raise InputError(
                    f"The task {self.task} needs --mask, or an input with NaN or transparency where pixels are missing, or "
                    f"--simulate with {kind.kind_of_level.option}, such as 0.5."
                )
            problem = Inpainting.known(given, observed, clipped, self.setting)
        elif self.blind and not self.simulate:
            return measuring.calibration.blind(self.prior, given.to(self.device), clipped)
        else:
            level = options.task_level(self.task, self.levels)
            if self.simulate:
                problem = kind.degrade(kind.part(given, self.setting), level, seed, clipped, self.setting)
            else:
                problem = kind.of(given, level, clipped, self.setting)
        if problem.level == 0:
            raise InputError("No pixel is missing: there is nothing to inpaint.")
        problem = problem.from_start(self.start).to(self.device)
        return measuring.calibration.blind(self.prior, problem.observation, clipped) if self.blind else problem

    def _run(
        self, problem: Problem, truth: Tensor | None, traced: bool, bar: bool
    ) -> tuple[Tensor, dict[str, Any], Trace]:
        """The restored image, on the CPU, its numbers, and those of its steps if they are to be `traced`."""
        scheme = scheme_for(self.choice, self.prior, self.prior_name, problem, self.start, self.setting)
        trace, seconds, step = measuring.Trace(truth), 0.0, None
        run = measuring.timed(scheme.run(self.prior, problem))
        for step, step_seconds in tqdm(run, total=scheme.steps, unit="step", disable=None if bar else True):
            seconds += step_seconds
            if traced:
                trace.rows += trace.rows_of(step, step_seconds, problem.initial())
        assert step is not None
        if step.diverged.any():
            raise InputError(restoration.DIVERGED)
        restored = step.image.cpu()
        row = {
            "level": problem.level,
            "scheme": scheme.name,
            "steps": scheme.steps,
            "seconds": round(seconds, 4),
            "energy": step.energy.sum().item(),
        }
        if note := problem.note(scheme.steps):
            row["note"] = note
        if truth is not None:
            for key, image in (("", restored), ("_degraded", problem.initial().cpu())):
                row[f"psnr{key}"] = measuring.psnr(image, truth).item()
                row[f"ssim{key}"] = measuring.ssim(image, truth).mean().item()
        return restored, row, trace


def posterior_along(flow: Scheme, count: int) -> Posterior:
    """Samples of a posterior that follow the schedule of the flow, with Langevin's steps in place of its own."""
    from gnc_core import sampling

    assert isinstance(flow, restoration.Flow)
    return sampling.Posterior(count, sampling.AnnealedLangevin(flow.schedule, inner=LANGEVIN_STEPS))


def check_truth(paths: Paths, truth: Tensor | None, restored: Tensor) -> None:
    """Raises `InputError` if the true image is no image like what is restored."""
    if truth is not None and truth.shape != restored.shape:
        sizes = f"({_size(truth)}) and what is restored ({_size(restored)})"
        raise InputError(f"{paths.truth} {sizes} differ in size or channels.")


def tell_notes(report: dict[str, Any]) -> None:
    """Says on standard error what there is to note about the problems (`Problem.note`), once for pages that are alike."""
    rows = report.get("pages", [report])
    for note in dict.fromkeys(row["note"] for row in rows if "note" in row):
        click.echo(f"Note: {report['input']}: {note}", err=True)


def tell_white(report: dict[str, Any]) -> None:
    """Says on standard error what white seems to be, where it seems to be another one than that of the file."""
    if guess := report.get("likely_white"):
        text = f"Note: no value in {report['input']} is above {guess}; if {guess} means white, say --white {guess}."
        click.echo(text, err=True)


def tell(report: dict[str, Any], as_json: bool, brief: bool = False) -> None:
    """Prints a report on standard output, as a JSON object on one line or in words, `brief` ones on one line."""
    if as_json:
        options.echo_json(report)
        return
    rows = report.get("pages", [report])
    described = [_words(row, report) for row in rows]
    if not brief and len(rows) > 1:
        for number, words in enumerate(described, 1):
            click.echo(f"Page {number}: {'; '.join(words)}")
    elif not brief:
        click.echo("\n".join(described[0]))
    depth, given = report["bits"], report["bits_of_input"]
    notes = [f"{depth} bits; the input has {given}"] if 0 < depth < given else []
    if len(rows) > 1:
        notes.append(f"{len(rows)} pages")
    elif brief:
        notes += described[0]
    click.echo(f"Wrote {report['output']}" + (f" ({'; '.join(notes)})" if notes else ""))


def _words(row: dict[str, Any], report: dict[str, Any]) -> list[str]:
    """What there is to say about one image."""
    if "noise" in row:
        words = [f"{'Estimated noise' if report['blind'] else 'Noise'} {row['noise']}"]
    else:
        words = [f"Estimated noise level {row['level']:.4f}"] if report["blind"] else []
    if "psnr" in row:
        words.append("PSNR {psnr_degraded:.2f} -> {psnr:.2f} dB, SSIM {ssim_degraded:.3f} -> {ssim:.3f}".format(**row))
    if "noise" in row:
        return [*words, f"Tweedie's formula in {row['seconds']:.2f} s on {report['device']}"]
    words.append(
        f"{SCHEMES[row['scheme']]}, {row['steps']} steps in {row['seconds']:.2f} s on {report['device']}, "
        f"energy {row['energy']:.6g}"
    )
    return words


def _size(image: Tensor) -> str:
    channels = image.shape[1]
    return f"{image.shape[3]} x {image.shape[2]}, {channels} channel{'s'[: channels > 1]}"


def tell_samples(report: dict[str, Any], as_json: bool) -> None:
    """Prints the report of samples on standard output, as a JSON object on one line or in words."""
    if as_json:
        options.echo_json(report)
        return
    if "psnr" in report:
        click.echo("PSNR {psnr:.2f} dB of the mean, {psnr_of_a_sample:.2f} dB of a sample".format(**report))
    click.echo(f"Wrote {report['output']}, the mean of {len(report['samples'])} samples")
    click.echo(f"Wrote {report['deviation']}, their standard deviation ({report['mean_deviation']:.4f} on average)")
    click.echo(f"Wrote {report['samples'][0]} and so on")
