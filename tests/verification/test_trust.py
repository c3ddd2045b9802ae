"""What users may rely on: the same bytes however it is run, numbers that are declared, named errors."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import bluezone_sim as bz
from bluezone_sim import _version
from bluezone_sim.matching import match as matching
from bluezone_sim.scenario.describe import resolved_toml, toml_of
from bluezone_sim.scenario.dotted import override
from bluezone_sim.simulation import memory
from bluezone_sim.world import whole as day_loop
from helpers.commands import environment
from helpers.paths import BASELINES, ROOT
from helpers.results import assert_close, same
from helpers.small import TOWN, raw_scenario, scenario
from verification.baseline import baselines

# -- the same bytes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "made",
    [
        {},
        {"identifiers": "full"},
        {"histories": "whole"},
        {"identifiers": "full", "histories": "whole"},
    ],
)
@pytest.mark.parametrize("protocol", ["bluezone", "gaen"])
def test_chunks_and_threads_change_no_number(protocol, made, monkeypatch):
    """Nor does it whose histories are made: the keys find the same in those of everybody."""
    changes = {"protocol__name": protocol, "adoption__levels": [0.5, 1.0]}
    whole = bz.run(scenario(**changes), 3, threads=1)
    changes |= {f"protocol__{key}": value for key, value in made.items()}
    for mib, rows, ids, threads in ((4.0, 1, 1 << 10, 3), (30.0, 1 << 12, 1 << 8, 1)):
        monkeypatch.setattr(memory, "_TOGETHER_MIB", mib)
        monkeypatch.setattr(day_loop, "ROWS", rows)
        monkeypatch.setattr(matching, "_CHUNK_IDS", ids)
        again = bz.run(scenario(**changes), 3, threads=threads)
        assert same(whole, again)


# -- declared numbers ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(baselines()))
def test_every_shipped_scenario_has_the_numbers_of_its_baseline(name):
    """A change here is a Regression line in the changelog; ``verification/baseline.py`` writes it."""
    path = BASELINES / f"{name}.json"
    assert path.exists(), (
        "a new scenario: python tests/verification/baseline.py writes its baseline"
    )
    want = json.loads(path.read_text(encoding="utf-8"))
    got = json.loads(json.dumps(baselines()[name]()))
    assert got["numeric_version"] == want["numeric_version"]
    assert_close(got, want, name)


def test_every_numeric_version_is_declared_in_the_changelog():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    declared = len(re.findall(r"^- Regression", text, re.MULTILINE))
    assert declared >= _version.NUMERIC_VERSION - 1


# -- memory -------------------------------------------------------------------------------------------


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells it")
def test_the_peak_of_a_run_is_not_that_of_what_started_it():
    held = np.ones(400 << 17)  # 400 MiB
    code = "from bluezone_sim.simulation.memory import peak_memory_mib; print(peak_memory_mib())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(done.stdout) < held.nbytes >> 20 < memory.peak_memory_mib()


def test_a_limit_that_would_be_passed_is_refused_beforehand_with_the_estimate(tmp_path, capsys):
    needed = memory.estimate_mib(scenario())
    tight = scenario(limits={"memory_mib": needed - 1})
    with pytest.raises(bz.InputError, match=f"a run may need {needed:,.0f} MiB"):
        bz.run(tight)
    with pytest.raises(bz.InputError, match=r"limits\.memory_mib"):
        bz.sweep(tight, {}, 2, workers=1, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert bz.run(scenario(limits={"memory_mib": needed + 1})).n_risky_pairs


_PEAK = """
import sys
import bluezone_sim as bz
scenario = bz.parse(sys.stdin.read())
print(bz.run(scenario, 1, threads=2).peak_memory_mib)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs getrusage, for the peak")
@pytest.mark.parametrize(
    ("text", "changes"),
    [
        (resolved_toml(scenario()), {}),
        (TOWN, {}),
        # Where more is held; that the two above are within it is seen by default.
        pytest.param(TOWN, {"protocol.name": "tcn"}, marks=pytest.mark.slow),
        pytest.param(TOWN, {"protocol.histories": "whole"}, marks=pytest.mark.slow),
    ],
    ids=["small", "town", "tcn", "whole"],
)
def test_the_estimate_is_above_the_peak_and_not_far_above(text, changes):
    """It holds what a run takes that compiles, so one that does not may have about half of it."""
    s = bz.parse(text, overrides=changes)
    done = subprocess.run(
        [sys.executable, "-c", _PEAK],
        input=resolved_toml(s),
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    needed = memory.estimate_mib(s)
    assert 0.45 * needed < float(done.stdout) <= needed


def test_the_estimate_grows_with_what_takes_memory():
    few = {"index_cases.count": 20, "index_cases.f2_count": 0}
    base = memory.estimate_mib(bz.parse(TOWN, overrides=few))
    for key, value in (
        ("index_cases.count", 2000),
        ("look_back_days", 28),
        ("protocol.histories", "whole"),
        ("protocol.name", "dp3t-lowcost"),
        ("radio.scan_period_s", 120.0),
        ("contacts.leisure.group_size", 400),
        ("adoption.levels", [0.1, 0.2, 0.4, 0.6, 0.8, 1.0]),
    ):
        overrides = {**few, key: value}
        assert memory.estimate_mib(bz.parse(TOWN, overrides=overrides)) > base, key


# -- any scenario -------------------------------------------------------------------------------------


def leaves(raw, path=""):
    """Dotted keys of values."""
    for key, value in raw.items():
        full = f"{path}.{key}" if path else key
        if isinstance(value, dict):
            yield from leaves(value, full)
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for i, inner in enumerate(value):
                yield from leaves(inner, f"{full}[{i}]")
        else:
            yield full, value


LEAVES = dict(
    leaves(scenario(look_back_days=2, index_cases={"count": 4, "f2_count": 2}).model_dump())
)


@st.composite
def changes(draw):
    """A key and another value for it: near the old one, at an edge, or of another kind."""
    key = draw(st.sampled_from(sorted(LEAVES)))
    old = LEAVES[key]
    edges = [0, 1, -1, 0.0, 1.0, -1.0, 1e-9, 0.5, 100.0, 1e9, 1e308, 2**62, "", "x", True, [], {}]
    choices = [st.sampled_from(edges)]
    if isinstance(old, bool) or not isinstance(old, (int, float)):
        choices.append(st.just(old))
    else:
        choices.append(
            st.sampled_from([0.5, 0.9, 1.1, 2.0, 10.0]).map(lambda k: type(old)(old * k))
        )
    if isinstance(old, list):
        choices.append(st.lists(st.sampled_from([0.0, 0.1, 0.5, 1.0, 5.0, 30.0]), max_size=6))
    return key, draw(st.one_of(choices))


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(
    st.lists(changes(), min_size=1, max_size=4),
    st.sampled_from(["bluezone", "gaen", "dp3t-lowcost"]),
)
def test_any_scenario_file_gives_a_run_or_a_named_error(edits, protocol):
    raw = raw_scenario()
    raw["protocol"] = {"name": protocol}
    raw["look_back_days"], raw["index_cases"] = 2, {"count": 4, "f2_count": 2}
    for key, value in edits:
        try:
            override(raw, key, value)
        except (ValueError, TypeError, KeyError, IndexError):
            return
    try:
        found = bz.run(bz.parse(toml_of(raw)), 3, threads=1)
    except bz.InputError as error:
        assert len(str(error)) > 20  # noqa: PT017
        return
    assert len(found.outcomes) == found.n_risky_pairs * len(found.metrics)
    json.dumps(found.to_dict(), allow_nan=False)
