"""Every reader of what others wrote: its own error or a result, whatever it is given."""

from __future__ import annotations

import random

import pytest

from bluezone_sim.captures.sources import FORMATS
from bluezone_sim.protocols.registry import PROTOCOLS
from helpers.readers import READERS, Found, attempt, damaged

#: Of each reader; of those that take milliseconds for one a quarter.
_INPUTS = 120


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_whole_inputs_are_read_and_damaged_ones_read_or_refused(reader):
    seeds, whole, found = reader.seeds(), Found(), Found()
    for data in seeds:
        attempt(reader, data, whole)
    assert whole.faults == {}
    assert whole.n_read == len(seeds)
    rng = random.Random(reader.name)
    slow = reader.modules[0].startswith(("captures.formats", "storage", "sweeping"))
    for _ in range(_INPUTS // 4 if slow else _INPUTS):
        attempt(reader, damaged(rng, reader, seeds), found)
    assert found.faults == {}


def test_every_format_has_a_reader():
    names = {reader.name for reader in READERS}
    assert {name.replace("bugreport", "bug report") for name in FORMATS} <= names
    titles = {form.title for system in PROTOCOLS.all() for form in system.files}
    assert titles == {"a message", "an export", "a list of keys", "a cuckoo filter", "reports"}
