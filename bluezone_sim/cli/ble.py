"""``bluezone-sim ble``: adapters, scans, and the bench for QA."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .common import Json, Scenario, Settings, console, progress_bar, read_bytes, settings_of

if TYPE_CHECKING:
    from ..ble.onair import Phone

ble = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

AdapterName = Annotated[
    str | None, typer.Option("--adapter", help="Such as hci0; by default the first that can.")
]
ProtocolName = Annotated[str, typer.Option("--protocol", help="As in the README.")]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.add_typer(ble, name="ble", help="Real adapters: scan, advertise, measure, drive.")


def say(text: str) -> None:
    """Progress and troubles, on stderr."""
    typer.echo(text, err=True)


@ble.command()
def adapters(as_json: Json = False) -> None:
    """List the adapters: roles, versions, or why there are none."""
    from ..ble.adapters import list_adapters, versions
    from ..ble.run import run
    from ..ble.show import adapters_table

    found = run(lambda stop: list_adapters())
    about = versions()
    if as_json:
        typer.echo(json.dumps({"adapters": [a.to_dict() for a in found], "versions": about}))
        return
    console().print(adapters_table(found))
    typer.echo(", ".join(f"{name} {number}" for name, number in about.items()))


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
    from ..ble.run import run
    from ..ble.scan import check_protocols
    from ..ble.scan import scan as listen
    from ..ble.show import phones_table

    wanted = check_protocols(protocol or [])
    live = _live(off=json_lines or as_json)

    def refresh(phones: list[Phone], now_us: int) -> None:
        if json_lines:
            for phone in phones:
                if now_us - phone.last_us < 2_000_000:
                    typer.echo(json.dumps(phone.to_dict(now_us)))
        elif live is not None:
            live.update(phones_table(phones, now_us, "Ctrl-C ends"), refresh=True)

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
        typer.echo(json.dumps(summary.to_dict()))
    elif not json_lines:
        import time

        console().print(phones_table(summary.phones, time.time_ns() // 1000))
    for line in summary.lines():
        typer.echo(line, err=as_json or json_lines)
    if record is not None:
        typer.echo(f"Written: {record} ({summary.rows:,} rows)", err=as_json or json_lines)


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
    from ..ble.read import read_address
    from ..ble.run import run

    answer = run(lambda stop: read_address(address, adapter=adapter, timeout_s=timeout))
    if as_json:
        typer.echo(
            json.dumps(
                {
                    "protocol": answer.protocol,
                    "identifier": answer.identifier.hex(),
                    "connect_s": round(answer.connect_s, 4),
                    "read_s": round(answer.read_s, 4),
                }
            )
        )
        return
    typer.echo(f"{answer.protocol} {answer.identifier.hex()}")
    typer.echo(f"connected in {answer.connect_s:.2f} s, read in {answer.read_s:.3f} s")


@ble.command()
def advertise(
    protocol: ProtocolName = "bluezone",
    phones: Annotated[int, typer.Option(help="How many simulated phones.")] = 1,
    rotate: Annotated[
        str, typer.Option(help="Identifiers change as the protocol says (real), or every SECONDS.")
    ] = "real",
    platform: Annotated[
        str, typer.Option(help="android, or ios: the identifier is read over GATT (Bluezone).")
    ] = "android",
    keys: Annotated[
        Path | None,
        typer.Option(help="File for the keys, for `match`; by default PROTOCOL-keys.*."),
    ] = None,
    seconds: Annotated[float | None, typer.Option(help="By default until Ctrl-C.")] = None,
    backend: Annotated[str, typer.Option(help="bluez, or bumble on a raw dongle.")] = "bluez",
    adapter: AdapterName = None,
    as_json: Json = False,
) -> None:
    """Put simulated phones on air, with real identifiers."""
    from ..ble.advertise import advertise as send
    from ..ble.advertise import transmitter
    from ..ble.crowd import Crowd, key_file_name
    from ..ble.run import run

    crowd = Crowd(protocol, phones, _rotation(rotate))
    file = keys or Path(key_file_name(protocol))
    ios = _is_ios(platform)

    def show(identifiers: list[str]) -> None:
        if not as_json:
            shown = ", ".join(identifiers[:8]) + (", …" if len(identifiers) > 8 else "")
            typer.echo(f"on air: {shown}")

    async def work(stop: Any) -> Any:
        async with transmitter(backend, adapter) as transmit:
            return await send(
                stop, crowd, transmit, file, ios=ios, seconds=seconds, say=say, show=show
            )

    sent = run(work)
    if as_json:
        typer.echo(json.dumps({**sent.to_dict(), "protocol": protocol, "file": str(file)}))
    typer.echo(
        f"Written: {file} ({sent.keys} keys). `bluezone-sim match --keys {file} --history FILE` finds "
        "these phones",
        err=as_json,
    )


def _rotation(text: str) -> float | None:
    from ..errors import InputError

    if text == "real":
        return None
    try:
        return float(text)
    except ValueError:
        raise InputError(f"--rotate {text}: expected real, or seconds") from None


def _is_ios(platform: str) -> bool:
    from ..errors import InputError

    if platform not in ("android", "ios"):
        raise InputError(f"--platform {platform}: expected android or ios")
    return platform == "ios"


@ble.command()
def drive(
    scenario: Scenario,
    adapter: AdapterName = None,
    listen: Annotated[
        str | None, typer.Option(help="Adapter that listens as the person's phone.")
    ] = None,
    adoption: Annotated[
        str | None, typer.Option(help="Levels, such as 0.14,0.4,0.6,1; by default the scenario's.")
    ] = None,
    speed: Annotated[float, typer.Option(help="Simulated seconds a second.")] = 60.0,
    hours: Annotated[str, typer.Option(help="Local hours of the last day to play.")] = "0-24",
    person: Annotated[int | None, typer.Option(help="Whose phone is on the bench.")] = None,
    distance: Annotated[
        float, typer.Option(help="Metres between adapters, or to the phone.")
    ] = 0.5,
    out: Annotated[
        Path | None, typer.Option(help="Directory for keys, sightings, and how the run went.")
    ] = None,
    history: Annotated[
        Path | None,
        typer.Option(help="A phone's data_trace.txt after a run: judge it, send nothing."),
    ] = None,
    iphones: Annotated[
        str,
        typer.Option(
            help="own: sent as they are and read over GATT; android: as Android phones, of which an "
            "adapter sends many at once."
        ),
    ] = "own",
    backend: Annotated[str, typer.Option(help="bluez, or bumble on a raw dongle.")] = "bluez",
    seed: Annotated[int | None, typer.Option(help="Replace the scenario's seed.")] = None,
    settings: Settings = None,
    as_json: Json = False,
) -> None:
    """Hardware in the loop: a simulated person's contacts on air, beside the simulation."""
    from ..ble.advertise import transmitter
    from ..ble.drive import drive as play
    from ..ble.drive import judge_history
    from ..ble.plan import make_plan
    from ..ble.run import run
    from ..errors import InputError
    from ..scenario import load

    chosen = load(scenario, settings_of(settings))
    span = _span(hours)
    if history is not None:
        if out is None:
            raise InputError("--history: give the run's directory with --out")
        found = judge_history(chosen, out, read_bytes(history), str(history), span)
        _show_drive(found, as_json=as_json)
        return
    owners = chosen.population.smartphones
    levels = _numbers(adoption, "--adoption") or [n / owners for n in chosen.level_users()]
    say("simulating the contacts")
    plan = make_plan(
        chosen,
        chosen.seed if seed is None else seed,
        levels,
        person=person,
        hours=span,
        speed=speed,
        distance_m=distance,
        iphones=iphones,
    )
    say(
        f"person {plan.person}, {chosen.date}: {len(plan.peers)} peers with phones, "
        f"{len(plan.contacts):,} contacts; {plan.timeline.played_s / 60:.1f} minutes a level"
    )

    async def work(stop: Any) -> Any:
        async with transmitter(backend, adapter) as transmit:
            with progress_bar(quiet=as_json) as report:
                return await play(
                    stop,
                    plan,
                    levels,
                    transmit,
                    listen=listen,
                    out=out,
                    say=say,
                    progress=report or (lambda done, stage: None),
                )

    found = run(work)
    _show_drive(found, as_json=as_json)
    if listen is None:
        say(
            "nothing listened here; export the phone's history, then run the same command with "
            f"--out {out or 'DIR'} --history FILE"
        )


