"""``advertise``, ``drive``: simulated phones on air."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated, Any

import typer

from ..common import (
    Json,
    Scenario,
    Settings,
    StoppedError,
    progress_bar,
    settings_of,
)
from ..printing import console, echo, print_json
from .common import AdapterName, ProtocolName, above_zero, ble, numbers, say


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
    from ...ble.listening.session import run
    from ...ble.sending.advertise import advertise as send
    from ...ble.sending.advertise import transmitter
    from ...ble.sending.crowd import SendingPhones, key_file_name
    from ...files import check_file

    above_zero(seconds, "--seconds")
    crowd = SendingPhones(protocol, phones, _rotation(rotate))
    file = keys or Path(key_file_name(crowd.protocol))
    check_file(file)
    ios = _is_ios(platform)

    def show(identifiers: list[str]) -> None:
        if not as_json:
            shown = ", ".join(identifiers[:8]) + (", …" if len(identifiers) > 8 else "")
            echo(f"on air: {shown}")

    sender = transmitter(backend, adapter)

    async def work(stop: Any) -> Any:
        async with sender as transmit:
            return await send(
                stop, crowd, transmit, file, ios=ios, seconds=seconds, say=say, show=show
            )

    sent = run(work)
    if as_json:
        print_json("ble advertise", {**sent.to_dict(), "protocol": protocol, "file": str(file)})
    echo(
        f"Written: {file} ({sent.keys} keys). `bluezone-sim match --keys {file} --history FILE` finds "
        "these phones",
        err=as_json,
    )


def _rotation(text: str) -> float | None:
    from ...errors import InputError

    if text == "real":
        return None
    try:
        return float(text)
    except ValueError:
        raise InputError(f"--rotate {text}: expected real, or seconds") from None


def _is_ios(platform: str) -> bool:
    from ...errors import InputError

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
    from ...ble.drive.drive import drive as play
    from ...ble.drive.drive_result import HOLDS, judge_history
    from ...ble.drive.encounter_plan import make_plan
    from ...ble.listening.session import run
    from ...ble.sending.advertise import transmitter
    from ...errors import InputError
    from ...files import check_growing
    from ...protocols.bluezone.files import MOST_HISTORY
    from ...reading.bounded import read_bytes
    from ...scenario import load

    chosen = load(scenario, settings_of(settings))
    span = _span(hours)
    if history is not None:
        if out is None:
            raise InputError("--history: give the run's directory with --out")
        judged = judge_history(chosen, out, read_bytes(history, MOST_HISTORY), str(history), span)
        _show_drive(judged, as_json=as_json)
        return
    if out is not None:
        check_growing(out, HOLDS, [])
    above_zero(speed, "--speed")
    above_zero(distance, "--distance")
    sender = transmitter(backend, adapter)
    owners = chosen.population.smartphones
    levels = numbers(adoption, "--adoption", "0.14,0.4,0.6,1") or [
        n / owners for n in chosen.level_users()
    ]
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

    finished: list[Any] = []

    async def work(stop: Any) -> Any:
        async with sender as transmit:
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
                    finished=finished.append,
                )

    found: Any = None
    with contextlib.suppress(
        KeyboardInterrupt
    ):  # the second one; the first lets a run end by itself
        found = run(work)
    if not finished:
        raise KeyboardInterrupt
    if found is not None:
        _show_drive(found, as_json=as_json)
    if found is None or len(finished) < len(levels):
        raise StoppedError(_kept(levels, len(finished), plan.person, out))
    if listen is None:
        say(
            "nothing listened here; export the phone's history, then run the same command with "
            f"--out {out or 'DIR'} --history FILE"
        )


def _kept(levels: list[float], done: int, person: int, out: Path | None) -> str:
    """What a drive that was stopped leaves, and how to go on."""
    where = "nothing was written, as no --out was given" if out is None else f"{out} holds them"
    text = f"interrupted after {done} of {len(levels)} levels; {where}"
    if done == len(levels):
        return text
    rest = ",".join(map(str, levels[done:]))
    go_on = f"the same command with --person {person} --adoption {rest} plays the rest"
    return f"{text}; {go_on}" + ("" if out is None else ", with another --out")


def _show_drive(found: Any, *, as_json: bool) -> None:
    from ...ble.drive.table import drive_table

    if as_json:
        print_json("ble drive", found.to_dict())
        return
    console().print(drive_table(found.levels))
    for level in found.levels:
        for who, what in ((level.missed, "missed on air"), (level.extra, "on air alone")):
            if who:
                echo(f"Adoption {100 * level.level:.3g} %, {what}: {', '.join(map(str, who))}")
    echo(
        "Counts of peers. At desk: the simulation with phones as near as on the bench, which is what the "
        "air can\nshow; scenario: at the scenario's distances. Warned: if the peer were a case."
    )


def _span(text: str) -> tuple[float, float]:
    from ...errors import InputError

    low, _, high = text.partition("-")
    try:
        return float(low), float(high)
    except ValueError:
        raise InputError(f"--hours {text}: expected hours such as 7-12") from None
