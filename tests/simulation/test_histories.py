"""Every phone's history, day by day: who sends what is published, and what is asked for."""

from __future__ import annotations

from itertools import repeat

import numpy as np
import pytest

import bluezone_sim as bz
from bluezone_sim.matching.published import index_published
from bluezone_sim.simulation.context import SimulationContext, StageTimer
from bluezone_sim.simulation.histories import histories, publishers
from bluezone_sim.world import build_world
from helpers.results import same
from helpers.small import scenario

DAY_S = 86_400


def tracer_of(protocol: str, **changes) -> SimulationContext:
    s = scenario(protocol__name=protocol, look_back_days=2, **changes)
    return SimulationContext.build(s, build_world(s, 5), 2, StageTimer())


@pytest.mark.parametrize("protocol", ["bluezone", "gaen", "dp3t-lowcost", "dp3t-hybrid"])
def test_whoever_sends_a_published_identifier_is_found(protocol):
    """Against sets of bytes: of what phones send on each local day, of what is published."""
    tracer = tracer_of(protocol)
    world, ring, days = tracer.world, tracer.keys, tracer.days
    users = np.flatnonzero(world.rank < 0.6).astype(np.int32)
    published = ring.published(users[::9])
    units = ring.protocol.unit_keys_of(published)
    known = {
        bytes(i)
        for k in range(len(units))
        for i in ring.protocol.expand(
            units.keys[k : k + 1], units.start_ms[k : k + 1] // 1000, int(units.count[k])
        )[0]
    }
    first, last = int(days.start_s[0]) // DAY_S, -(-days.end_s // DAY_S)
    sent = ring.schedule.identifiers(users, first, last - first).reshape(
        len(users), last - first, -1
    )
    sent = sent.reshape(len(users), last - first, -1, ring.protocol.id_size)
    index = index_published(published, protocol)
    for start_s, found in zip(days.start_s.tolist(), publishers(tracer, index, 0.6), strict=True):
        of = range(start_s // DAY_S - first, -(-(start_s + DAY_S) // DAY_S) - first)
        want = [
            int(who)
            for u, who in enumerate(users)
            if any(bytes(i) in known for d in of for i in sent[u, d])
        ]
        assert np.flatnonzero(found).tolist() == want == users[::9].tolist()


@pytest.mark.parametrize("of_sender", [True, False])
@pytest.mark.parametrize("density", ["off", "on"])
def test_the_days_hold_what_the_phones_hold(of_sender, density):
    """The rows of a day loop over everybody are those of contacts that are asked for one by one."""
    tracer = tracer_of("bluezone", radio__density=density)
    world = tracer.world
    some = np.zeros(world.n_people, np.bool_)
    some[np.flatnonzero(world.rank < 0.6)[::7]] = True
    streamed = list(histories(tracer, 0.6, repeat(some), of_sender=of_sender))
    assert len(streamed) == 2
    contacts = tracer.with_app(tracer.contacts(np.flatnonzero(some).astype(np.int32)), 0.6)
    asked = tracer.sightings(contacts if of_sender else contacts.reversed(), 0.6)

    def rows(tables):
        columns = ("true_sender", "observer", "time_ms", "packets", "rssi_dbm", "rssi_max_dbm")
        return sorted(
            (*row, bytes(i))
            for t in tables
            for *row, i in zip(
                *(getattr(t, c).tolist() for c in columns), t.identifier, strict=True
            )
        )

    want = rows([asked])
    assert len(want) > 300
    assert rows(streamed) == want


@pytest.mark.parametrize("histories", ["asked", "whole"])
@pytest.mark.parametrize("protocol", ["dp3t-hybrid", "dp3t-unlinkable", "tcn"])
def test_other_systems_find_the_same_in_everybodys_history(protocol, histories):
    changes = {
        "protocol__name": protocol,
        "look_back_days": 1,
        "index_cases": {"count": 20, "f2_count": 0},
        "adoption__levels": [0.4],
    }
    lazy = bz.run(scenario(**changes), 3)
    changes |= {"protocol__identifiers": "full", "protocol__histories": histories}
    assert same(lazy, bz.run(scenario(**changes), 3))


def test_without_users_there_are_no_histories():
    for how in ("asked", "whole"):
        changes = {"protocol__identifiers": "full", "protocol__histories": how}
        result = bz.run(scenario(adoption__levels=[0.0], **changes), 3)
        assert result.metrics[0].recall == 0
        assert not len(result.warnings)


def test_a_server_finds_the_same_in_everybodys_history():
    changes = {
        "protocol__name": "bluetrace",
        "publication__upload": "history",
        "look_back_days": 1,
        "index_cases": {"count": 10, "f2_count": 0},
        "adoption__levels": [0.4],
        "rule__name": "any-match",
    }
    whole = bz.run(scenario(**changes, protocol__histories="whole"), 3)
    assert same(bz.run(scenario(**changes), 3), whole)
    assert len(whole.warnings)


def test_a_server_derives_no_more_than_is_uploaded():
    with pytest.raises(bz.InputError, match=r"protocol\.identifiers: the server looks up only"):
        scenario(protocol__identifiers="full", publication__upload="history")
