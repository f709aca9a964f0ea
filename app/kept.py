"""The planes that "Energy landscape" begins with, of every sample image, as they are kept with the priors in pretrained/."""

from collections.abc import Mapping

import numpy as np
import streamlit as st
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_safetensors

from gnc_core import zoo
from gnc_core.files import write_bytes

FILE = "landscapes.safetensors"
Plane = dict[str, np.ndarray]  # a (A,), b (B,); energy (K, B, A), float32; marks (M, 2), places of images


def keep(name: str, planes: Mapping[str, Plane]) -> None:
    """Writes a prior's planes, by sample."""
    arrays = {
        f"{sample}/{key}": np.ascontiguousarray(array)
        for sample, plane in planes.items()
        for key, array in plane.items()
    }
    write_bytes(zoo.folder_of(name) / FILE, to_safetensors(arrays, {"weights": zoo.weights_hash(name)}))


@st.cache_resource(max_entries=16, show_spinner=False)
def planes(name: str, weights: str) -> dict[str, Plane]:
    """Those of a prior with these weights, by sample; none where they were not kept, or are those of other weights."""
    path, found = zoo.folder_of(name) / FILE, dict[str, Plane]()
    try:
        with safe_open(path, framework="numpy") as file:
            if (file.metadata() or {}).get("weights") == weights:
                for key in file.keys():  # noqa: SIM118
                    sample, part = key.rsplit("/", 1)
                    found.setdefault(sample, {})[part] = file.get_tensor(key)
    except (SafetensorError, OSError):  # what is not kept is computed
        return {}
    return found
