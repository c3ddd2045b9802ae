"""Every reader of what others wrote: its own error or a result, whatever it is given."""

from __future__ import annotations

import random

import pytest

from bluezone_sim.captures.sources import FORMATS
from bluezone_sim.protocols.registry import PROTOCOLS
from helpers.readers import READERS, Found, attempt, damaged

#: Each.
_INPUTS = 120


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_whole_inputs_are_read_and_damaged_ones_read_or_refused(reader):
    seeds, whole, found = reader.seeds(), Found(), Found()
    for data in seeds:
        attempt(reader, data, whole)
    assert whole.faults == {}
    assert whole.n_read == len(seeds)
    rng = random.Random(reader.name)
    for _ in range(_INPUTS):
        attempt(reader, damaged(rng, reader, seeds), found)
    assert found.faults == {}


def test_every_format_has_a_reader():
    names = {reader.name for reader in READERS}
    assert {name.replace("bugreport", "bug report") for name in FORMATS} <= names
    titles = {form.title for system in PROTOCOLS.all() for form in system.files}
    assert len(titles) == 6  # message, export, two lists, filter, reports: a new one needs a reader
