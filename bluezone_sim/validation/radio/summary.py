"""Validations in words: tables for the terminal."""

from __future__ import annotations

from ...tables.table import Table
from ...tables.words import DASH, number
from .found import EDGES_M, NEAR_M, QUANTILES, Validation


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
                    "{:.2f}–{:.2f}".format(*share.predicted_ci95),
                    f"{share.difference:+.3f}{off}",
                    number(scene.simulator[k], 3),
                    f"{number(share.precision_measured)} / {number(share.precision_predicted)}",
                ]
            )
        if not scene.shares:
            rows.append([scene.name, *[DASH] * 8])
    of = f"of those from {NEAR_M:g} m or less: the threshold's recall"
    heads = [
        "scene", "dB", "measured", "95 %", "predicted", "95 %", "off by", "simulator",
        "precision,\npredicted",
    ]  # fmt: skip
    return Table.of_text(f"Samples at or below an attenuation, {of}", heads, rows, 1)


def level_table(result: Validation) -> Table:
    """How far each left-out scene's level is from the others', and what a known level leaves."""
    rows = [
        [
            scene.name,
            f"{scene.level_db:+.1f}",
            f"{scene.level_sd_db:.1f}",
            f"{scene.worst():.3f}",
            f"{scene.remains():.3f}",
        ]
        for scene in result.scenes
    ]
    heads = ["scene", "level\ndB", "allowed\nfor, sd", "share off\nby at most", "level\nknown"]
    return Table.of_text("Level of a scene over what the others predict", heads, rows, 1)


def spread_lines(result: Validation) -> list[str]:
    """What the scenes tell of how scenes differ, and what the predictions leave."""
    lines = []
    levels = result.fit.levels if result.fit is not None else None
    if levels is not None and levels.sd_db is not None and levels.sd_ci95_db is not None:
        low, high = levels.sd_ci95_db
        used = (
            "which is used"
            if levels.used_sd_db == levels.sd_db
            else f"too wide to use: {levels.used_sd_db:g} dB stands"
        )
        lines.append(
            f"Between {len(levels.level_db)} scenes {levels.sd_db:.1f} dB (95 %: {low:.1f} to "
            f"{high:.1f}), {used}"
        )
    shares = [share for scene in result.scenes for share in scene.shares]
    if shares:
        inside = sum(share.covered for share in shares)
        worst = max(scene.worst() for scene in result.scenes)
        left = max(scene.remains() for scene in result.scenes)
        lines.append(
            f"Measured within the predicted 95 %: {inside} of {len(shares)}. Off by at most {worst:.3f} "
            f"of {result.tolerance:g} allowed; {left:.3f} remains where a scene's own level is known"
        )
    return lines


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
