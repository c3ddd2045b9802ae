"""Validations in words: tables for the terminal."""

from __future__ import annotations

from ...tables.table import Table
from ...tables.words import DASH, number
from .validate import EDGES_M, NEAR_M, QUANTILES, Validation


def share_table(result: Validation) -> Table:
    """Shares and precision, measured beside predicted; a row a scene and threshold."""
    rows: list[list[str]] = []
    for scene in result.scenes:
        for k, share in enumerate(scene.shares):
            low, high = share.measured_ci95
            off = "" if abs(share.difference) <= result.tolerance else " !"
            rows.append(
                [
                    scene.name if k == 0 else "",
                    f"{share.threshold_db:g}",
                    f"{share.measured:.3f}",
                    f"{low:.2f}–{high:.2f}",
                    f"{share.predicted:.3f}",
                    f"{share.difference:+.3f}{off}",
                    number(scene.simulator[k], 3),
                    number(share.precision_measured, 3),
                    number(share.precision_predicted, 3),
                ]
            )
        if not scene.shares:
            rows.append([scene.name, *[DASH] * 8])
    of = f"of those from {NEAR_M:g} m or less: the threshold's recall"
    heads = [
        "scene", "dB", "measured", "95 %", "predicted", "off by", "simulator", "precision",
        "predicted",
    ]  # fmt: skip
    return Table.of_text(f"Samples at or below an attenuation, {of}", heads, rows, 1)


def quantile_table(result: Validation) -> Table:
    """Quantiles of attenuation by distance, measured / predicted."""
    rows = [
        [
            scene.name if k == 0 else "",
            f"{part.from_m:g}–" + ("" if part.to_m >= EDGES_M[-1] else f"{part.to_m:g}"),
            f"{part.n:,}",
            *(
                f"{a:.0f} / {b:.0f}"
                for a, b in zip(part.measured_db, part.predicted_db, strict=True)
            ),
        ]
        for scene in result.scenes
        for k, part in enumerate(scene.bins)
    ]
    heads = ["scene", "m", "samples", *(f"{100 * q:g} %" for q in QUANTILES)]
    return Table.of_text("Attenuation by distance, dB: measured / predicted", heads, rows, 1)
