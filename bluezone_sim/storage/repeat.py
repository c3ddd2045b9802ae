"""A run again, from its folder: what was run, and whether the same came out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..files import DIGESTS, check_digests, digest_of, recover
from ..reading.bounded import is_file, is_folder, read_bytes, reading_as
from ..reading.parquet import arrow
from ..scenario.model import Scenario
from ..scenario.stored import stored_scenario
from .run_load import manifest_of

_MANIFEST = "manifest.json"
#: What a run says in numbers; the largest of these tables have some gigabytes.
_TABLES, _MOST_BYTES = "*.parquet", 1 << 34


@dataclass(frozen=True)
class Recorded:
    """A run that is to be repeated.

    Attributes:
        folder: of the run.
        scenario, seed: what was run.
        about: its manifest.
    """

    folder: Path
    scenario: Scenario
    seed: int
    about: dict[str, Any]


def folder_of(given: str | Path) -> Path | None:
    """The run's folder where that, or its manifest, is given; None where it is something else."""
    path = Path(given)
    if path.name == _MANIFEST and is_file(path):
        return path.parent
    if not is_folder(path):
        return None
    # Without a manifest a list of files says what is missing, or that something else is there; a sweep
    # says itself what it is.
    listed = is_file(path / DIGESTS) and not is_file(path / "sweep.json")
    return path if listed or is_file(path / _MANIFEST) else None


def recorded(folder: Path) -> Recorded:
    """What was run.

    Raises:
        InputError: there is no run.
        FormatError: its manifest or a table is damaged, or of a version that cannot be read.
    """
    recover(folder)
    remedy = "copy it again from where it came, or run the scenario itself"
    check_digests(folder, "run", _MANIFEST, lambda name: remedy, _is_beside)
    about = manifest_of(folder)
    with reading_as("a run's", folder / _MANIFEST):
        return Recorded(
            folder,
            stored_scenario(about["scenario"], about.get("left_to_protocol", ())),
            int(about["seed"]),
            about,
        )


def _is_beside(name: str) -> bool:
    """Pages and pictures, which no number hangs on."""
    return not name.endswith((".parquet", ".json"))


@dataclass(frozen=True)
class Repetition:
    """Whether a run came out as before.

    Attributes:
        before, after: folders.
        same: tables with the same bytes.
        same_values: tables of the same values in other bytes, which another version of a library writes.
        other: tables with other values, or that only one of both has.
        versions: what was not the same, in words.
    """

    before: Path
    after: Path
    same: tuple[str, ...]
    same_values: tuple[str, ...]
    other: tuple[str, ...]
    versions: tuple[str, ...]

    def summary(self) -> str:
        """What came out, in lines."""
        if self.other:
            lines = [f"other numbers than {self.before}: {', '.join(self.other)}"]
        elif self.same_values:
            lines = [
                f"the same numbers as {self.before}; bytes differ: {', '.join(self.same_values)}"
            ]
        else:
            lines = [f"the same bytes as {self.before}: {', '.join(self.same)}"]
        differ = bool(self.other or self.same_values)
        return "\n".join([*lines, *(f"  {line}" for line in self.versions if differ)])


def compared(before: Recorded, after: Path) -> Repetition:
    """A run's tables beside those of the one it repeats.

    Raises:
        InputError: a table cannot be read.
    """
    found: dict[str, list[str]] = {"same": [], "same_values": [], "other": []}
    here, there = (
        {path.name: path for path in sorted(folder.glob(_TABLES))}
        for folder in (before.folder, after)
    )
    if not here:
        raise InputError(f"{before.folder}: has no table to compare with")
    for name in sorted(here | there):
        both = name in here and name in there
        found[_alike(here[name], there[name]) if both else "other"].append(name)
    own = manifest_of(after)
    return Repetition(
        before.folder,
        after,
        **{kind: tuple(names) for kind, names in found.items()},
        versions=tuple(_versions(before.about, own)),
    )


def _alike(one: Path, other: Path) -> str:
    if digest_of(read_bytes(one, _MOST_BYTES)) == digest_of(read_bytes(other, _MOST_BYTES)):
        return "same"
    import pyarrow.parquet as pq

    tables = []
    for path in (one, other):
        with arrow(path, "a table of a run, or damaged"):
            tables.append(pq.read_table(path))
    return "same_values" if tables[0].equals(tables[1]) else "other"


def _versions(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    names = {
        "bluezone_sim": "bluezone_sim",
        "numeric_version": "numeric version",
        "python": "Python",
    }
    found = [(text, before.get(key), after.get(key)) for key, text in names.items()]
    was, now = before.get("packages") or {}, after.get("packages") or {}
    found += [(name, was.get(name), now.get(name)) for name in now]
    return [f"{what}: {a or 'unknown'} then, {b} now" for what, a, b in found if a != b]
