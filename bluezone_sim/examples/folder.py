"""The folder of an example: files to try commands on, and what the commands print."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from .. import protocols
from .._version import SCHEMA_VERSION
from ..captures.formats.btsnoop import BtsnoopWriter
from ..captures.importing import Import, history_of
from ..captures.key_sets import read_key_set
from ..errors import FormatError, InputError
from ..files import check_place, faults_of, named, others_in, read_digests, recover, whole_folder
from ..matching.one_phone import find
from ..protocols.protocol import called
from .phones import DISTANCES_M, STAYS_S, ThreePhones, three_phones

HOLDS = "example"
_LOG, _ROWS, _MATCH, _IMPORT = "btsnoop_hci.log", "heard.csv", "match.json", "import.json"


def names() -> tuple[str, ...]:
    """Protocols that there are examples of: those that scenarios can follow."""
    return protocols.followed()


def about(name: str) -> str:
    """What the example of a protocol holds, in a line."""
    system = protocols.get(name)
    if not system.files:
        return f"{system.title}: what a phone heard; the match is its server's"
    return f"{system.title}: what a phone heard, {system.files[0].title} and the match"


def write_example(name: str, folder: Path) -> Path:
    """Writes an example, whole or not at all; the same bytes every time.

    Args:
        name: one of :func:`names`.
        folder: made where it is not there; one with files of others is refused.

    Raises:
        InputError: there is no such example, or it cannot be written there.
    """
    if name not in names():
        protocols.get(name)  # a name that is nearly right is told
        raise InputError(f"no example of {name}; there are those of {', '.join(names())}")
    check_place(folder)
    recover(folder)
    _check_own(folder)
    phones = three_phones(name)
    with whole_folder(folder, HOLDS, replace=_check_own) as part:
        heard, what = _write_heard(part, phones)
        keys = _write_keys(part, phones)
        printed = _printed_match(part, name, keys, heard) if keys else _printed_import(part, heard)
        (part / "README.txt").write_text(
            _readme(phones, {heard: what}, keys, printed), encoding="utf-8"
        )
    return folder


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


def _write_heard(part: Path, phones: ThreePhones) -> tuple[str, str]:
    """The file and what it is: packets, or rows where identifiers are read over a connection."""
    if not phones.read_over_gatt:
        packets, each = phones.packets()
        with BtsnoopWriter(part / _LOG) as log:
            log.write(packets)
        return _LOG, "the log of its Bluetooth" + (f" (one packet of {each})" if each > 1 else "")
    rows = phones.sightings()
    columns = (rows.time_ms.tolist(), rows.identifier, rows.rssi_dbm.tolist())
    lines = ["unix_ms,identifier,rssi_dbm,protocol"]
    lines += [
        f"{time_ms},{identifier.tobytes().hex()},{rssi},{phones.system.name}"
        for time_ms, identifier, rssi in zip(*columns, strict=True)
    ]
    (part / _ROWS).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return _ROWS, "the rows of its app"


def _write_keys(part: Path, phones: ThreePhones) -> str:
    """The name of the file of the case's keys; empty where the protocol has none."""
    if not phones.system.files:
        return ""
    form = phones.system.files[0]
    name = f"{phones.system.name}-keys{form.suffix}"
    (part / name).write_bytes(called(form.write)(phones.keys()))
    return name


def _printed_match(part: Path, name: str, keys: str, heard: str) -> list[tuple[str, str]]:
    """(command, what it prints), the document written beside."""
    published = read_key_set([part / keys], name)
    history = history_of(part / heard, name)
    found = find(
        published.published_for(history.sightings),
        history.sightings,
        name,
        history.n_out_of_order,
        published.filter,
        listening=history.listening,
        phones=history.phones,
    )
    _write(part / _MATCH, _here(found.to_dict() | published.to_dict(), part))
    said = [found.table().text(), found.summary(), published.summary()]
    text = "\n".join(line.rstrip() for line in "\n".join(filter(None, said)).splitlines())
    command = f"bluezone-sim match --keys {keys} --history {heard} --protocol {name}"
    return [(command, _here(text, part)), (f"{command} --json", f"(what {_MATCH} holds)")]


def _printed_import(part: Path, heard: str) -> list[tuple[str, str]]:
    reading = Import()
    report, tables = reading.read(part / heard)
    for _ in tables:
        pass
    document = reading.document(Path("sightings.parquet"), [report])
    document = {"schema_version": SCHEMA_VERSION, **document}
    _write(part / _IMPORT, _here(document, part))
    return [
        (
            f"bluezone-sim import {heard} --out sightings.parquet --json",
            f"(what {_IMPORT} holds)",
        )
    ]


def _write(path: Path, document: Any) -> None:
    path.write_text(json.dumps(document, allow_nan=False) + "\n", encoding="utf-8")


def _here(value: Any, part: Path) -> Any:
    """Paths of the folder in the making as they are from inside it."""
    if isinstance(value, str):
        return value.replace(f"{part}{os.sep}", "")
    if isinstance(value, dict):
        return {_here(k, part): _here(v, part) for k, v in value.items()}
    return [_here(v, part) for v in value] if isinstance(value, list) else value


def _readme(
    phones: ThreePhones, heard: dict[str, str], keys: str, printed: list[tuple[str, str]]
) -> str:
    near, far = (
        f"{d:g} m for {s // 60} minutes" for d, s in zip(DISTANCES_M, STAYS_S, strict=True)
    )
    ((log, what),) = heard.items()
    system = phones.system
    files = [
        f"{log}: {what}, with a phone at {near}",
        f"  and another at {far}, on 13 September 2020 from 12:26 UTC",
    ]
    if keys:
        files += [f"{keys}: {system.files[0].title}, what the nearer phone's owner publishes"]
        files += [f"{_MATCH}: what is found"]
    else:
        files += [f"{_IMPORT}: what is read; {system.title} matches on its server"]
    parts = [
        f"What a simulated phone with {system.title} heard.",
        "\n".join(files),
        "In this folder:",
    ]
    return "\n\n".join([*parts, *(f"$ {command}\n{text}" for command, text in printed)]) + "\n"
