"""``conformance``, ``range``, ``matrix``: phones under test."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..common import Json, progress_bar, tell_private
from ..printing import console, echo, print_json
from .common import AdapterName, ProtocolName, above_zero, ble, numbers, say

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...ble.guided.prompt import InputEndedError


@ble.command()
def conformance(
    profile: Annotated[
        str, typer.Argument(help="bluezone-android, bluezone-ios, gaen, or a TOML file.")
    ],
    target: Annotated[
        str, typer.Option(help="Address, or first: the first phone heard.")
    ] = "first",
    seconds: Annotated[
        float | None, typer.Option(help="By default as long as the profile needs.")
    ] = None,
    keys: Annotated[
        list[Path] | None,
        typer.Option(help="Published keys of the phone. Again for each file, or a folder."),
    ] = None,
    require: Annotated[
        list[str] | None,
        typer.Option(help="A measurement, or all: fails where it is not measured."),
    ] = None,
    recording: Annotated[
        Path | None, typer.Option(help="Measure a .pcapng or .btsnoop instead of the air.")
    ] = None,
    record: Annotated[Path | None, typer.Option(help="Also record to this file.")] = None,
    junit: Annotated[Path | None, typer.Option(help="JUnit XML to write.")] = None,
    html: Annotated[Path | None, typer.Option(help="Page to write.")] = None,
    adapter: AdapterName = None,
    as_json: Json = False,
) -> None:
    """Measure one phone against a profile.

    Exit 0 where nothing fails, 1 where a limit is missed or what --require names is not measured, 5 where
    the phone is not heard.
    """
    from ...ble.conformance import documents as files
    from ...ble.conformance.judge import judge, listen, recorded, required_of, table, target_of
    from ...ble.conformance.limits import load_limits
    from ...ble.listening.session import run
    from ...captures.key_sets import read_key_set
    from ...files import check_file, write_file

    for path in (record, junit, html):
        if path is not None:
            check_file(path)
    if record is not None and recording is None:
        tell_private(record)
    limits = load_limits(profile)
    above_zero(seconds, "--seconds")
    wanted = target_of(target)
    required = required_of(require or [], limits)

    def published() -> Any:
        return read_key_set(keys, limits.protocol) if keys else None

    absent = [path for path in keys or [] if not os.path.exists(path)]
    if recording is not None or not absent:
        published()  # a fault is told before somebody has listened for an hour
    for missing in absent if recording is None else []:
        say(f"{missing} is not there yet; it is read at the end")
    if recording is not None:
        from ...ble.listening.recorder import read_packets

        heard = recorded(read_packets(recording))
    else:
        length = limits.seconds if seconds is None else seconds
        say(f"listening for {length / 60:.1f} minutes; Ctrl-C measures what was heard until then")
        with progress_bar(quiet=as_json) as bar:
            heard = run(
                lambda stop: listen(
                    stop,
                    limits,
                    adapter=adapter,
                    seconds=length,
                    record=record,
                    say=say,
                    progress=bar or (lambda done, stage: None),
                )
            )
    report = judge(
        profile,
        limits,
        heard,
        target=wanted,
        required=required,
        keys=published(),
        source="air" if recording is None else str(recording),
    )
    if as_json:
        print_json("ble conformance", report.to_dict())
    else:
        echo(f"{limits.title}: phone {', '.join(report.addresses)}")
        console().print(table(report.measurements))
        echo(report.verdict)
    for path, content in ((junit, files.junit), (html, files.html)):
        if path is not None:
            write_file(path, content(report))
            echo(f"Written: {path}", err=True)
    if report.failed:
        raise typer.Exit(1)


@ble.command("range")
def walk_test(
    distances: Annotated[
        str | None, typer.Option(help="Metres, such as 1,2,5; by default 0.5 to 12.")
    ] = None,
    protocol: ProtocolName = "bluezone",
    target: Annotated[str, typer.Option(help="Address, or first: the strongest phone.")] = "first",
    seconds: Annotated[float, typer.Option(help="Listened at each distance.")] = 60.0,
    tx_power: Annotated[float | None, typer.Option(help="Of the phone, dBm, if known.")] = None,
    rx_correction: Annotated[
        float | None, typer.Option(help="Of the adapter, dB, if known.")
    ] = None,
    profile: Annotated[
        Path | None, typer.Option(help="TOML to write: a scenario's [radio] table.")
    ] = None,
    figure: Annotated[Path | None, typer.Option(help="PNG to write.")] = None,
    adapter: AdapterName = None,
    as_json: Json = False,
) -> None:
    """Walk test: RSSI and detection by distance, and the path loss that fits them."""
    import datetime as dt
    from dataclasses import replace

    from ...ble.conformance.judge import target_of
    from ...ble.guided import range_test as walk
    from ...ble.guided.sample import sample
    from ...ble.listening.scan import check_protocols
    from ...ble.listening.session import run
    from ...errors import InputError
    from ...files import check_file, write_file
    from ...scenario.schema.phones import Phones

    for path in (profile, figure):
        if path is not None:
            check_file(path)
    check_protocols([protocol])
    above_zero(seconds, "--seconds")
    stops_m = numbers(distances, "--distances", "1,2,5") or list(walk.DISTANCES_M)
    if min(stops_m) <= 0:
        raise InputError(f"--distances {distances}: expected metres above 0")
    address = target_of(target)

    def measure() -> Any:
        taken = run(lambda stop: sample(stop, protocol, seconds, adapter=adapter, say=say))
        return replace(taken, packets=walk.of_phone(taken.packets, address))

    stops, unanswered = _guided(
        adapter,
        lambda: walk.walk(stops_m, measure, say, lambda s: say(f"{len(s.rssi_dbm):,} packets")),
    )
    found, settings = None, {}
    try:
        found = walk.fit(stops)
    except InputError as error:
        say(f"no path loss: {error}")
    if found is not None:
        given = {"tx_power_dbm": tx_power, "rx_correction_db": rx_correction}
        phone = Phones().android.model_copy(
            update={k: v for k, v in given.items() if v is not None}
        )
        settings = walk.radio_settings(found, phone)
    if as_json:
        print_json("ble range", walk.document(stops, found, settings))
    else:
        console().print(walk.table(stops))
        if found is not None:
            echo(
                f"RSSI = {found.rssi_1m_dbm:.1f} dBm - 10 x {found.exponent:.2f} log10(d); sd "
                f"{found.place_sd_db:.1f} dB between places, {found.packet_sd_db:.1f} dB within one"
            )
            echo(" ".join(f"--set radio.{k}={v:g}" for k, v in settings.items()))
    written: list[tuple[Path, bytes]] = []
    if profile is not None and found is not None:
        when = dt.datetime.now(dt.UTC).date().isoformat()
        written.append((profile, walk.profile_toml(settings, found, stops, when).encode()))
    if figure is not None and stops:
        written.append((figure, walk.figure(stops, found)))
    for path, content in written:
        write_file(path, content)
        echo(f"Written: {path}", err=True)
    if unanswered is not None:
        raise unanswered


def _guided(adapter: str | None, session: Callable[[], Any]) -> tuple[Any, InputEndedError | None]:
    """What a guided session measured, and why it ended early where nobody answers any more.

    Raises:
        AdapterError: there is no adapter, which is told before the first question.
        InputEndedError: nobody answered at all.
    """
    from ...ble.adapters.inventory import choose
    from ...ble.guided.prompt import InputEndedError
    from ...ble.listening.session import run

    run(lambda stop: choose(adapter), heeds_stop=False)
    try:
        return session(), None
    except InputEndedError as ended:
        if not ended.kept:
            raise
        return ended.kept, ended


@ble.command()
def matrix(
    out: Annotated[
        Path, typer.Option(help="File of the session; a later one goes on from it.")
    ] = Path("matrix.json"),
    cases: Annotated[str, typer.Option(help="Which, such as 1-6,10.")] = "1-24",
    wait: Annotated[
        float, typer.Option(help="Seconds a case lasts; a scan of Bluezone v2 comes every 300.")
    ] = 330.0,
    adapter: AdapterName = None,
    as_json: Json = False,
) -> None:
    """The white paper's 24 cases on real phones, guided; exit 1 where one differs."""
    from ...ble.guided import whitepaper as guided
    from ...ble.guided.sample import sample
    from ...ble.listening.session import run
    from ...files import check_file

    above_zero(wait, "--wait")
    check_file(out)

    def measure() -> Any:
        return run(lambda stop: sample(stop, "bluezone", wait, adapter=adapter, say=say, read=True))

    wanted, earlier = guided.cases_of(cases), guided.load(out)
    results, unanswered = earlier, None
    if set(wanted) - set(earlier):
        results, unanswered = _guided(
            adapter,
            lambda: guided.session(wanted, earlier, measure, say, lambda r: guided.save(out, r)),
        )
    if as_json:
        print_json("ble matrix", guided.to_dict(results))
    else:
        console().print(guided.table(results))
    say(f"{len(results)} of 24 cases in {out}")
    if unanswered is not None:
        raise unanswered
    if guided.differ(results):
        raise typer.Exit(1)
