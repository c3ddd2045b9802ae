"""The scenario of a run or a sweep, from its folder."""

from __future__ import annotations

from pathlib import Path

from ..reading.bounded import is_file
from ..scenario.describe import toml_of
from ..scenario.model import Scenario
from ..storage.repeat import folder_of, recorded
from .store import Store


def recorded_scenario(given: str | Path) -> tuple[Scenario, str] | None:
    """What was run or swept, and a comment that says so; None where no folder of either is given.

    A run's has the seed of the run.

    Raises:
        FormatError: a file of the folder is damaged, or of a version that cannot be read.
    """
    path = Path(given)
    if (folder := folder_of(path)) is not None:
        run = recorded(folder)
        scenario = run.scenario.model_copy(update={"seed": run.seed})
        return scenario, f"# The scenario of the run {folder}."
    if is_file(path / "sweep.json"):
        store = Store(path)
        store.check()
        axes = toml_of(store.about()["axes"]).strip().split("\n")
        lines = [f"# The scenario of the sweep {path}, before its grid changed it.", *axes]
        return store.scenario(), "\n#   ".join(filter(None, lines))
    return None
