"""The controls of "Restore an image": what is restored (a `Scene`) and how (a `Choice`); "Maps" shares some of them."""

from dataclasses import replace
from typing import Any

import pandas as pd
import streamlit as st

from app.figures.restoration import box_figure
from app.runs import Choice, usable_priors
from app.scenes import MARKED, Box, Scene, Upload, picture
from app.session import from_url, in_url, plain, to_url, whole_in_url
from app.uploads import upload_control, with_levels
from gnc_core import checks, images, zoo
from gnc_core.choices import SCHEMES, has_learned
from gnc_core.errors import InputError
from gnc_core.problems import TASKS, Denoising, Level, Problem
from gnc_core.restoration.schedules import MAX_STEPS

OWN, OWN_MASK = "Upload an image", "Uploaded mask"
NO_PRIOR = "There is no pretrained prior that can be used in the folder pretrained/."


def level_title(task: type[Problem]) -> str:
    name = task.kind_of_level.name
    return name[0].upper() + name[1:]


# What the controls of these keys take: their names, the least and the most.
RANGES = {
    **{kind.kind_of_level.short: (level_title(kind), *kind.kind_of_level.usual[:2]) for kind in TASKS.values()},
    "smoothing": ("Initial smoothing σ₀", 0.01, 0.5),
    "rate": ("Rate c of σ", 0.01, 1.99),
}
STARTS = {"Harmonic fill": None, "Grey": "grey"}
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
        help="Restore the three channels, each as a grey image. Off: the image is converted to grey.",
    )  # fmt: skip
    st.subheader("Degradation")
    kind = task_control()
    picture_only = Scene(source or "", longest, color, degraded, kind.name)
    if not kind.takes_mask:
        scene = replace(
            picture_only,
            level=level_control(kind),
            seed=None if degraded else seed_control(),
            as_file=not degraded and file_control(),
        )
        return (scene if source else None), (image_data, None)
    mask, mask_data, settings = mask_controls(kind, degraded)
    scene = replace(picture_only, mask=mask, **settings)
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
    return kinds[st.radio(
        "Task", list(kinds), horizontal=True, **in_url("task"),
        help="Denoise: D(x) = |x − z|² / (2 σₙ²). Inpaint: x equals the observation wherever a pixel is known.",
    )]  # fmt: skip


def level_control(task: type[Problem]) -> float:
    level = task.kind_of_level
    beyond_told(level.short, level)
    return st.slider(
        *RANGES[level.short], *level.usual[2:], format="%.3f", **in_url(level.short),
        help=f"{level.help} For a degraded upload: the level that it is taken to have.",
    )  # fmt: skip


def file_control() -> bool:
    return st.toggle(
        "As a file would hold it", True, **in_url("as-file"),
        help="Noise beyond black and white is cut off, and values are rounded to 8 bits, as in every PNG or JPEG; the "
        "data term knows it. Off: floats, as in the literature.",
    )  # fmt: skip


def beyond_told(key: str, level: Level) -> None:
    """Says so if the link has a value for this slider that it does not take, such as 25 for 25/255: Streamlit drops it."""
    text = st.query_params.get(key)
    name, least, most = RANGES[key]
    if text is None:
        return
    try:
        value = level.check(checks.said(text, name), name)
        if least <= value <= most and "/" not in text and "%" not in text:
            return
        problem = f"{name} {text} in this link is not between {least:g} and {most:g}."
    except InputError as error:
        problem = str(error)
    st.warning(plain(f"{problem} The link's value was left out."))


def level_settings(task: type[Problem], level: float) -> dict[str, Any]:
    """The settings, by their keys, of a task's level."""
    masked = {"mask": "Random pixels"} if task.takes_mask else {}
    return {task.kind_of_level.short: level} | masked


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
        return kind, None, {"boxes": _boxes(boxes_of_link())}  # `box_editor` shows them beside the image
    upload, data = upload_control("Mask file", "mask-file", "White where a pixel is known, black where it is missing; "
                                  "of the size of the image file. Any image format, or .npy (bool or 0 and 1).")  # fmt: skip
    return upload, data, {}


