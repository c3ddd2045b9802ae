"""Scenarios, the files that they name, and what runs, sweeps and benches write."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path

from ..small import TOWN, scenario
from .reader import Reader, folder, in_file

_TOML = (
    b"[population]\n",
    b"people = ",
    b"[[population.districts]]\n",
    b"= inf",
    b"= nan",
    b"[radio]\n",
)


def _scenario(data: bytes) -> None:
    from bluezone_sim.scenario import load, resolved_toml
    from bluezone_sim.scenario.loading import parse

    found = load(in_file("my.toml", data))
    assert parse(resolved_toml(found)) is not None


_SWEEP = b"""
[sensitivity]
cases = 10
arms = [{ label = "dense", set = { "radio.density" = "on" } }]
[[expect]]
metric = "recall"
at_least = 0.0
[sweep]
seeds = 2
grid = { "protocol.name" = ["bluezone", "gaen"] }
"""


def _of_scenario(more: str) -> Callable[[bytes], None]:
    """A file that a scenario names, read by it."""

    def read(data: bytes) -> None:
        from bluezone_sim.scenario.loading import parse

        in_file("named", data)
        parse(TOWN + more, "s.toml", None, folder())

    return read


def _limits(data: bytes) -> None:
    from bluezone_sim.ble.conformance.limits import load_limits

    load_limits(str(in_file("limits.toml", data)))


def _shipped_limits() -> list[bytes]:
    from bluezone_sim.ble.conformance.limits import shipped_profiles

    return [path.read_bytes() for path in shipped_profiles().values()]


def _bench(data: bytes) -> None:
    from bluezone_sim.ble.bench.file import load_bench

    load_bench(in_file("bench.toml", data))


_BENCH = b"""
name = "desk"
[[adapters]]
name = "hci0"
role = "listen"
[[phones]]
name = "an Android phone"
profile = "gaen"
target = "first"
seconds = 120
"""


def _baseline(data: bytes) -> None:
    from bluezone_sim.benchmarks.results import parse_baseline

    parse_baseline(data, "bench.json")


def _session(data: bytes) -> None:
    from bluezone_sim.ble.guided.whitepaper import load, to_dict

    to_dict(load(in_file("session.json", data)))


def _sessions() -> list[bytes]:
    from bluezone_sim.ble.guided.whitepaper import CaseOutcome, to_dict

    return [json.dumps(to_dict({1: CaseOutcome(1, True, "history", 3, 9, 1, 2)})).encode()]


def _settings(data: bytes) -> None:
    from bluezone_sim.cli.common import settings_of
    from bluezone_sim.scenario.loading import parse

    text = data.decode("utf-8", "surrogateescape")
    parse(TOWN, "s.toml", settings_of([text]))


@cache
def _run() -> Path:
    from bluezone_sim.api import run

    place = folder() / "run"
    run(scenario(), seed=1).save(place)
    # A folder of an earlier version: what is damaged is read, and not refused for its digest.
    (place / "digests.json").unlink()
    about = json.loads((place / "manifest.json").read_bytes())
    del about["digests"]
    (place / "manifest.json").write_text(json.dumps(about), encoding="utf-8")
    return place


def _of_run(name: str) -> Reader:
    @cache
    def seeds() -> tuple[bytes]:
        return ((_run() / name).read_bytes(),)

    def read(data: bytes) -> None:
        from bluezone_sim.errors import FolderWarning
        from bluezone_sim.storage.run_load import open_run

        (_run() / name).write_bytes(data)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FolderWarning)
                open_run(_run())
        finally:
            (_run() / name).write_bytes(seeds()[0])

    return Reader(f"run, {name}", seeds, read, ("storage.run_load",))


def _sweep(data: bytes) -> None:
    from bluezone_sim.sweeping.store import Store

    place = folder() / "sweep"
    place.mkdir(exist_ok=True)
    (place / "sweep.json").write_bytes(data)
    store = Store(place)
    store.about()
    store.scenario()


def _sweeps() -> list[bytes]:
    from bluezone_sim.sweeping.appending import _document
    from bluezone_sim.sweeping.plan import base_of, plan

    planned = plan(scenario(), {"radio.density": ["off", "on"]}, 1)
    axes = {key: list(values) for key, values in planned.axes.items()}
    return [_document(planned, base_of(planned.scenario, planned.axes), axes).encode()]


DOCUMENTS: tuple[Reader, ...] = (
    Reader("scenario", lambda: [TOWN.encode(), TOWN.encode() + _SWEEP], _scenario,
           ("scenario.loading", "scenario.merging", "scenario.faults", "reading.documents"), _TOML),
    Reader("settings", lambda: [b"radio.density=on", b"adoption.levels=[0.1]"], _settings,
           ("scenario.dotted:override|get|with_dotted|_dotted",)),
    Reader("radio profile", lambda: [b"[radio]\nexponent = 2.0\n"],
           _of_scenario('[radio]\nprofile = "named"\n'),
           ("scenario.inputs.radio_file",), _TOML),
    Reader("phone models", lambda: [b"model,rssi correction,tx,share\na,1,-20,0.5\nb,2,-25,0.5\n"],
           _of_scenario('[phones]\nmodels = "named"\n'), ("scenario.inputs.phone_models",)),
    _of_run("manifest.json"),
    _of_run("outcomes.parquet"),
    _of_run("warnings.parquet"),
    _of_run("histograms.parquet"),
    Reader("sweep", _sweeps, _sweep, ("sweeping.store:Store.about|Store.scenario",)),
    Reader("limits", _shipped_limits, _limits, ("ble.conformance.limits",), _TOML),
    Reader("bench", lambda: [_BENCH], _bench, ("ble.bench.file",), _TOML),
    Reader("baseline", lambda: [b'[{"name": "a", "ratio": 2.5}, {"name": "b", "ratio": null}]'],
           _baseline,
           ("benchmarks.results:parse",)),
    Reader("session", _sessions, _session, ("ble.guided.whitepaper:load|to_dict|_who|differ",)),
)  # fmt: skip
