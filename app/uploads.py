"""Uploaded files: kept while the page changes, and what their numbers mean."""

import hashlib
from dataclasses import replace

import streamlit as st

from app.scenes import Upload, encoding
from app.session import plain
from gnc_core import images
from gnc_core.errors import InputError

TYPES = [suffix.removeprefix(".") for suffix in images.SUFFIXES]


def upload_control(label: str, key: str, text: str, types: list[str] = TYPES) -> tuple[Upload | None, bytes | None]:
    """An uploaded file and its bytes. It is kept when the page changes, for which the widget starts anew."""
    kept = f"{key} kept"

    def forget() -> None:
        st.session_state.pop(kept, None)

    file = st.file_uploader(label, types, key=key, on_change=forget, help=text)
    if file is not None and st.session_state.get(kept, ("",))[0] != file.file_id:
        data = file.getvalue()
        # All visitors share the caches: there a file goes by its content, so that nobody is shown what he does not have.
        content = hashlib.blake2b(data, digest_size=16).hexdigest()
        st.session_state[kept] = file.file_id, Upload(content, file.name), data
    _, upload, data = st.session_state.get(kept, ("", None, None))
    if upload is not None and file is None:
        st.caption(f"Still there: {plain(upload.name)}")
    st.caption("A link to this page holds the settings, but not the uploaded file.")
    return upload, data


def with_levels(upload: Upload, data: bytes | None) -> Upload:
    """The upload with what counts as white and black in it, which is asked for if it has more than 8 bits."""
    try:
        told, likely = encoding(upload, data)
    except InputError:  # the page says so where it reads the image
        return upload
    if told.bits <= 8:
        return upload
    largest = 2**told.bits - 1
    if st.session_state.get("levels", (None,))[0] != upload.id:
        st.session_state.levels = upload.id, largest, 0
    _, white, black = st.session_state.levels
    left, right = st.columns(2)
    white = left.number_input(
        "White", 1, largest, white, key=f"white {upload.id}",
        help=f"What counts as white in this file of {told.bits} bits, such as 4095 if they hold 12.",
    )  # fmt: skip
    black = right.number_input("Black", 0, largest, black, key=f"black {upload.id}", help="What counts as black.")
    st.session_state.levels = upload.id, white, black
    if likely and white == largest:
        st.caption(f"No value in the file is above {likely}: if that means white, enter it here.")
    return upload if (white, black) == (largest, 0) else replace(upload, white=white, black=black)
