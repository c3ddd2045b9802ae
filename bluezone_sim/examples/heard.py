"""Examples of protocols: what a phone heard, the keys of a case, and what is found with them."""

from __future__ import annotations

from pathlib import Path

from .. import protocols
from .._version import SCHEMA_VERSION
from ..captures.formats.btsnoop import BtsnoopWriter
from ..captures.importing import Import, history_of
from ..captures.key_sets import read_key_set
from ..files import write_file
from ..matching.one_phone import find
from ..protocols.protocol import called
from .phones import DISTANCES_M, STAYS_S, ThreePhones, three_phones
from .readme import from_inside, plain, readme, write_document

_LOG, _ROWS, _MATCH, _IMPORT = "btsnoop_hci.log", "heard.csv", "match.json", "import.json"


def about(name: str) -> str:
    """What the example of a protocol holds, in a line."""
    system = protocols.get(name)
    if not system.files:
        return f"{system.title}: what a phone heard; the match is its server's"
    return f"{system.title}: what a phone heard, {system.files[0].title} and the match"


def write(name: str, part: Path) -> str:
    """Writes the files of a protocol's example; its README is returned."""
    phones = three_phones(name)
    heard, what = _write_heard(part, phones)
    keys = _write_keys(part, phones)
    printed = _printed_match(part, name, keys, heard) if keys else _printed_import(part, heard)
    near, far = (
        f"{d:g} m for {s // 60} minutes" for d, s in zip(DISTANCES_M, STAYS_S, strict=True)
    )
    system = phones.system
    files = [
        f"{heard}: {what}, with a phone at {near}",
        f"  and another at {far}, on 13 September 2020 from 12:26 UTC",
    ]
    if keys:
        files += [f"{keys}: {system.files[0].title}, what the nearer phone's owner publishes"]
        files += [f"{_MATCH}: what is found"]
    else:
        files += [f"{_IMPORT}: what is read; {system.title} matches on its server"]
    return readme(f"What a simulated phone with {system.title} heard.", files, printed)


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
    write_file(part / _ROWS, "\n".join(lines) + "\n", private=True)
    return _ROWS, "the rows of its app"


def _write_keys(part: Path, phones: ThreePhones) -> str:
    """The name of the file of the case's keys; empty where the protocol has none."""
    if not phones.system.files:
        return ""
    form = phones.system.files[0]
    name = f"{phones.system.name}-keys{form.suffix}"
    write_file(part / name, called(form.write)(phones.keys()), private=True)
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
    write_document(part / _MATCH, from_inside(found.to_dict() | published.to_dict(), part))
    said = [found.table().text(), found.summary(), published.summary()]
    text = from_inside(plain("\n".join(filter(None, said))), part)
    command = f"bluezone-sim match --keys {keys} --history {heard} --protocol {name}"
    return [(command, text), (f"{command} --json", f"(what {_MATCH} holds)")]


def _printed_import(part: Path, heard: str) -> list[tuple[str, str]]:
    reading = Import()
    report, tables = reading.read(part / heard)
    for _ in tables:
        pass
    document = reading.document(Path("sightings.parquet"), [report])
    document = {"schema_version": SCHEMA_VERSION, **document}
    write_document(part / _IMPORT, from_inside(document, part))
    return [
        (
            f"bluezone-sim import {heard} --out sightings.parquet --json",
            f"(what {_IMPORT} holds)",
        )
    ]
