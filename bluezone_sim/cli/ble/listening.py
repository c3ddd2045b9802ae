"""``adapters``, ``scan``, ``record``, ``read``: who is on air."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..common import Json, tell_private
from ..printing import console, echo, print_json
from .common import AdapterName, ble, say

if TYPE_CHECKING:
    from ...ble.listening.on_air import SeenPhone


@ble.command()
def adapters(as_json: Json = False) -> None:
    """List the adapters: roles, versions, or why there are none."""
    from ...ble.adapters.inventory import list_adapters, versions
    from ...ble.listening.live_tables import adapters_table
    from ...ble.listening.session import run

    found = run(lambda stop: list_adapters(), heeds_stop=False)
    about = versions()
    if as_json:
        print_json("ble adapters", {"adapters": [a.to_dict() for a in found], "versions": about})
        return
    console().print(adapters_table(found))
    echo(", ".join(f"{name} {number}" for name, number in about.items()))


@ble.command()
def scan(
    protocol: Annotated[
        list[str] | None, typer.Option(help="Show phones of this protocol only; may be repeated.")
    ] = None,
    seconds: Annotated[float | None, typer.Option(help="By default until Ctrl-C.")] = None,
    record: Annotated[
        Path | None, typer.Option(help="FILE.pcapng, .btsnoop or .parquet to write.")
    ] = None,
    json_lines: Annotated[
        bool, typer.Option("--json-lines", help="A line a phone and second on stdout.")
    ] = False,
    read: Annotated[
        bool, typer.Option("--read/--no-read", help="Read identifiers of iPhones over GATT.")
    ] = True,
    adapter: AdapterName = None,
    as_json: Json = False,
) -> None:
    """Show who is on air; record it."""
    from ...ble.listening.live_tables import phones_table
    from ...ble.listening.scan import check_protocols
    from ...ble.listening.scan import scan as listen
    from ...ble.listening.session import run
    from ...files import check_file

    wanted = check_protocols(protocol or [])
    if record is not None:
        check_file(record)
        tell_private(record)
    live = _live(off=json_lines or as_json)

    def refresh(phones: list[SeenPhone], now_us: int) -> None:
        if json_lines:
            for phone in phones:
                if now_us - phone.last_us < 2_000_000:
                    print_json("ble scan line", phone.to_dict(now_us))
        elif live is not None:
            table = phones_table(phones, now_us, "Ctrl-C ends")
            live.update(live.console.fitting(table), refresh=True)

    with live if live is not None else _nothing():
        summary = run(
            lambda stop: listen(
                stop,
                adapter=adapter,
                protocols=wanted,
                seconds=seconds,
                record=record,
                read=read,
                refresh=refresh,
                say=say,
            )
        )
    if as_json:
        print_json("ble scan", summary.to_dict())
    elif not json_lines:
        console().print(phones_table(summary.phones, summary.ended_us))
    for line in summary.lines():
        echo(line, err=as_json or json_lines)
    if record is not None:
        echo(f"Written: {record} ({summary.rows:,} rows)", err=as_json or json_lines)


def _live(*, off: bool) -> Any:
    """A table that is drawn anew on a terminal, else nothing."""
    if off or not sys.stdout.isatty():
        return None
    from rich.live import Live

    return Live(console=console(), auto_refresh=False, transient=True)


def _nothing() -> Any:
    from contextlib import nullcontext

    return nullcontext()


@ble.command()
def record(
    file: Annotated[Path, typer.Argument(help="FILE.pcapng, .btsnoop or .parquet to write.")],
    seconds: Annotated[float | None, typer.Option(help="By default until Ctrl-C.")] = None,
    adapter: AdapterName = None,
    as_json: Json = False,
) -> None:
    """Record what is on air; `bluezone-sim match --history FILE` looks keys up in it."""
    scan(seconds=seconds, record=file, adapter=adapter, as_json=as_json)


@ble.command()
def read(
    address: Annotated[str, typer.Argument(help="Of the phone, as `scan` shows it.")],
    timeout: Annotated[float, typer.Option(help="Seconds, for all of it.")] = 10.0,
    adapter: AdapterName = None,
    as_json: Json = False,
) -> None:
    """Read a phone's identifier over GATT, as the apps do."""
    from ...ble.listening.read import read_address
    from ...ble.listening.session import run

    answer = run(
        lambda stop: read_address(address, adapter=adapter, timeout_s=timeout), heeds_stop=False
    )
    if as_json:
        print_json(
            "ble read",
            {
                "protocol": answer.protocol,
                "identifier": answer.identifier.hex(),
                "connect_s": round(answer.connect_s, 4),
                "read_s": round(answer.read_s, 4),
            },
        )
        return
    echo(f"{answer.protocol} {answer.identifier.hex()}")
    echo(f"connected in {answer.connect_s:.2f} s, read in {answer.read_s:.3f} s")
