"""Files that a run read, where they are when it is repeated, and what became of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from ..errors import FormatError, InputError
from ..files import digest_of
from ..reading.bounded import is_file
from ..scenario.inputs.phone_models import digest_of_table, place_of
from ..scenario.inputs.traces.text import raw_bytes
from ..scenario.schema.phones import Phones
from .repeat import Recorded

#: Files of a trace by key, and the scenario's names for them and their digests.
TRACE_FILES = {
    "contacts.trace.file": ("file", "sha256"),
    "contacts.trace.people": ("people", "people_sha256"),
}


def with_files(run: Recorded, said: Mapping[str, str]) -> tuple[Recorded, list[str]]:
    """A run with its trace where that is now, and what is to be said of its files.

    A trace that is not where it was is looked for in the run's folder, beside it, and in the working
    directory; it has to have the bytes that the run read. A table of phones is in the run itself.

    Args:
        run: what is to be repeated.
        said: where somebody says that the files of :data:`TRACE_FILES` are.

    Raises:
        InputError: one is not where somebody says, or other bytes are there.
        FormatError: one is nowhere.
    """
    notes = list(_phones(run.scenario.phones))
    table = run.scenario.contacts.trace
    if table is None:
        if said:
            raise InputError(f"--set {min(said)}: {run.folder} has no trace")
        return run, notes
    for key in said:
        if getattr(table, TRACE_FILES[key][0]) is None:
            raise InputError(f"--set {key}: {run.folder} has no such file")
    places: dict[str, str] = {}
    for key, (name, sha256) in TRACE_FILES.items():
        was, digest = getattr(table, name), getattr(table, sha256)
        if was is None:
            continue
        found = _place(run.folder, key, Path(was), digest, said.get(key))
        if found != Path(was):
            places[name] = str(found.absolute())
            notes.append(f"{key}: {found}, with the same bytes as {was} had")
    if not places:
        return run, notes
    contacts = run.scenario.contacts.model_copy(update={"trace": table.model_copy(update=places)})
    return replace(run, scenario=run.scenario.model_copy(update={"contacts": contacts})), notes


def _place(folder: Path, key: str, was: Path, digest: str | None, said: str | None) -> Path:
    """Where a file with these bytes is."""

    def fits(path: Path) -> bool:
        return is_file(path) and digest in (None, digest_of(raw_bytes(path)))

    if said is not None:
        if is_file(Path(said)) and not fits(Path(said)):
            raise InputError(
                f"--set {key}={said}: holds other bytes than the run's {was.name} had; expected SHA-256 "
                f"{digest}. To run it with another one: bluezone-sim show {folder} > my.toml, then run "
                "my.toml"
            )
        if not is_file(Path(said)):
            raise InputError(f"--set {key}={said}: no such file")
        return Path(said)
    if fits(was):
        return was
    near = [folder / was.name, folder.absolute().parent / was.name, Path(was.name)]
    for path in near:
        if fits(path):
            return path
    what = "is another file now than the run read" if is_file(was) else "is not there any more"
    raise FormatError(
        f"{was}: {what}, and {was.name} as it was is not in {folder}, beside it, or here. Put it "
        f"there, or say where it is: bluezone-sim run {folder} --set {key}=PATH"
        + (f" (its SHA-256 is {digest})" if digest else "")
    )


def _phones(phones: Phones) -> Iterator[str]:
    """What became of the table of phones that a run read."""
    if phones.models_file is None or phones.models_sha256 is None:
        return
    path = place_of(phones.models_file)
    try:
        now = digest_of_table(path)
    except InputError:
        what = "is not there any more"
    else:
        if now == phones.models_sha256:
            return
        what = "holds another table now"
    yield (
        f"phones.models: the {len(phones.models or ()):,} models that the run read, as its manifest has "
        f"them; {phones.models_file} {what}"
    )
