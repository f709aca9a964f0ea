"""The controls of what is restored: an image and its degradation (a `Scene`); "Maps" and "Inside the prior" share some."""

import math
from dataclasses import replace
from typing import Any

import streamlit as st

from app.boxes import boxes_of_link
from app.ranges import RANGES, beyond_told, level_key, setting_key
from app.scenes import MARKED, Scene, Upload
from app.session import in_url, whole_in_url
from app.uploads import upload_control, with_levels
from gnc_core import images
from gnc_core.problems import TASKS, Problem

OWN, OWN_MASK = "Upload an image", "Uploaded mask"


MASKS = {"Random pixels": "random", "Text overlay": "text", "Boxes": "boxes", OWN_MASK: "upload"}
MARKED_MASK = "As marked in the file"  # for files that came degraded
Data = tuple[bytes | None, bytes | None]


def scene_controls() -> tuple[Scene | None, Data]:
    """The image and its degradation, and the bytes of an uploaded image and mask; None until both are there."""
    st.subheader("Image")
    source, image_data, degraded = image_controls()
    longest = side_control()
    color = st.toggle(
        "Colour", False, **in_url("color"),
        help="Restore luminance and chrominance, each as a grey image with the noise that it has (without noise, the three "
        "channels). Off: the image is converted to grey.",
    )  # fmt: skip
    st.subheader("Degradation")
    kind = task_control()
    picture_only = Scene(source or "", longest, color, degraded, kind.name)
    if not kind.takes_mask:
        scene = replace(
            picture_only,
            level=level_control(kind),
            setting=setting_control(kind),
            seed=None if degraded else seed_control(),
            as_file=not degraded and kind.in_files and file_control(),
        )
        return (scene if source else None), (image_data, None)
    mask, mask_data, settings = mask_controls(kind, degraded)
    scene = replace(picture_only, mask=mask, setting=setting_control(kind), **settings)
    return (scene if source and mask else None), (image_data, mask_data)


def image_controls() -> tuple[str | Upload | None, bytes | None, bool]:
    """A sample's name or an upload, its bytes, and whether it came degraded."""
    source, data, own = source_control()
    if not own:
        return source, data, False
    state = st.radio(
        "The file is", ["clean", "degraded"], horizontal=True, **in_url("file"),
        help="Clean: this page degrades it and measures PSNR and SSIM. Degraded: it is the observation itself, and "
        "is restored as it is.",
    )  # fmt: skip
    return source, data, state == "degraded"


def source_control() -> tuple[str | Upload | None, bytes | None, bool]:
    """A sample's name or an upload, its bytes, and whether it is an upload."""
    name = st.selectbox(
        "Source", [*images.sample_images(), OWN], **in_url("image"),
        help="Freely licensed photographs that come with scikit-image, or an image of your own.",
    )  # fmt: skip
    if name != OWN:
        return name, None, False
    upload, data = upload_control("Image file", "image-file", "PNG, TIFF, PGM or PPM of 8 or 16 bits, JPEG, WebP, BMP, GIF, "
                                  "or .npy with floats in [0, 1], not clipped; at most 16 megapixels.")  # fmt: skip
    return (None if upload is None else with_levels(upload, data)), data, True


def side_control() -> int:
    return int(st.slider(
        "Longest side", 64, 1024, 512, 32, format="%d px", **in_url("side"),
        help="Larger clean images are scaled down to this, so that a step stays quick. Degraded uploads are cropped "
        "to their middle instead: scaling would change the statistics of their noise.",
    ))  # fmt: skip


def task_control() -> type[Problem]:
    kinds = {kind.title: kind for kind in TASKS.values()}
    return kinds[st.selectbox(
        "Task", list(kinds), **in_url("task"),
        help="Denoise: D(x) = |x − z|² / (2 σₙ²). Inpaint: x equals the observation wherever a pixel is known, or is near it "
        "where known pixels are noisy. Deblur, super-resolution, MRI, tomography: D(x) = |A x − z|² / (2 σₙ²). Photon counts: "
        "Poisson's likelihood. The prior is the same for all: it was learned without any task.",
    )]  # fmt: skip


def setting_control(task: type[Problem]) -> str:
    """What else degrades, such as a kernel; "" where nothing does."""
    if task.setting is None:
        return ""
    name = task.setting.name
    return str(st.selectbox(
        name[0].upper() + name[1:], list(task.setting.usual), **in_url(setting_key(task)), help=task.setting.help,
    ))  # fmt: skip


def level_control(task: type[Problem]) -> float:
    level = task.kind_of_level
    key = level_key(task)
    beyond_told(key, level)
    digits = max(3, -math.floor(math.log10(level.usual[3])))
    return st.slider(
        *RANGES[key], *level.usual[2:], format=f"%.{digits}f", **in_url(key),
        help=f"{level.help} For a degraded upload: the level that it is taken to have.",
    )  # fmt: skip


def file_control() -> bool:
    return st.toggle(
        "As a file would hold it", True, **in_url("as-file"),
        help="Noise beyond black and white is cut off, and values are rounded to 8 bits, as in every PNG or JPEG; the "
        "data term knows it. Off: floats, as in the literature.",
    )  # fmt: skip


def mask_controls(task: type[Problem], degraded: bool) -> tuple[str | Upload | None, bytes | None, dict[str, Any]]:
    """The kind of mask or the uploaded one, its bytes, and the settings that belong to it."""
    kinds = MASKS | ({MARKED_MASK: MARKED} if degraded else {})
    kind = kinds[st.selectbox(
        "Missing pixels", list(kinds), **in_url("mask"),
        help="Which pixels are unknown; all others are taken to be exact. A degraded file may mark them itself: by NaN in .npy, "
        "or by transparency of more than a half.",
    )]  # fmt: skip
    if kind == "random":
        return kind, None, {"level": level_control(task), "seed": seed_control()}
    if kind == "text":
        text = st.text_input(
            "Text", "Graduated non-convexity", max_chars=200, **in_url("text"),
            help="Repeated over the image; the pixels below its letters are missing.",
        )  # fmt: skip
        return kind, None, {"text": text}
    if kind == MARKED:
        return kind, None, {}
    if kind == "boxes":
        return kind, None, {"boxes": boxes_of_link()}  # `boxes.box_editor` shows them beside the image
    upload, data = upload_control("Mask file", "mask-file", "White where a pixel is known, black where it is missing; "
                                  "of the size of the image file. Any image format, or .npy (bool or 0 and 1).")  # fmt: skip
    return upload, data, {}


def seed_control() -> int:
    return int(st.number_input(
        "Seed", 0, 2**31 - 1, 0, **whole_in_url("seed"),
        help="Of the random generator that draws the noise or the missing pixels: the same seed, the same image.",
    ))  # fmt: skip
