"""``bluezone-sim import``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import FormatError, InputError
from .common import Json

if TYPE_CHECKING:
    from ..captures.formats.dp3t_sqlite import PhoneNumbers
    from ..captures.importing import FileReport


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("import")(import_)


def import_(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="Captures (btsnoop, pcap, pcapng), measurements (sqlite), histories (data_trace.txt) "
            "or sightings; told by their content."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Parquet file of sightings to write.")],
    partial: Annotated[
        bool,
        typer.Option("--partial", help="Keep what was read of a faulty file before the fault."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Read what real phones heard into one table of sightings."""
    from ..captures.formats.dp3t_sqlite import PhoneNumbers
    from ..captures.formats.parquet import SightingsWriter
    from ..captures.importing import import_file

    twice = [f for i, f in enumerate(files) if f.resolve() in [g.resolve() for g in files[:i]]]
    if twice:
        raise InputError(f"{twice[0]}: is given twice")
    if out.resolve() in [f.resolve() for f in files]:
        raise InputError(f"{out}: is read and would be written; give another --out")
    phones, reports = PhoneNumbers(), []
    with SightingsWriter(out) as writer:
        for file in files:
            report, tables = import_file(file, phones)
            reports.append(report)
            try:
                for table in tables:
                    writer.write(table)
            except FormatError as error:
                if not partial:
                    kept = f"\n{_kept(report)}" if report.n_records else ""
                    raise FormatError(f"{error}{kept}") from None
                typer.echo(f"bluezone-sim: {error}\n{_kept(report, written=True)}", err=True)
    document = _document(out, reports, phones)
    if as_json:
        typer.echo(json.dumps(document))
    else:
        _print(document, reports)


def _kept(report: FileReport, *, written: bool = False) -> str:
    n = sum(report.n_sightings.values())
    read = (
        f"Read before the fault: {report.n_records:,} records, {report.n_advertisements:,} "
        f"advertisements, {n:,} sightings"
    )
    if written:
        return f"{read}; written, since --partial was given."
    return f"{read}; nothing was written. Give --partial to keep them."


def _document(out: Path, reports: list[FileReport], phones: PhoneNumbers) -> dict[str, Any]:
    from .._version import SCHEMA_VERSION

    return {
        "schema_version": SCHEMA_VERSION,
        "out": str(out),
        "n_sightings": sum(sum(r.n_sightings.values()) for r in reports),
        "files": [r.to_dict() for r in reports],
        "phones": [
            {"observer": number, "name": name, "model": phones.model.get(name)}
            for name, number in phones.number.items()
        ],
    }


def _print(document: dict[str, Any], reports: list[FileReport]) -> None:
    for report, found in zip(reports, document["files"], strict=True):
        typer.echo(
            f"{report.path}: {report.format}, {report.n_records:,} records, "
            f"{report.n_advertisements:,} advertisements"
        )
        for name, count in found["protocols"].items():
            typer.echo(
                f"  {name}: {count['n_sightings']:,} sightings, {count['n_identifiers']:,} distinct "
                "identifiers"
            )
        if not found["protocols"]:
            typer.echo("  no sightings: no advertisement of a contact-tracing system")
        for name, n in found["n_read_over_gatt"].items():
            typer.echo(f"  {name}: {n:,} advertisements without identifier, it is read over GATT")
        if report.own:
            typer.echo(f"  the phone set {len(report.own):,} identifiers of its own")
        for n, what in (
            (report.n_backwards, "records are a little earlier than the one before"),
            (report.n_cut, "records are kept in part only"),
            (report.n_malformed, "packets are malformed"),
            (report.n_without_rssi, "sightings do not tell their RSSI"),
        ):
            if n:
                typer.echo(f"  {n:,} {what}")
    typer.echo(f"Written: {document['out']}, {document['n_sightings']:,} sightings")
