"""The pretrained priors: what lies in pretrained/, and how it is loaded and saved.

One folder a prior: `prior.safetensors` (weights, and the architecture as JSON in its metadata),
`card.json` (architecture, training, results) and `schedules/TASK.json` (learned schedules of a task, for all levels).
`sweeps/*.npz` are full maps.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gnc_core import checks, problems
from gnc_core.errors import InputError
from gnc_core.files import write_bytes
from gnc_core.restoration.families import ScheduleFamily

if TYPE_CHECKING:  # what lies in pretrained/ is told without PyTorch
    import numpy as np
    import torch

    from gnc_core.prior.fields_of_experts import FieldsOfExperts

_HERE = Path(__file__).resolve().parent
PRETRAINED = next((p for p in (_HERE / "pretrained", _HERE.parent / "pretrained") if p.is_dir()), _HERE / "pretrained")
"""Inside the package where it is installed, beside it in a checkout."""

WEIGHTS, CARD, SCHEDULES, SWEEPS = "prior.safetensors", "card.json", "schedules", "sweeps"


def names() -> list[str]:
    """The names of the priors in pretrained/, sorted.

    >>> "foe-l1" in names()
    True
    """
    return sorted(folder.parent.name for folder in PRETRAINED.glob(f"*/{WEIGHTS}"))


def usable() -> tuple[list[str], list[str]]:
    """The names of the priors in pretrained/ that can be loaded, and a sentence for each of the others.

    >>> usable() == (names(), [])
    True
    """
    found, problems = [], []
    for name in names():
        try:
            _read(PRETRAINED / name)
            found.append(name)
        except InputError as error:
            problems.append(str(error))
    return found, problems


def folder_of(name: str | os.PathLike) -> Path:
    """The folder of a prior, given by its name in pretrained/ or by its path.

    Raises `InputError` if there is none; the message lists those that exist.

    >>> folder_of("foe-l1").name
    'foe-l1'
    """
    folder, known = checks.path(name, "A prior"), names()
    if str(name) in known:
        return PRETRAINED / name
    if (folder / WEIGHTS).is_file():
        return folder
    if folder.is_dir() and str(name) not in ("", "."):
        raise InputError(f"The folder {name} holds no prior: there is no {WEIGHTS} in it.")
    listed = f"there are {', '.join(known)}" if known else "pretrained/ is empty"
    raise InputError(f"There is no prior {str(name)!r}; {listed}, or name a prior's folder.")


def load(name: str | os.PathLike, device: str | torch.device = "cpu") -> FieldsOfExperts:
    """The prior of that name (or in that folder) on `device`, in evaluation mode, without gradients.

    Raises `InputError` for an unknown name, for weights that are damaged or do not fit the
    architecture that the file or its card states, and for a device that is not there.

    >>> prior = load("foe-l1")
    >>> prior.layers, prior.channels, prior.sigma_min, prior.sigma_max
    (1, 48, 0.01, 0.5)
    """
    import torch

    device = checks.device(device)
    prior = _read(folder_of(name)).to(device)
    # Compiled kernels and the libraries' own set-up are loaded now, not during the first restoration.
    with torch.no_grad():
        prior.score(torch.zeros(1, 1, prior.min_size, prior.min_size, device=device), 0.0)
    return prior


def _read(folder: Path) -> FieldsOfExperts:
    """What `load` returns, on the CPU; raises `InputError` as it does."""
    import torch

    from gnc_core.prior.fields_of_experts import FieldsOfExperts

    architecture, weights = _weights(folder)
    try:
        prior = FieldsOfExperts(**architecture, generator=torch.Generator())  # a start that the weights replace
        prior.load_state_dict({key: torch.from_numpy(value) for key, value in weights.items()})
    except (RuntimeError, TypeError, ValueError, OverflowError) as error:
        path = folder / WEIGHTS
        raise InputError(f"The weights {path} do not fit the architecture {json.dumps(architecture)}.") from error
    return prior.eval().requires_grad_(False)


def check(name: str | os.PathLike) -> None:
    """Raises `InputError` as `load`, for all that can be seen without building the prior (and so without PyTorch).

    >>> check("foe-l1")
    """
    _weights(folder_of(name))


def _weights(folder: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The architecture and the weights in a prior's folder, which agrees with its card; raises `InputError` as `load`."""
    import numpy as np
    from safetensors import SafetensorError, safe_open

    path = folder / WEIGHTS
    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise InputError(f"The weights {path} are damaged; fetch or train them again.") from error
    architecture = _architecture(metadata.get("architecture", ""), str(path))
    if (folder / CARD).exists() and card(folder).get("architecture") != architecture:
        raise InputError(f"The weights {path} are of another architecture than {folder / CARD}.")
    if not all(np.isfinite(value).all() for value in weights.values()):
        raise InputError(f"The weights {path} contain NaN or infinite values.")
    return architecture, weights


def card(name: str | os.PathLike) -> dict[str, Any]:
    """What `card.json` says about a prior; raises `InputError` if it is missing or damaged.

    >>> card("foe-l1")["architecture"]["layers"]
    1
    """
    path = folder_of(name) / CARD
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"The card {path} is missing or damaged.") from error
    if not isinstance(content, dict):
        raise InputError(f"The card {path} is not a JSON object.")
    return content


def learned_from(name: str | os.PathLike) -> str:
    """The noise of the images that a prior was learned from, as `learning.noise2score` says it, from its card; "" for clean ones,
    and where the card does not say.

    >>> learned_from("foe-l1")
    ''
    """
    try:
        return str(card(name)["training"].get("noisy", ""))
    except (InputError, KeyError, TypeError, AttributeError):
        return ""


