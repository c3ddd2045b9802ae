"""An example of a table of phones: a few models of the one that ships, and a town that has them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np

from ..scenario.describe import toml_of
from ..scenario.inputs.phone_models import read_models
from .readme import readme

NAME = "phone-table"
_SHIPPED = "en-calibration"
_PHONES, _SCENARIO = "phones.csv", "town.toml"
_MODELS, _PEOPLE = 8, 2_000


def about() -> str:
    """What it holds, in a line."""
    return (
        f"A table of phones: {_MODELS} models of {_SHIPPED}, and a scenario whose people own them"
    )


def write(part: Path) -> str:
    """Writes its files; its README is returned."""
    (part / _PHONES).write_text("\n".join(_rows()) + "\n", encoding="utf-8")
    scenario = {
        "name": "town",
        "title": "A town with the phones of a table",
        "date": dt.date(2021, 3, 10),
        "population": {
            "people": _PEOPLE,
            "smartphone_share": 0.8,
            "districts": [{"name": "Town", "people": _PEOPLE}],
        },
        "phones": {"models": _PHONES},
        "adoption": {"levels": [1.0]},
        "index_cases": {"count": 100, "f2_count": 0},
        "rule": {"name": "minutes-near"},
    }
    (part / _SCENARIO).write_text(toml_of(scenario), encoding="utf-8")
    run = f"bluezone-sim run {_SCENARIO}"
    return readme(
        f"A town whose people own {_MODELS} models of phones, in equal shares.",
        [
            f"{_PHONES}: models as Google measured them (a selection, CC BY 4.0), the weakest first:",
            "  tx_power_dbm is what a phone sends with, rx_correction_db how much too weak it hears;",
            "  a column share says how many of the platform's phones are of a model",
            f"{_SCENARIO}: a scenario that reads it",
        ],
        [
            (f"{run} --out own", "(its tables, and where its report is)"),
            (f"{run} --set phones.models={_SHIPPED} --out google", "(the same with all models)"),
            ("bluezone-sim compare own google", "(both side by side)"),
        ],
    )


def _rows() -> list[str]:
    """Lines of the table, its header first."""
    models = read_models(_SHIPPED)
    # As strong as two phones of the model hear each other.
    models.sort(key=lambda m: (m["tx_power_dbm"] - m["rx_correction_db"], m["model"]))
    chosen = np.linspace(0, len(models) - 1, _MODELS).round().astype(int).tolist()
    columns = ("model", "platform", "rx_correction_db", "tx_power_dbm")
    lines = [columns, *([_cell(models[n][c]) for c in columns] for n in chosen)]
    return [",".join(line) for line in lines]


def _cell(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
