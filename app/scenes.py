"""From the controls of "Restore an image" to a restoration problem: the picture, and what is done to it."""

from dataclasses import dataclass, replace
from functools import cached_property

import streamlit as st
import torch
from torch import Tensor

from gnc_core import checks, images, problems
from gnc_core.errors import InputError
from gnc_core.problems import Inpainting, Problem

Box = tuple[int, int, int, int]
MARKED = "as marked in the file"  # by NaN or transparency


@dataclass(frozen=True)
class Upload:
    """A file that the browser sent; equal to another one only if it has the same content, name, white and black.

    id: a hash of the content. What is cached for all visitors goes by it."""

    id: str
    name: str
    white: float | None = None
    black: float | None = None


@dataclass(frozen=True)
class Scene:
    """All that determines a problem; what does not matter for it is left at its default.

    source: a sample's name or an upload. degraded: the upload is the observation itself, not the truth.
    longest: longer side in pixels; clean images are scaled down to it, degraded ones cropped (scaling changes noise).
    task, level: the name of a problem, and how bad the degradation is. mask: for tasks that take one, "random" (by the level),
    "text", "boxes" (left, top, width, height), `MARKED` (of degraded uploads) or an upload. seed: of the noise or of the missing
    pixels. as_file: values at black and white are clipped, as a file would hold them.
    """

    source: str | Upload
    longest: int
    color: bool
    degraded: bool = False
    task: str = "denoise"
    level: float | None = None
    mask: str | Upload | None = None
    text: str | None = None
    boxes: tuple[Box, ...] = ()
    seed: int | None = None
    as_file: bool = False

    @property
    def title(self) -> str:
        name = self.source.name if isinstance(self.source, Upload) else self.source
        if self.level is not None:
            return f"{name}, {problems.task(self.task).words(self.level)}"
        return f"{name}, {'uploaded mask' if isinstance(self.mask, Upload) else self.mask}"


@dataclass
class Prepared:
    """A problem on the CPU, the truth that it was made from (None for images that came degraded), and how the file that it came
    from holds its values."""

    problem: Problem
    truth: Tensor | None
    encoding: images.Encoding = images.PLAIN

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        height, width = self.problem.observation.shape[-2:]
        return width, height

    @cached_property
    def truth_png(self) -> bytes | None:
        return None if self.truth is None else images.to_png(self.truth)

    @cached_property
    def degraded_png(self) -> bytes:
        return images.to_png(self.problem.observation)  # missing pixels hold 0.5


@st.cache_resource(max_entries=16, show_spinner="Reading the image …")
def picture(
    source: str | Upload, longest: int, color: bool, degraded: bool, _data: bytes | None, gaps: bool = False
) -> tuple[Tensor, tuple]:
    """The picture at the size of the page, and the (height, width) that it came with. gaps: see `images.read_image`.

    Raises `InputError` as `images.read_image`, and for an upload that is not there.
    """
    if isinstance(source, Upload):
        assert _data is not None
        levels = {"white": source.white, "black": source.black}
        image = images.read(_data, color=color, name=source.name, gaps=gaps, **levels)[0].image
    else:
        image = images.load_sample(source, color=color)
    return (images.crop_center if degraded else images.shrink)(image, longest), tuple(image.shape[-2:])


@st.cache_resource(max_entries=16, show_spinner="Reading the image …")
def encoding(upload: Upload, _data: bytes | None) -> tuple[images.Encoding, int | None]:
    """How an upload holds its values, and its likely white (see `images.Photo`); raises `InputError` as `picture`.

    What belongs to the whole file alone, its resolution and transparency, is left out."""
    assert _data is not None
    photo = images.read(_data, name=upload.name, gaps=True, white=upload.white, black=upload.black)[0]
    return replace(photo.encoding, dpi=None, alpha=None), photo.likely_white()


@st.cache_resource(max_entries=8, show_spinner=False)
def prepare(scene: Scene, _image_data: bytes | None, _mask_data: bytes | None, min_size: int) -> Prepared:
    """The problem of a scene; raises `InputError` for whatever cannot be used."""
    gaps = scene.degraded and scene.mask is not None
    image, full_size = picture(scene.source, scene.longest, scene.color, scene.degraded, _image_data, gaps)
    checks.check_size(image, min_size)
    truth = None if scene.degraded else image
    stored = encoding(scene.source, _image_data)[0] if isinstance(scene.source, Upload) else images.PLAIN
    kind = problems.task(scene.task)
    if scene.level is not None:
        made = scene.mask is not None or not scene.degraded
        if made:
            problem = kind.degrade(image, scene.level, scene.seed or 0, scene.as_file)
        else:
            problem = kind.of(image, scene.level, stored.bits > 0)
        return Prepared(problem, truth, stored)
    observed = _mask(scene, image, full_size, _mask_data)
    if bool(observed.all()):
        raise InputError("No pixel is missing: there is nothing to inpaint.")
    return Prepared(Inpainting(torch.where(observed, image, 0.5), observed), truth, stored)


def _mask(scene: Scene, image: Tensor, full_size: tuple, data: bytes | None) -> Tensor:
    """The observed pixels, bool (1, 1, H, W). An uploaded mask has the size of the file that the image came from."""
    if isinstance(scene.mask, Upload):
        assert data is not None
        observed = images.read_mask(data, full_size, name=scene.mask.name)
        observed = (images.crop_center if scene.degraded else images.shrink)(observed, scene.longest)
        return images.check_mask(observed, scene.mask.name)
    if scene.mask == MARKED:
        return _marked(image)
    if scene.mask == "text":
        return problems.text_mask(image.shape, scene.text or "")
    if not scene.boxes:
        raise InputError("There is no box yet: draw one on the image, or enter one in the table.")
    return problems.box_mask(image.shape, scene.boxes)


def _marked(image: Tensor) -> Tensor:
    """The observed pixels of an image whose missing ones are NaN."""
    observed = ~image.isnan()[:, :1]
    if bool(observed.all()):
        raise InputError(
            "The file marks no pixel that is shown as missing: NaN in .npy, or transparency of more than a half, does so."
        )
    return images.check_mask(observed, "The file")