def _show_drive(found: Any, *, as_json: bool) -> None:
    from ..ble.show import drive_table

    if as_json:
        typer.echo(json.dumps(found.to_dict()))
        return
    console().print(drive_table(found.levels))
    for level in found.levels:
        for who, what in ((level.missed, "missed on air"), (level.extra, "on air alone")):
            if who:
                typer.echo(
                    f"Adoption {100 * level.level:.3g} %, {what}: {', '.join(map(str, who))}"
                )
    typer.echo(
        "Counts of peers. At desk: the simulation with phones as near as on the bench, which is what the "
        "air can\nshow; scenario: at the scenario's distances. Warned: if the peer were a case."
    )


def _span(text: str) -> tuple[float, float]:
    from ..errors import InputError

    low, _, high = text.partition("-")
    try:
        return float(low), float(high)
    except ValueError:
        raise InputError(f"--hours {text}: expected hours such as 7-12") from None


def _numbers(text: str | None, option: str) -> list[float]:
    from ..errors import InputError

    try:
        return [float(part) for part in text.split(",")] if text else []
    except ValueError:
        raise InputError(f"{option} {text}: expected numbers such as 0.14,0.4,0.6,1") from None


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
    keys: Annotated[Path | None, typer.Option(help="Published keys of the phone.")] = None,
    recording: Annotated[
        Path | None, typer.Option(help="Measure a .pcapng or .btsnoop instead of the air.")
    ] = None,
    record: Annotated[Path | None, typer.Option(help="Also record to this file.")] = None,
    junit: Annotated[Path | None, typer.Option(help="JUnit XML to write.")] = None,
    html: Annotated[Path | None, typer.Option(help="Page to write.")] = None,
    adapter: AdapterName = None,
    as_json: Json = False,
) -> None:
    """Measure one phone against a profile; exit 1 where it fails, 5 where it is not heard."""
    from ..ble import conformance_files as files
    from ..ble.conformance import judge, listen, table
    from ..ble.profile import load_profile
    from ..ble.run import run
    from ..captures.packets import WholeFile

    limits = load_profile(profile)
    if recording is not None:
        from ..ble.recording import read_packets

        report = judge(
            profile,
            limits,
            read_packets(recording),
            target=target,
            keys=keys,
            source=str(recording),
        )
    else:
        length = limits.seconds if seconds is None else seconds
        say(f"listening for {length / 60:.1f} minutes; Ctrl-C measures what was heard until then")
        with progress_bar(quiet=as_json) as bar:
            packets, reads, names, listened = run(
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
            packets,
            target=target,
            seconds=listened,
            reads=reads,
            names=names,
            keys=keys,
        )
    for path, content in ((junit, files.junit), (html, files.html)):
        if path is not None:
            with WholeFile(path) as file:
                file.stream.write(content(report))
    if as_json:
        typer.echo(json.dumps(report.to_dict()))
    else:
        typer.echo(f"{limits.title}: phone {', '.join(report.addresses)}")
        console().print(table(report.measurements))
    for path in (junit, html):
        if path is not None:
            typer.echo(f"Written: {path}", err=True)
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

    from ..ble import walk
    from ..ble.air import parse_address
    from ..ble.run import run
    from ..ble.sample import sample
    from ..ble.scan import check_protocols
    from ..captures.packets import WholeFile
    from ..errors import InputError
    from ..scenario.model import Phones

    check_protocols([protocol])
    stops_m = _numbers(distances, "--distances") or list(walk.DISTANCES_M)
    if min(stops_m) <= 0:
        raise InputError(f"--distances {distances}: expected metres above 0")
    address = None if target == "first" else parse_address(target)
    if target != "first" and address is None:
        raise InputError(f"--target {target}: expected an address, or first")

    def measure() -> Any:
        taken = run(lambda stop: sample(stop, protocol, seconds, adapter=adapter, say=say))
        return replace(taken, packets=walk.of_phone(taken.packets, address))

    stops = walk.walk(stops_m, measure, say, lambda s: say(f"{len(s.rssi_dbm):,} packets"))
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
        typer.echo(json.dumps(walk.document(stops, found, settings)))
    else:
        console().print(walk.table(stops))
        if found is not None:
            typer.echo(
                f"RSSI = {found.rssi_1m_dbm:.1f} dBm - 10 x {found.exponent:.2f} log10(d); sd "
                f"{found.place_sd_db:.1f} dB between places, {found.packet_sd_db:.1f} dB within one"
            )
            typer.echo(" ".join(f"--set radio.{k}={v:g}" for k, v in settings.items()))
    written: list[tuple[Path, bytes]] = []
    if profile is not None and found is not None:
        when = dt.datetime.now(dt.UTC).date().isoformat()
        written.append((profile, walk.profile_toml(settings, found, stops, when).encode()))
    if figure is not None and stops:
        written.append((figure, walk.figure(stops, found)))
    for path, content in written:
        with WholeFile(path) as file:
            file.stream.write(content)
        typer.echo(f"Written: {path}", err=True)


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
    from ..ble import matrix as guided
    from ..ble.run import run
    from ..ble.sample import sample

    def measure() -> Any:
        return run(lambda stop: sample(stop, "bluezone", wait, adapter=adapter, say=say, read=True))

    results = guided.session(
        guided.cases_of(cases), guided.load(out), measure, say, lambda r: guided.save(out, r)
    )
    if as_json:
        typer.echo(json.dumps(guided.to_dict(results)))
    else:
        console().print(guided.table(results))
    say(f"{len(results)} of 24 cases in {out}")
    if guided.differ(results):
        raise typer.Exit(1)
