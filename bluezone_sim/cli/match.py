"""``bluezone-sim match``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import FormatError, RowsError
from .common import Json, settings_of
from .printing import console, echo, print_json


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(match)


def match(
    keys: Annotated[
        list[Path],
        typer.Option(
            help="Published keys: Bluezone's CHECK_CONTACT_F0 message, an export.bin or its zip, a DP-3T "
            "list or cuckoo filter, TCN reports; told by their content. Again for each file, or a folder."
        ),
    ],
    history: Annotated[
        list[Path],
        typer.Option(
            help="What a phone heard: data_trace.txt, a CSV, a btsnoop, pcap or pcapng, a bug report, "
            "or sightings in Parquet; may be repeated: parts of one log are one phone."
        ),
    ],
    protocol: Annotated[
        str | None, typer.Option(help="System of the keys, where their file leaves it open.")
    ] = None,
    public_key: Annotated[
        Path | None,
        typer.Option(help="PEM, DER or base64; every export must be signed with it."),
    ] = None,
    rule: Annotated[
        str | None,
        typer.Option(
            help="Risk rule that judges the days, see `list --rules`; by default that of an app that "
            "used the system."
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Change a key of the rule, such as rule.minutes=10."
        ),
    ] = None,
    report_types: Annotated[
        str | None,
        typer.Option(help="Those that count, such as confirmed-test,self-report; by default all."),
    ] = None,
    partial: Annotated[
        bool,
        typer.Option("--partial", help="Leave out what is at fault: keys, stretches of a log."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Look published keys up in a phone's history."""
    from ..captures.importing import history_of
    from ..captures.key_sets import read_key_set
    from ..matching.one_phone import find
    from ..scenario.by_protocol import chosen_rule

    try:
        published = read_key_set(
            keys, protocol, public_key, partial=partial, report_types=report_types
        )
    except RowsError as error:
        raise FormatError(f"{error}\n--partial leaves {error.n:,} of its keys out") from None
    for warning in published.warnings():
        echo(f"bluezone-sim: {warning}", err=True)
    heard = history_of(history, published.protocol, partial=partial)
    for fault in heard.left_out:
        echo(f"bluezone-sim: {fault}; passed over", err=True)
    for columns in heard.not_used:
        echo(f"bluezone-sim: {columns}", err=True)
    changes = settings_of(settings, "rule.minutes=10")
    found = find(
        published.published_for(heard.sightings),
        heard.sightings,
        published.protocol,
        heard.n_out_of_order,
        published.filter,
        chosen_rule(published.protocol, rule, changes) if rule or changes else None,
        heard.listening,
        heard.phones,
    )
    if as_json:
        print_json("match", found.to_dict() | published.to_dict())
    else:
        console().print(found.table())
        echo("\n".join(filter(None, (found.summary(), published.summary()))))
