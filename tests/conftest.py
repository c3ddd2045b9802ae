"""Fixtures that several rooms share; tests that take long wait to be asked for."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import settings

from bluezone_sim.cli import printing
from bluezone_sim.kernels.threads import available_threads
from helpers.schemas import validated

# A first call compiles, and the machine may be busy: how long an example takes is no fault of it.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """A worker more than there are cores: some tests wait, for adapters and for processes."""
    return available_threads() + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.environ.get("BLUEZONE_SIM_SLOW"):
        return
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip(reason="takes long; BLUEZONE_SIM_SLOW=1 runs it"))


@pytest.fixture(autouse=True)
def _of_no_terminal(monkeypatch):
    """What is printed does not depend on the terminal that the tests run in."""
    for name in ("COLUMNS", "LINES", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def rng():
    return np.random.default_rng(20200812)


@pytest.fixture(autouse=True, scope="session")
def json_as_published():
    """Whatever a test has a command print with --json is what its schema says."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(printing, "text_of", validated(printing.text_of))
        yield
