from herald_sim import HERALD

from bluezone_sim.testing import check_protocol


def test_herald():
    check_protocol(HERALD)
