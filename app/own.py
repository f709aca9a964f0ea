"""Priors that the visitor has trained: they live in the session, for the visit, and nobody else's session knows their names."""

import io
import secrets
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import streamlit as st

from gnc_core import zoo
from gnc_core.prior import FieldsOfExperts

MOST = 3  # of them are kept, the newest ones


@dataclass(frozen=True, eq=False)
class OwnPrior:
    """A prior and its card. token: what caches, which all visitors share, know it by: nobody can guess it."""

    prior: FieldsOfExperts
    card: dict[str, Any]
    token: str = field(default_factory=secrets.token_hex)

    def zipped(self, name: str) -> bytes:
        """The folder of that name, as `--prior` takes it once it is unpacked."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for file, content in zoo.files(self.prior, self.card).items():
                archive.writestr(f"{name}/{file}", content)
        return buffer.getvalue()


def own_priors() -> dict[str, OwnPrior]:
    """Those of this visit, by name, the newest last."""
    return st.session_state.get("own_priors", {})


def keep(prior: OwnPrior) -> str:
    """Keeps a prior for this visit, chooses it on the pages that can use it, and returns its name: no two have the same."""
    state = st.session_state
    state.own_count = state.get("own_count", 0) + 1
    name = f"own-{state.own_count}"
    kept = own_priors() | {name: prior}
    state.own_priors = dict(list(kept.items())[-MOST:])
    state.prior = name
    return name


def folder_name(name: str) -> str | None:
    """The name of a prior for `gnc_core.zoo` and `gnc_core.choices`: None for one that lies in no folder."""
    return None if name in own_priors() else name


def weights_of(name: str) -> str:
    """What caches know the weights of a prior by."""
    own = own_priors().get(name)
    return zoo.weights_hash(name) if own is None else own.token


def folder_of(name: str) -> Path | None:
    """Where the prior lies, None for one of the visitor's own."""
    return None if name in own_priors() else zoo.folder_of(name)