def seed_control() -> int:
    return int(st.number_input(
        "Seed", 0, 2**31 - 1, 0, **whole_in_url("seed"),
        help="Of the random generator that draws the noise or the missing pixels: the same seed, the same image.",
    ))  # fmt: skip


# --- boxes -------------------------------------------------------------------------------------------------------


def boxes_of_link() -> list[list[int]]:
    """The boxes in the URL; raises `InputError` for anything but rows of four numbers."""
    rows = from_url("boxes", [])
    whole = isinstance(rows, list) and all(
        isinstance(row, list) and len(row) == 4 and all(isinstance(value, int) and abs(value) < 10**6 for value in row)
        for row in rows
    )
    if not whole:
        raise InputError("The boxes in this link cannot be read; each needs left, top, width and height.")
    return rows


def set_boxes(rows: list[list[int]]) -> None:
    """Other boxes than the table's own edits make: a table with a new key starts from them."""
    st.session_state.box_version = st.session_state.get("box_version", 0) + 1
    to_url("boxes", rows or None)


def box_editor(scene: Scene, data: Data) -> tuple[Box, ...]:
    """The boxes: drawn on the image with a drag, or entered in the table beside it."""
    left, right = st.columns([3, 2])
    with right:
        boxes = box_table()
    with left:
        draw_boxes(scene, data, boxes)
    return boxes


def box_table() -> tuple[Box, ...]:
    """The boxes as a table; its complete rows are kept in the URL."""
    key = f"box-table {st.session_state.get('box_version', 0)}"
    if key not in st.session_state:
        st.session_state.box_rows = boxes_of_link()
    columns = ["left", "top", "width", "height"]
    number = st.column_config.NumberColumn
    st.caption("Drag a rectangle on the image, or enter it here, in pixels of the shown image.")
    edited = st.data_editor(
        pd.DataFrame(st.session_state.box_rows, columns=columns, dtype="Int64"), key=key,
        num_rows="dynamic", hide_index=True,
        column_config={
            name: number(name.capitalize(), min_value=0 if name in columns[:2] else 1, required=True, step=1)
            for name in columns
        },
    )  # fmt: skip
    rows = edited.dropna().astype(int).values.tolist()
    to_url("boxes", rows or None)
    st.button(
        "Remove all boxes", on_click=set_boxes, args=([],), disabled=not rows, help="An empty table, to start again."
    )
    return _boxes(rows)


def draw_boxes(scene: Scene, data: Data, boxes: tuple[Box, ...]) -> None:
    """The image to draw boxes on; every box that is drawn becomes a row of the table."""
    image, _ = picture(scene.source, scene.longest, scene.color, scene.degraded, data[0])
    height, width = image.shape[-2:]
    key = f"draw {st.session_state.get('box_version', 0)}"

    def add() -> None:
        drawn = st.session_state[key]["selection"]["box"]
        new = [box for box in (_pixels(b["x"], b["y"], width, height) for b in drawn) if box is not None]
        if new:
            set_boxes([*map(list, boxes), *new])

    figure = box_figure(images.to_png(image), (width, height), boxes)
    st.plotly_chart(figure, key=key, on_select=add, selection_mode="box", config={"displayModeBar": False})


def _boxes(rows: list[list[int]]) -> tuple[Box, ...]:
    return tuple((row[0], row[1], row[2], row[3]) for row in rows)


def _pixels(x: list[float], y: list[float], width: int, height: int) -> list[int] | None:
    """The pixels whose centres lie in a drawn box, as [left, top, width, height]."""
    left, right = max(0, round(min(x))), min(width - 1, round(max(x)))
    top, bottom = max(0, round(min(y))), min(height - 1, round(max(y)))
    return [left, top, right - left + 1, bottom - top + 1] if left <= right and top <= bottom else None


# --- scheme ------------------------------------------------------------------------------------------------------


