"""A reader, and what came of its inputs."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from bluezone_sim.errors import InputError


@dataclass(frozen=True)
class Reader:
    """A way in for what others wrote.

    Attributes:
        name: of the reader.
        seeds: whole inputs, which are read.
        read: reads one; an :class:`InputError` is an answer, any other exception a fault.
        modules: its own modules, of which the lines that are reached are counted; behind a colon with
            what the names of its functions in them begin, with | between.
        words: pieces that inputs of its kind are made of.
        pack: makes an input of what the packing holds, so that damage is inside of it, checksums fit and
            signatures verify.
        within: gives what is packed in a seed.
    """

    name: str
    seeds: Callable[[], Sequence[bytes]]
    read: Callable[[bytes], object]
    modules: tuple[str, ...]
    words: tuple[bytes, ...] = ()
    pack: Callable[[bytes], bytes] | None = None
    within: Callable[[bytes], bytes] | None = None


@dataclass
class Found:
    """What came of a reader's inputs.

    Attributes:
        n: how many there were.
        n_read: how many of them were read without a fault.
        faults: exceptions that are no answers, by their place; with the input.
    """

    n: int = 0
    n_read: int = 0
    faults: dict[str, bytes] = field(default_factory=dict)


def attempt(reader: Reader, data: bytes, found: Found) -> None:
    """Reads one input; the project's own error or a result."""
    found.n += 1
    try:
        reader.read(data)
        found.n_read += 1
    except InputError:
        pass
    except Exception as error:
        at = error.__traceback__
        while at is not None and at.tb_next is not None:
            at = at.tb_next
        place = "" if at is None else f"{at.tb_frame.f_code.co_filename}:{at.tb_lineno}"
        found.faults.setdefault(f"{type(error).__name__} at {place}", data)


@cache
def folder() -> Path:
    shared = Path("/dev/shm")  # files in memory, where there are any
    place = tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None)
    _KEPT.append(place)
    return Path(place.name)


#: Folders that last as long as the process.
_KEPT: list[Any] = []


def in_file(name: str, data: bytes) -> Path:
    path = folder() / name
    path.write_bytes(data)
    return path


def each(path: Path, ways: Sequence[Callable[[], object]]) -> None:
    """Reads an input in several ways; where none of them can, the first one's error is the answer."""
    errors = []
    for read in ways:
        try:
            read()
        except InputError as error:
            if str(path) not in str(error):
                raise AssertionError(f"names no file: {error}") from error
            errors.append(error)
    if len(errors) == len(ways):
        raise errors[0]
