"""``bluezone-sim match``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from .common import Json, console


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(match)


def match(
    keys: Annotated[
        Path,
        typer.Option(
            help="Published keys: Bluezone's CHECK_CONTACT_F0 message, an export.bin or its zip, a DP-3T "
            "list or cuckoo filter, TCN reports; told by their content."
        ),
    ],
    history: Annotated[
        list[Path],
        typer.Option(
            help="What a phone heard: data_trace.txt, a btsnoop, pcap or pcapng, a bug report, or "
            "sightings in Parquet; may be repeated: parts of one log are one phone."
        ),
    ],
    protocol: Annotated[
        str | None, typer.Option(help="System of the keys, where their file leaves it open.")
    ] = None,
    public_key: Annotated[
        Path | None, typer.Option(help="PEM; the export must be signed with it.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Look published keys up in a phone's history."""
    from ..captures.importing import history_of
    from ..captures.key_files import read_keys
    from ..matching.one_phone import find

    published = read_keys(keys, protocol, public_key)
    heard = history_of(history, published.protocol)
    found = find(
        published.published_for(heard.sightings),
        heard.sightings,
        published.protocol,
        heard.n_out_of_order,
        published.filter,
        heard.listening,
        heard.phones,
    )
    if as_json:
        typer.echo(json.dumps(found.to_dict()))
    else:
        console().print(found.table())
        typer.echo(found.summary())
