"""An epidemic as a document and a table, and back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from ...tables.arrow_columns import coded, numbers
from .result import DAILY, ArmTally, Epidemic, Fitted
from .summary import ArmSummary, EpidemicResult
from .transmission import PUBLISHED, transmission_of

#: Of a tally, what is in the document; its days are in the table.
_TALLY = tuple(field.name for field in fields(ArmTally) if field.name != "days")


def to_document(result: EpidemicResult) -> dict[str, Any]:
    """Plain JSON types: the summary of each arm, transmission, and seed by seed all but the days."""
    return {
        "day": result.arms[0].day,
        "arms": [_listed(asdict(arm)) for arm in result.arms],
        "transmission": {
            **{name: mean.mean for name, mean in transmission_of(result.seeds).items()},
            "published": {
                name: [asdict(found) for found in ranges] for name, (_, ranges) in PUBLISHED.items()
            },
        },
        "seeds": [
            {
                "seed": epidemic.seed,
                "people": epidemic.people,
                "fitted": asdict(epidemic.fitted),
                "arms": [{name: getattr(arm, name) for name in _TALLY} for arm in epidemic.arms],
            }
            for epidemic in result.seeds
        ],
    }


def to_table(result: EpidemicResult, date: dt.date, metadata: Mapping[str, str]) -> Any:
    """A ``pyarrow.Table``, a row a seed, arm and day, in this order.

    Args:
        result: an epidemic.
        date: of the scenario, the day before the first.
        metadata: of the table.
    """
    import pyarrow as pa

    days = np.array([[arm.days for arm in epidemic.arms] for epidemic in result.seeds])
    n_seeds, n_arms, n_days, _ = days.shape
    day = np.tile(np.arange(1, n_days + 1), n_seeds * n_arms)
    each = np.repeat(np.arange(n_seeds * n_arms), n_days)
    seeds = np.array([epidemic.seed for epidemic in result.seeds], np.int64)
    columns: dict[str, Any] = {
        "seed": numbers(seeds[each // n_arms]),
        "arm": coded(each % n_arms, [arm.name for arm in result.arms]),
        "day": numbers(day),
        "date": numbers((np.datetime64(date) + day).astype(np.int32)).view(pa.date32()),
    }
    for i, name in enumerate(DAILY):
        columns[name] = numbers(days[..., i].reshape(-1))
    so_far = days[..., DAILY.index("infected")].cumsum(2)
    columns["infected_so_far"] = numbers(so_far.reshape(-1))
    return pa.table(columns, metadata=dict(metadata))


def from_stored(document: Mapping[str, Any], table: Any) -> EpidemicResult:
    """What :func:`to_document` and :func:`to_table` gave.

    Raises:
        KeyError, ValueError, TypeError: they are not of one epidemic.
    """
    n_seeds, n_arms = len(document["seeds"]), len(document["arms"])
    flat = np.stack([table[name].to_numpy() for name in DAILY], axis=1).astype(np.int64)
    days = flat.reshape(n_seeds, n_arms, document["day"], len(DAILY))
    return EpidemicResult(
        seeds=tuple(
            _epidemic(given, of_seed)
            for given, of_seed in zip(document["seeds"], days, strict=True)
        ),
        arms=TypeAdapter(tuple[ArmSummary, ...]).validate_python(document["arms"]),
    )


def _epidemic(given: Mapping[str, Any], days: Any) -> Epidemic:
    return Epidemic(
        seed=given["seed"],
        people=given["people"],
        fitted=TypeAdapter(Fitted).validate_python(given["fitted"]),
        arms=tuple(
            ArmTally(days=of_arm, **{name: arm[name] for name in _TALLY})
            for arm, of_arm in zip(given["arms"], days, strict=True)
        ),
    )


def _listed(row: dict[str, Any]) -> dict[str, Any]:
    return {k: list(v) if isinstance(v, tuple) else v for k, v in row.items()}
