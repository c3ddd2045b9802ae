"""What the package raises.

::

    BluezoneSimError
    ├── InputError(ValueError)       bad input; the command line exits with 2
    │   ├── ScenarioError            a scenario file: every fault at once
    │   ├── FormatError              a key, history, capture or trace file
    │   │   ├── RowsError            single rows of it; the others can be used
    │   │   └── SignatureError       a signature does not verify
    │   ├── TableError               an array of the wrong dtype, shape or range
    │   └── InUseError               another process writes the same place
    ├── CriterionError               a criterion or a regression gate failed; exit 1
    └── NothingToRunError            no adapter, no case; exit 5

A folder that can be read, though not all is as it should be, is told by a FolderWarning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .showing.visible import visible

#: Faults of one input that are told one by one, and characters of a message, for an input whose every
#: entry is at fault.
MOST_TOLD, _MOST_TEXT = 50, 20_000


class BluezoneSimError(Exception):
    """Base of everything this package raises on purpose.

    Its message quotes inputs, and may be printed as it is: hidden characters in it are visible.
    """

    exit_code = 3

    def __init__(self, message: str = ""):
        text = visible(message, keep="\n")
        if (more := len(text) - _MOST_TEXT) > 0:
            text = f"{text[:_MOST_TEXT]}… and {more:,} more characters"
        super().__init__(text)


def listed(lines: Sequence[str], n: int) -> str:
    """The first lines of ``n``, and how many more there are."""
    more = n - len(lines[:MOST_TOLD])
    return "\n".join([*lines[:MOST_TOLD], *([f"  and {more:,} more"] if more > 0 else [])])


class InputError(BluezoneSimError, ValueError):
    """The input is at fault, not the program. The message names the place and the remedy."""

    exit_code = 2


@dataclass(frozen=True)
class Fault:
    """One fault of a scenario: where it is, what is wrong, what to do.

    Attributes:
        path: dotted TOML path, such as ``population.districts[3].people``.
        message: what was expected and what was found.
        hint: what to do, for example the nearest right key; may be empty.
        unused: the key is right in itself, but another one leaves it without effect.
        of_protocol: the key is right in itself, but not for the protocol that is simulated.
    """

    path: str
    message: str
    hint: str = ""
    unused: bool = False
    of_protocol: bool = False

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" + (f" ({self.hint})" if self.hint else "")


class ScenarioError(InputError):
    """A scenario with one or more faults, all of them listed in ``faults``."""

    def __init__(self, source: str, faults: Sequence[Fault]):
        self.source = source
        self.faults = tuple(faults)
        n = len(self.faults)
        lines = listed([f"  - {fault}" for fault in self.faults[:MOST_TOLD]], n)
        super().__init__(f"{source}: {n} fault{'s' if n != 1 else ''}\n{lines}")


class FormatError(InputError):
    """A file that does not follow its format. The message names the file and the row or byte."""


class RowsError(FormatError):
    """Single rows of a file are at fault; the message names the first.

    Attributes:
        kept: the table of the other rows.
        n: how many rows are not in it.
    """

    def __init__(self, message: str, *, kept: Any, n: int):
        self.kept, self.n = kept, n
        super().__init__(message)


class SignatureError(FormatError):
    """A signature does not verify."""


class TableError(InputError):
    """An array with the wrong dtype, shape or values."""


class InUseError(InputError):
    """Another process is writing to the same place."""


class CriterionError(BluezoneSimError):
    """A criterion was missed or a benchmark regressed."""

    exit_code = 1


class NothingToRunError(BluezoneSimError):
    """There is nothing to run on: no adapter, no matching case."""

    exit_code = 5


class FolderWarning(UserWarning):
    """A folder that is read has no digests, so that damage to it would go unnoticed."""
