"""``bluezone-sim matrix``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import CriterionError
from .common import Json, progress_bar, settings_of, show
from .printing import console, echo, print_json

_EXAMPLE = "ios.background.sends=service"
#: Packets that are logged of each case.
_LOGGED = 200_000


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(matrix)


def matrix(
    protocol: Annotated[
        str, typer.Option(help="Radio profile, such as bluezone-v1, bluezone, gaen.")
    ] = "bluezone-v1",
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help=f"Change a value of the profile, such as {_EXAMPLE}.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of phones and packets.")] = 1,
    capture: Annotated[
        Path | None,
        typer.Option(help="Write what the scanners heard, a pcapng with an interface a case."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Run the white paper's 24 cases, packet by packet; exit 1 where they differ from it."""
    from ..validation.whitepaper.document import build_matrix

    changes = settings_of(settings, _EXAMPLE)
    with progress_bar(quiet=as_json) as report:
        found = build_matrix(
            protocol,
            changes,
            seed,
            report or (lambda done, stage: None),
            log_packets=0 if capture is None else _LOGGED,
        )
    if capture is not None:
        from ..scenario.profiles import load_profile
        from ..validation.whitepaper.capture import write_cases
        from ..validation.whitepaper.simulate import START_S

        profile = load_profile(protocol, changes)
        runs = [o.run for o in found.outcomes]
        count = write_cases(capture, runs, profile, seed, START_S * 1000)
        echo(f"Written: {capture}, {count:,} packets", err=as_json)
    if as_json:
        print_json("matrix", found.to_dict())
    else:
        terminal = console()
        terminal.print(found.table())
        echo(found.words() + "\n")
        show(terminal, [found.measured_table()])
    if found.missed:
        raise CriterionError(
            f"{len(found.missed)} of 24 cases differ from the white paper: "
            f"{', '.join(map(str, found.missed))}"
        )
