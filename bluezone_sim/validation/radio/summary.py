"""Validations in words: tables for the terminal."""

from __future__ import annotations

from typing import Any

from ...analysis.words import number
from .validate import EDGES_M, NEAR_M, QUANTILES, Validation


def _table(title: str, columns: tuple[tuple[str, bool], ...]) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for name, right in columns:
        table.add_column(name, justify="right" if right else "left", no_wrap=True)
    return table


def share_table(result: Validation) -> Any:
    """Shares and precision, measured beside predicted; a row a scene and threshold."""
    table = _table(
        f"Samples at or below an attenuation, of those from {NEAR_M:g} m or less: the threshold's recall",
        (
            ("scene", False),
            ("dB", True),
            ("measured", True),
            ("95 %", True),
            ("predicted", True),
            ("off by", True),
            ("simulator", True),
            ("precision", True),
            ("predicted", True),
        ),
    )
    for scene in result.scenes:
        for k, share in enumerate(scene.shares):
            low, high = share.measured_ci95
            table.add_row(
                scene.name if k == 0 else "",
                f"{share.threshold_db:g}",
                f"{share.measured:.3f}",
                f"{low:.2f}–{high:.2f}",
                f"{share.predicted:.3f}",
                f"{share.difference:+.3f}"
                + ("" if abs(share.difference) <= result.tolerance else " !"),
                number(scene.simulator[k], 3),
                number(share.precision_measured, 3),
                number(share.precision_predicted, 3),
            )
        if not scene.shares:
            table.add_row(scene.name, *["–"] * 8)
    return table


def quantile_table(result: Validation) -> Any:
    """Quantiles of attenuation by distance, measured / predicted."""
    table = _table(
        "Attenuation by distance, dB: measured / predicted",
        (
            ("scene", False),
            ("m", True),
            ("samples", True),
            *((f"{100 * q:g} %", True) for q in QUANTILES),
        ),
    )
    for scene in result.scenes:
        for k, part in enumerate(scene.bins):
            end = "" if part.to_m >= EDGES_M[-1] else f"{part.to_m:g}"
            table.add_row(
                scene.name if k == 0 else "",
                f"{part.from_m:g}–{end}",
                f"{part.n:,}",
                *(
                    f"{a:.0f} / {b:.0f}"
                    for a, b in zip(part.measured_db, part.predicted_db, strict=True)
                ),
            )
    return table
