"""Scenarios, the files that they name, and what benches write."""

from __future__ import annotations

import json
from collections.abc import Callable

from ..small import TOWN
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


_EPIDEMIC = b"""
[epidemic]
days = 20
infected = 5
[epidemic.disease]
immune_share = 0.1
[[epidemic.arms]]
name = "by hand"
set = { "epidemic.behaviour.compliance" = 0.4 }
[[epidemic.arms]]
name = "app"
level = 0.6
set = { "protocol.name" = "gaen", "rule.name" = "cwa" }
[[epidemic.arms]]
name = "placebo"
level = 0.6
finds = "random"
as_many = "app"
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


def _office(data: bytes) -> None:
    from bluezone_sim.validation.tracing.barrat import read_trace

    read_trace(in_file("office.txt", data))


def _sessions() -> list[bytes]:
    from bluezone_sim.ble.guided.whitepaper import CaseOutcome, to_dict

    return [json.dumps(to_dict({1: CaseOutcome(1, True, "history", 3, 9, 1, 2)})).encode()]


def _settings(data: bytes) -> None:
    from bluezone_sim.cli.common import settings_of
    from bluezone_sim.scenario.loading import parse

    text = data.decode("utf-8", "surrogateescape")
    parse(TOWN, "s.toml", settings_of([text]))


DOCUMENTS: tuple[Reader, ...] = (
    Reader("scenario", lambda: [TOWN.encode() + more for more in (b"", _SWEEP, _EPIDEMIC)], _scenario,
           ("scenario.loading", "scenario.merging", "scenario.faults", "scenario.checks.epidemic",
            "reading.documents"), _TOML),
    Reader("settings", lambda: [b"radio.density=on", b"adoption.levels=[0.1]"], _settings,
           ("scenario.dotted:override|get|with_dotted|_dotted",)),
    Reader("radio profile", lambda: [b"[radio]\nexponent = 2.0\n"],
           _of_scenario('[radio]\nprofile = "named"\n'),
           ("scenario.inputs.radio_file",), _TOML),
    Reader("phone models", lambda: [b"model,rssi correction,tx,share\na,1,-20,0.5\nb,2,-25,0.5\n"],
           _of_scenario('[phones]\nmodels = "named"\n'), ("scenario.inputs.phone_models",)),
    Reader("limits", _shipped_limits, _limits, ("ble.conformance.limits",), _TOML),
    Reader("bench", lambda: [_BENCH], _bench, ("ble.bench.file",), _TOML),
    Reader("baseline", lambda: [b'[{"name": "a", "ratio": 2.5}, {"name": "b", "ratio": null}]'],
           _baseline,
           ("benchmarks.results:parse",)),
    Reader("office trace", lambda: [b"".join(b"%d %d %d 300\n" % (5 * k, 1 + k % 3, 4 + k % 2)
                                             for k in range(400))], _office,
           ("validation.tracing.barrat:read_trace|OfficeTrace.of_rows",)),
    Reader("session", _sessions, _session, ("ble.guided.whitepaper:load|to_dict|_who|differ",)),
)  # fmt: skip
