"""What the tables beside the results say: distributions by arm, and what the sweep took."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..analysis.arms import label_of
from ..analysis.arrow import histograms_from_arrow

if TYPE_CHECKING:
    from ..tables.rows import Histogram
    from .store import Store


def histograms_of(
    store: Store, table: Any, axes: Mapping[str, Any]
) -> dict[str, tuple[Histogram, ...]]:
    """Distributions by arm's label: counts of its highest level, summed over seeds.

    Args:
        store: where they are.
        table: results, a row a task.
        axes: dotted key to its values.
    """
    import pyarrow as pa

    found = store.histograms()
    if found is None:
        return {}
    top: dict[str, int] = {}
    arm: dict[str, str] = {}
    if "rule" not in table.column_names:  # of an earlier version
        table = table.append_column("rule", pa.array([""] * len(table), pa.string()))
    names = ("task", "users", "rule", *axes)
    columns = [table[name].to_pylist() for name in names]
    for task, users, rule, *values in zip(*columns, strict=True):
        label = label_of(dict(zip(axes, values, strict=True)), rule)
        arm[task] = label
        top[label] = max(users, top.get(label, 0))
    highest = {
        task: arm[task]
        for task, users in zip(columns[0], columns[1], strict=True)
        if users == top[arm[task]]
    }
    of = [highest.get(task) for task in found["task"].to_pylist()]
    out = {}
    for label in dict.fromkeys(highest.values()):
        mine = found.filter(pa.array([name == label for name in of]))
        out[label] = histograms_from_arrow(
            mine.group_by(["name", "unit", "series", "low", "high"], use_threads=False)
            .aggregate([("count", "sum")])
            .rename_columns({"count_sum": "count"})
        )
    return out


def beside(found: Any, table: Any, axes: Mapping[str, Any]) -> Any:
    """Rows of the points and seeds that results are of, in their order.

    Args:
        found: ``pyarrow.Table`` of campaigns' days or epidemics' arms; None where no scenario has any.
        table: results, a row a task.
        axes: dotted key to its values.

    Returns:
        A ``pyarrow.Table``, or None.
    """
    import pyarrow as pa

    if found is None:
        return None

    def keys(of: Any) -> Any:
        return zip(*(of[name].to_pylist() for name in (*axes, "seed")), strict=True)

    rank: dict[Any, int] = {}
    for key in keys(table):
        rank.setdefault(key, len(rank))
    rows = sorted((rank[key], i) for i, key in enumerate(keys(found)) if key in rank)
    return found.take(pa.array([i for _, i in rows], pa.int64()))


def about_of(store: Store) -> dict[str, Any]:
    """How the sweep was made."""
    about = store.about()
    timings = store.timings()
    rows = timings.to_pylist() if timings is not None else []
    return {
        "schema_version": about["schema_version"],
        "numeric_version": about["numeric_version"],
        "bluezone_sim": about["bluezone_sim"],
        "simulations": len(rows),
        "core_hours": sum(r["seconds"] * r["threads"] for r in rows) / 3600,
        "peak_memory_mib": max((r["peak_memory_mib"] for r in rows), default=0.0),
        "hosts": len({r["host"] for r in rows}),
        "finished": max((r["finished"] for r in rows), default=None),
    }