def scheme_controls(scene: Scene | None) -> Choice | None:
    """The prior and the scheme; None if there is no prior."""
    st.subheader("Scheme")
    prior = prior_control()
    if prior is None:
        return None
    task = next(iter(TASKS)) if scene is None else scene.task
    start = start_control() if TASKS[task].starts else None
    best = "learned" if has_learned(prior, task) else "flow"
    labels = {SCHEMES[scheme]: scheme for scheme in sorted(SCHEMES, key=lambda scheme: scheme != best)}
    scheme = labels[st.selectbox(
        "Scheme", list(labels), **in_url("scheme"),
        help="GNC flow: σ falls linearly. Joint: σ follows the energy down, with the image. Learned schedule: σ and "
        "the step sizes were fitted to bring the last step closest to the truth.",
    )]  # fmt: skip
    suits = TASKS[task].steps
    steps = st.number_input(
        "Steps S", 1, MAX_STEPS, None, placeholder=f"{suits}, which suits", **whole_in_url("nsteps"),
        help="Number of image steps x ← prox(x − τ ∇R(x, σ)). More steps of the flow go on minimising below the noise level: "
        "the energy falls, and so does the PSNR. A learned schedule has the numbers that it was fitted to.",
    )  # fmt: skip
    steps = None if steps is None else int(steps)
    if scheme == "learned":
        learned_schedules(prior, task)
        return Choice(prior, scheme, steps, start=start)
    by_hand = st.toggle(
        "Choose the initial smoothing", False, **in_url("own-start"),
        help="Off: the noise level for denoising, 0.05 for inpainting, which starts smooth.",
    )  # fmt: skip
    sigma0 = None
    if by_hand:
        beyond_told("smoothing", Denoising.kind_of_level)
        sigma0 = st.slider(
            *RANGES["smoothing"], 0.1, 0.01, format="%.3g", **in_url("smoothing"),
            help="Where σ starts, in units of the image range [0, 1]. Larger: a smoother, less non-convex energy.",
        )  # fmt: skip
    rate = None
    if scheme == "joint":
        defaults = ", ".join(f"{problem.rate:g} to {name}" for name, problem in TASKS.items())
        rate = st.number_input(
            *RANGES["rate"], None, 0.1, placeholder=defaults, **in_url("rate"),
            help="Step size of s = log σ: s ← s − (c/n) ∂R/∂s. Small: σ falls slowly, and gaps have time to be filled. "
            f"Large: few steps reach the noise level; from 1 on s overshoots it. Empty: {defaults}.",
        )  # fmt: skip
    return Choice(prior, scheme, steps, sigma0, rate, start)


def start_control() -> str | None:
    return STARTS[st.radio(
        "Missing pixels start from", list(STARTS), horizontal=True, **in_url("start"),
        help="Harmonic fill: each missing pixel is the mean of its neighbours (Laplace's equation, the known pixels its "
        "boundary values). Grey: 0.5, as in the paper; a step reaches a kernel's width, and the middle of a hole stays grey for "
        "many steps.",
    )]  # fmt: skip


def prior_control() -> str | None:
    """The prior's name, None where there is none, and what is wrong with those that cannot be used."""
    priors, problems = usable_priors()
    for problem in problems:
        st.warning(plain(problem))
    if not priors:
        return None
    return st.selectbox(
        "Prior", priors, **in_url("prior"), help="A pretrained prior: a folder of weights in pretrained/.",
    )  # fmt: skip


def learned_schedules(prior: str, task: str) -> None:
    """What the learned schedules of a prior are for."""
    families, problems = zoo.families(prior)
    for problem in problems:
        st.warning(plain(problem))
    titles = [family.title for family in families if family.task == task]
    st.caption(
        plain(f"Fitted to {prior}: {titles[0]}.") if titles else f"None for this task was fitted to {plain(prior)}."
    )


def nearest(settings: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Values of controls by their keys, moved to the nearest ones that these take, and a sentence for each that was moved."""
    taken, notes = dict(settings), []
    for key, (name, least, most) in RANGES.items():
        value = settings.get(key, least)
        taken |= {key: min(max(value, least), most)} if key in settings else {}
        if not least <= value <= most:
            notes.append(
                f"{name} {value:.4g} is beyond what this page offers; it was set to the nearest, {taken[key]:g}."
            )
    return taken, notes
