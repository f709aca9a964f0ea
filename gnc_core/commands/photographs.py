"""The images of a folder that a command can use; the others are left out, and that is said."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
from tqdm import tqdm

from gnc_core import images
from gnc_core.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Folder:
    """What --data, --list and --limit choose: of the images in a folder those that a list names (default: all), and of these the
    first `limit` that can be used (default: all), or the middle of each, of at most `crop` pixels a side."""

    data: Path
    list_file: Path | None = None
    limit: int | None = None
    crop: int | None = None

    def check(self) -> None:
        """Raises `InputError` if there are no such files; to be asked before a prior is loaded."""
        images.image_files(self.data, self.list_file)

    def photographs(self, min_size: int, *, color: bool = False, silent: bool = False) -> Photographs:
        """The images of at least `min_size` pixels a side, in grey or, with `color`, as they are."""
        files, named = images.image_files(self.data, self.list_file), self.list_file is not None
        return Photographs(files, min_size, self.limit, self.crop, color=color, named=named, silent=silent)


class Photographs:
    """Names and images (1, C, H, W) of the first `limit` files that are images of at least `min_size` pixels a side, in grey or,
    with `color`, as they are; with `crop`, their middles (`images.crop_center`).

    A picture of two values is taken for a mask and left out, unless the files were `named` one by one. Every iteration reads
    the images anew, one at a time. What is left out is said on standard error the first time, unless `silent`, and stands in
    `left_out` with the reason.
    Raises `InputError` (when iterated) if no file can be used.
    """

    def __init__(
        self,
        files: Sequence[Path],
        min_size: int,
        limit: int | None = None,
        crop: int | None = None,
        *,
        color: bool = False,
        named: bool = False,
        silent: bool = False,
    ) -> None:
        self.left_out: dict[Path, str] = {}
        self._files, self._min_size, self._limit, self._crop = files, min_size, limit, crop
        self._color, self._named, self._silent = color, named, silent

    def __len__(self) -> int:
        """The number of images; before the first iteration, the most that there can be."""
        usable = len(self._files) - len(self.left_out)
        return usable if self._limit is None else min(self._limit, usable)

    def __iter__(self) -> Iterator[tuple[str, Tensor]]:
        found, notes = 0, list[str]()
        for file in self._files:
            if file in self.left_out:
                continue
            if found == self._limit:
                return
            try:
                image = self._read(file)
            except InputError as error:
                self.left_out[file] = str(error)
                notes.append(f"Left out: {error}")
                continue
            self._say(notes)  # only now: where nothing can be used, the error below is all that there is to say
            found += 1
            yield file.name, image
        if not found:
            first = next(iter(self.left_out.values()))
            raise InputError(f"None of the {len(self._files)} images can be used; the first: {first}")
        self._say(notes)

    def _read(self, file: Path) -> Tensor:
        image = images.read_image(file, color=self._color)
        if self._crop:
            image = images.crop_center(image, self._crop)
        height, width = image.shape[-2:]
        if min(height, width) < self._min_size:
            raise InputError(
                f"{file} is {width} x {height} pixels; at least {self._min_size} x {self._min_size} are needed."
            )
        low, high = image.aminmax()
        if not self._named and low < high and ((image == low) | (image == high)).all():
            raise InputError(
                f"{file} holds two values only, like a mask; name it in a list to take it as a photograph."
            )
        return image

    def _say(self, notes: list[str]) -> None:
        while notes:
            note = notes.pop(0)
            if not self._silent:
                tqdm.write(note, file=sys.stderr)

    def end_measuring(self) -> None:
        """Ends the command with exit code 1 if images were left out: what was measured is not all that was asked for."""
        if not self.left_out:
            return
        if not self._silent:
            names = ", ".join(file.name for file in self.left_out)
            click.echo(
                f"{len(self.left_out)} of {len(self.left_out) + len(self)} images were left out: {names}", err=True
            )
        sys.exit(1)