def purpose(name: str | os.PathLike) -> str:
    """What a fine-tuned prior, or one that was learned from noisy images, is for, in words, from its card; "" for
    one that was learned from clean images by score matching alone, and where the card does not say.

    >>> purpose("foe-l1")
    ''
    """
    if noisy := learned_from(name):
        return f"learned from noisy images alone ({noisy}): its score is that of noisy images, for `restore denoise`"
    try:
        training = card(name).get("training", {})
        (low, high), task, steps = training["levels"], training["task"], training["steps"]
        level = problems.task(task).kind_of_level.short
        return (
            f"fine-tuned to {task}, {level} {low:.3g} to {high:.3g}, in {steps} steps with its learned schedules; "
            "its energy is no negative log density"
        )
    except (InputError, KeyError, TypeError, ValueError, AttributeError):
        return ""


def families(name: str | os.PathLike) -> tuple[list[ScheduleFamily], list[str]]:
    """The learned schedules of a prior, a family a task, sorted by task, and a sentence for each file that cannot be read.

    >>> "denoise" in [family.task for family in families("foe-l1")[0]]
    True
    """
    loaded, problems = [], []
    for file in sorted((folder_of(name) / SCHEDULES).glob("*.json")):
        try:
            loaded.append(ScheduleFamily.load(file))
        except InputError as error:
            problems.append(str(error))
    return sorted(loaded, key=lambda family: family.task), problems


def find_family(name: str | os.PathLike, task: str) -> ScheduleFamily:
    """The learned schedules of a prior for a task. Raises `InputError`, listing those that exist and the files that cannot be
    read, if there are none.

    >>> find_family("foe-l1", "denoise").task
    'denoise'
    """
    existing, damaged = families(name)
    fitting = [family for family in existing if family.task == problems.task(task).name]
    if not fitting:
        listed = "; ".join(family.title for family in existing) or "none"
        raise InputError(
            " ".join([f"There are no learned schedules of {name} to {task}; there are: {listed}.", *damaged])
        )
    return fitting[0]


def save_family(folder: str | os.PathLike, family: ScheduleFamily) -> Path:
    """Writes learned schedules into a prior's folder, where `find_family` finds them, in the place of those for the same task.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_family(folder, find_family("foe-l1", "denoise")).name
    'denoise.json'
    """
    if not isinstance(family, ScheduleFamily):
        raise InputError(f"What is saved are learned schedules, a ScheduleFamily, not {type(family).__name__}.")
    path = checks.path(folder, "The folder of a prior") / SCHEDULES / f"{family.task}.json"
    try:
        path.parent.mkdir(exist_ok=True)
    except OSError as error:
        raise InputError(f"Cannot make the folder {path.parent}: {error.strerror}.") from error
    family.save(path)
    return path


def sweep_files() -> dict[str, Path]:
    """The sweeps in pretrained/sweeps/ by name, sorted, for `sweeps.load`.

    >>> sweep_files()["denoise-0.1-foe-l1"].name
    'denoise-0.1-foe-l1.npz'
    """
    return {file.stem: file for file in sorted((PRETRAINED / SWEEPS).glob("*.npz"))}


def weights_hash(name: str | os.PathLike) -> str:
    """The first 12 hexadecimal digits of the SHA-256 of a prior's weights file; `InputError` if it cannot be read.

    >>> len(weights_hash("foe-l1"))
    12
    """
    path = folder_of(name) / WEIGHTS
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    except OSError as error:
        raise InputError(f"Cannot read the weights {path}: {error.strerror}.") from error


def save(folder: str | os.PathLike, prior: FieldsOfExperts, card: dict[str, Any]) -> None:
    """Writes a prior and its card (with the architecture added) to `folder`, which is created.

    Each file appears complete or not at all. Raises `InputError` if the folder cannot be written, and for what is no prior or
    no card.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     save(folder, load("foe-l1"), {"note": "a copy"})
    ...     card(folder)["note"]
    'a copy'
    """
    folder, contents = checks.path(folder, "The folder of a prior"), files(prior, card)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"Cannot make the folder {folder}: {error.strerror}.") from error
    for name, content in contents.items():
        write_bytes(folder / name, content)


def files(prior: FieldsOfExperts, card: dict[str, Any]) -> dict[str, bytes]:
    """What `save` writes, by the names of the files. Raises `InputError` for what is no prior or no card.

    >>> sorted(files(load("foe-l1"), {"note": "a copy"}))
    ['card.json', 'prior.safetensors']
    """
    from safetensors.torch import save as to_safetensors

    from gnc_core.prior.fields_of_experts import FieldsOfExperts

    if not isinstance(prior, FieldsOfExperts) or not isinstance(card, dict):
        raise InputError(
            f"A prior is saved with a card, a dictionary, not {type(prior).__name__} with {type(card).__name__}."
        )
    weights = {key: value.detach().cpu().contiguous() for key, value in prior.state_dict().items()}
    metadata = {"architecture": json.dumps(prior.architecture)}
    content = json.dumps({"architecture": prior.architecture} | card, indent=2) + "\n"
    return {WEIGHTS: to_safetensors(weights, metadata), CARD: content.encode()}


def _architecture(text: str, name: str) -> dict[str, Any]:
    """The constructor arguments of `FieldsOfExperts`, if `text` holds plausible ones."""
    try:
        architecture = json.loads(text)
    except (ValueError, RecursionError):
        architecture = None
    numbers = isinstance(architecture, dict) and all(
        isinstance(value, (int, float)) and 0 < value <= 1024 for value in architecture.values()
    )
    if not numbers:
        raise InputError(f"The weights {name} do not state their architecture; save them anew.")
    return architecture
