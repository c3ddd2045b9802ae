"""What adapters have to do before phones are measured with them."""

from __future__ import annotations

import numpy as np
import pytest

import bluezone_sim as bz
from bluezone_sim.ble.listening.recorder import read_packets

PROTOCOLS = ["bluezone", "gaen", "dp3t-lowcost", "tcn"]


@pytest.mark.adapter
def test_the_adapter_listens_and_loses_nothing(scanner, record_property):
    heard = scanner(seconds=3)
    record_property("packets", heard.summary["packets"])
    assert heard.summary["dropped"] == 0
    assert heard.summary["restarts"] == 0
    assert len(read_packets(heard.recording)) == heard.summary["packets"]


@pytest.mark.two_adapters
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_one_adapter_sends_the_other_hears_and_the_keys_find(
    scanner, advertiser, protocol, record_property
):
    with advertiser(protocol) as sent:
        heard = scanner(seconds=3, read=False)
    mine = heard.identifiers(protocol) & sent.identifiers()
    assert len(mine) == 1
    sightings = heard.sightings(protocol)
    found = bz.match(sent.published(), sightings, protocol)
    assert len(found) >= 5
    record_property("rssi_median_dbm", float(np.median(found.rssi_dbm)))
    record_property("packets", len(found))


@pytest.mark.two_adapters
def test_an_iphones_identifier_is_read_over_gatt(scanner, advertiser):
    with advertiser("bluezone", ios=True) as sent:
        heard = scanner(seconds=12 if heard_is_slow() else 4)
    assert heard.identifiers("bluezone") & sent.identifiers()


def heard_is_slow():
    """A real connection takes seconds, where one over a private D-Bus takes milliseconds."""
    import os

    return "bluezone-bus" not in os.environ.get("DBUS_SYSTEM_BUS_ADDRESS", "")


@pytest.mark.two_adapters
def test_a_crowd_larger_than_the_adapters_instances(scanner, advertiser, record_property):
    with advertiser("bluezone", phones=12) as sent:
        heard = scanner(seconds=6, read=False)
    seen = heard.identifiers("bluezone") & sent.identifiers()
    record_property("phones_heard", len(seen))
    assert len(seen) == 12


@pytest.mark.two_adapters
def test_rotated_identifiers_are_all_found(scanner, advertiser):
    with advertiser("gaen", rotate_s=1.0) as sent:
        heard = scanner(seconds=4, read=False)
    sightings = heard.sightings("gaen")
    found = bz.match(sent.published(), sightings, "gaen")
    assert len(np.unique(found.key)) >= 3
