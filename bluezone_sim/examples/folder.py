"""The folder of an example: files to try commands on, and what the commands print."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable
from pathlib import Path

from .. import protocols
from ..errors import FormatError, InputError
from ..files import check_place, faults_of, named, others_in, read_digests, recover, whole_folder
from . import heard, models, trace

HOLDS = "example"
_OTHERS = {module.NAME: module for module in (trace, models)}


def names() -> tuple[str, ...]:
    """All examples: a protocol that scenarios can follow, or another kind of file."""
    return (*protocols.followed(), *_OTHERS)


def about(name: str) -> str:
    """What an example holds, in a line."""
    other = _OTHERS.get(name)
    return heard.about(name) if other is None else other.about()


def write_example(name: str, folder: Path) -> Path:
    """Writes an example, whole or not at all; the same bytes every time.

    Args:
        name: one of :func:`names`.
        folder: made where it is not there; one with files of others is refused.

    Raises:
        InputError: there is no such example, or it cannot be written there.
    """
    if name not in names():
        near = difflib.get_close_matches(name, names(), 1)
        hint = f"did you mean {near[0]!r}? There" if near else "there"
        raise InputError(f"no example of {name}; {hint} are those of {', '.join(names())}")
    check_place(folder)
    recover(folder)
    _check_own(folder)
    with whole_folder(folder, HOLDS, replace=_check_own) as part:
        (part / "README.txt").write_text(_writer(name)(part), encoding="utf-8")
    return folder


def _writer(name: str) -> Callable[[Path], str]:
    other = _OTHERS.get(name)
    return (lambda part: heard.write(name, part)) if other is None else other.write


def _check_own(folder: Path) -> None:
    """Raises InputError where a folder holds anything but an example."""
    if not os.path.exists(folder):
        return
    if not folder.is_dir():
        raise InputError(f"{folder}: is a file; give the name of a folder")
    try:
        listed = read_digests(folder)
    except FormatError:
        listed = None
    own = listed is not None and listed.holds == HOLDS
    with named(folder):
        others = others_in(folder, listed.names if own and listed is not None else set())
    if others:
        raise InputError(
            f"{folder}: holds {others[0]}, which is of no example; give a folder that is empty or new"
        )
    changed = faults_of(folder, listed) if own and listed is not None else []
    if changed:
        raise InputError(
            f"{folder / changed[0].name}: is not as the example was written, so it is not replaced; "
            "give a folder that is empty or new"
        )
