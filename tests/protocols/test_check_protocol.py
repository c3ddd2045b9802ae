"""Every shipped protocol passes what packages check theirs with, and faults in one are told."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from bluezone_sim import protocols
from bluezone_sim.errors import InputError
from bluezone_sim.protocols import FixedId, Keys, ad
from bluezone_sim.testing import _on_air, _published, check_protocol

#: Those of the others take as long again, and the same code.
_QUICK = ("bluezone", "bluezone-v1", "gaen", "tcn", "robert")


@pytest.mark.parametrize(
    "name",
    [
        name if name in _QUICK else pytest.param(name, marks=pytest.mark.slow)
        for name in protocols.names()
    ],
)
def test_a_shipped_protocol_is_as_its_value_says(name):
    check_protocol(protocols.get(name))


def test_faults_are_told():
    gaen = protocols.get("gaen")
    with pytest.raises(InputError, match="another one is registered"):
        check_protocol(replace(gaen, retention_s=1))
    blind = replace(gaen, wire=replace(gaen.wire, parse=lambda structures: None))
    with pytest.raises(AssertionError, match=r"wire\.parse: does not know"):
        _on_air(blind)
    # Phones that send in an order of their own, though the facts say that it is told.
    lowcost = protocols.get("dp3t-lowcost")
    each = replace(lowcost, keys=replace(lowcost.keys, publishes="each"))
    _published(replace(each, files=()))
    forgets = replace(gaen.files[0], read=lambda data, source: _keys_of(gaen, data).take([0]))
    with pytest.raises(AssertionError, match="an export: "):
        _published(replace(gaen, files=(forgets,)))


def _keys_of(protocol, data):
    from bluezone_sim.protocols.protocol import called

    return called(protocol.files[0].read)(data, "file")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"interval_s": 7}, "a day is no multiple"),
        ({"id_bytes": 15}, "multiple of 4"),
        ({"keys": {"made": "ratchet"}}, "next_keys: missing"),
        ({"keys": {"made": "own"}}, "schedule: missing"),
        ({"keys": {"publishes": "first"}}, "'first' needs keys"),
    ],
)
def test_facts_that_do_not_fit_each_other_are_refused(changes, words):
    gaen = protocols.get("gaen")
    keys = replace(gaen.keys, **changes.pop("keys", {}))
    with pytest.raises(InputError, match=words):
        replace(gaen, keys=keys, **changes)


def test_calls_that_a_protocol_has_no_answer_to_say_so():
    with pytest.raises(InputError, match="publishes no keys"):
        protocols.get("robert").identifiers(b"")
    with pytest.raises(InputError, match="does not give the next day's"):
        protocols.get("gaen").daily_keys(b"", 2)
    with pytest.raises(InputError, match="identifiers are not fixed"):
        protocols.get("gaen").fixed_ids(b"")
    assert isinstance(protocols.get("bluezone-v1").keys, FixedId)
    assert "bluezone-v1" not in protocols.followed()


def test_names_and_facts_load_no_numpy():
    code = (
        "import sys; from bluezone_sim import protocols as p\n"
        "print([(p.get(n).title, p.get(n).id_size, p.get(n).radio.name) for n in p.names()])\n"
        "assert 'numpy' not in sys.modules and 'numba' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_designs_of_dp3t_name_one_radio_and_one_look():
    three = [protocols.get(f"dp3t-{design}") for design in ("lowcost", "hybrid", "unlinkable")]
    assert len({str(p.radio) for p in three}) == 1
    assert {p.looks_like for p in three} == {("dp3t-lowcost", "dp3t-unlinkable", "dp3t-hybrid")}
    assert ad.walk(three[0].advertisement(bytes(16))) is not None
    assert all(isinstance(p.keys, Keys) for p in three)
