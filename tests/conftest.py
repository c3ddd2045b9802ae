"""Fixtures that several rooms share; tests that take long wait to be asked for."""

from __future__ import annotations

import os

import numpy as np
import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.environ.get("BLUEZONE_SIM_SLOW"):
        return
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip(reason="takes long; BLUEZONE_SIM_SLOW=1 runs it"))


@pytest.fixture
def rng():
    return np.random.default_rng(20200812)
