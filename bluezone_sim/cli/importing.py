"""``bluezone-sim import``."""

from __future__ import annotations

import datetime as dt
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import FormatError, InputError
from ..reading.bounded import is_folder
from .common import Json, tell_private
from .printing import echo, print_json

if TYPE_CHECKING:
    from ..captures.file_report import FileReport
    from ..captures.importing import Import


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("import")(import_)


def import_(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="Captures (btsnoop, pcap, pcapng, PacketLogger), bug reports of Android, measurements "
            "(sqlite), histories (data_trace.txt, CSV) or sightings; told by their content. Folders too."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Parquet file of sightings to write.")],
    partial: Annotated[
        bool,
        typer.Option(
            "--partial",
            help="Pass over what is at fault in a file, and keep all else that can be read.",
        ),
    ] = False,
    protocol: Annotated[
        str | None, typer.Option(help="Whose identifiers a CSV holds that does not tell it.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Read what real phones heard into one table of sightings."""
    from ..captures.formats.parquet import SightingsWriter
    from ..captures.importing import Import
    from ..files import absolute, check_file

    files = _files(files, partial=partial)
    places = [absolute(file).resolve() for file in files]
    twice = [file for i, file in enumerate(files) if places[i] in places[:i]]
    if twice:
        raise InputError(f"{twice[0]}: is given twice")
    if absolute(out).resolve() in places:
        raise InputError(f"{out}: is read and would be written; give another --out")
    check_file(out)
    tell_private(out)
    reading, reports = Import(partial=partial, protocol=protocol), []
    ordered = reading.in_order(files)
    with SightingsWriter(out) as writer:
        for file in ordered:
            report, tables = reading.read(file)
            reports.append(report)
            try:
                for table in tables:
                    writer.write(table)
            except FormatError as error:
                if not partial:
                    kept = f"\n{_kept(report)}" if report.n_records else ""
                    raise FormatError(f"{error}{kept}") from None
                echo(f"bluezone-sim: {error}\n{_kept(report, written=True)}", err=True)
            _tell_damage(report)
            _tell_ahead(report)
        writer.note(reading.listening(), reading.phones.names())
    document = reading.document(out, reports)
    if as_json:
        print_json("import", document)
    else:
        _print(document, reports)
        _print_phones(reading)


def _files(given: list[Path], *, partial: bool) -> list[Path]:
    """The files, and those in folders; with ``partial`` without those that are none of sightings."""
    from ..captures.sources import told_by_content

    out: list[Path] = []
    for path in given:
        if not is_folder(path):
            out.append(path)
            continue
        inside = sorted(p for p in path.iterdir() if p.is_file() and not p.name.startswith("."))
        for file in inside:
            try:
                told_by_content(file)
                out.append(file)
            except FormatError as error:
                if not partial:
                    raise FormatError(
                        f"{error}\n--partial reads the other files of the folder"
                    ) from None
                echo(f"bluezone-sim: {error}; passed over", err=True)
        if not inside:
            raise InputError(f"{path}: the folder holds no files")
    return out


def _tell_damage(report: FileReport) -> None:
    damage = report.damage
    for fault in damage.told:
        echo(f"bluezone-sim: {report.path}: {fault}", err=True)
    if damage.n:
        more = damage.n - len(damage.told)
        n = sum(report.n_sightings.values())
        echo(
            f"bluezone-sim: {report.path}: {f'{more:,} more faults; ' if more else ''}"
            f"{f'{damage.n_bytes:,} bytes were passed over; ' if damage.n_bytes else ''}"
            f"all else was read, {n:,} sightings; written, since --partial was given.",
            err=True,
        )


def _tell_ahead(report: FileReport) -> None:
    """Tells of a clock that was wrong: of sightings later than now, a day for its zone."""
    last_s = (report.last_ms or 0) // 1000
    if last_s > time.time() + 86_400:
        day = dt.datetime(1970, 1, 1) + dt.timedelta(seconds=last_s)
        echo(
            f"bluezone-sim: {report.path}: its sightings reach {day:%Y-%m-%d}, ahead of now; was the "
            "phone's clock set?",
            err=True,
        )


def _kept(report: FileReport, *, written: bool = False) -> str:
    n = sum(report.n_sightings.values())
    read = (
        f"Read before the fault: {report.n_records:,} records, {report.n_advertisements:,} "
        f"advertisements, {n:,} sightings"
    )
    if written:
        return f"{read}; written, since --partial was given."
    return f"{read}; nothing was written. Give --partial to keep them."


def _print_phones(reading: Import) -> None:
    """How long each phone listened, where that is known."""
    from ..matching.near import in_words

    listening = reading.listening()
    known = set() if listening is None else set(listening.observer.tolist())
    for number, name in reading.phones.names().items():
        if number in known:
            echo(f"{name}: {in_words(listening, number)}")


def _print(document: dict[str, Any], reports: list[FileReport]) -> None:
    for report, found in zip(reports, document["files"], strict=True):
        echo(
            f"{report.path}: {report.format}, {report.n_records:,} records, "
            f"{report.n_advertisements:,} advertisements"
        )
        for name, count in found["protocols"].items():
            echo(
                f"  {name}: {count['n_sightings']:,} sightings, {count['n_identifiers']:,} distinct "
                "identifiers"
            )
        if not found["protocols"]:
            echo("  no sightings: no advertisement of a contact-tracing system")
        for name, n in found["n_read_over_gatt"].items():
            echo(f"  {name}: {n:,} advertisements without identifier, it is read over GATT")
        if report.own:
            echo(f"  the phone set {len(report.own):,} identifiers of its own")
        if report.columns_not_used:
            echo(f"  not used: {', '.join(report.columns_not_used)}")
        for n, what in (
            (report.n_backwards, "records are a little earlier than the one before"),
            (report.n_cut, "records are kept in part only"),
            (report.n_malformed, "packets are malformed"),
            (
                report.n_stale,
                "fragments of advertisements wait in vain for the rest, and are left out",
            ),
            (report.n_untimed, "packets tell no time, and are left out"),
            (report.n_without_rssi, "sightings do not tell their RSSI"),
        ):
            if n:
                echo(f"  {n:,} {what}")
    for link in document["continued"]:
        echo(f"{link['later']} goes on with {link['earlier']}: taken for one phone's")
    echo(f"Written: {document['out']}, {document['n_sightings']:,} sightings")
