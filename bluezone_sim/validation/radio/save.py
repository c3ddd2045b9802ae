"""A validation of the radio as a folder."""

from __future__ import annotations

import io
import json
from pathlib import Path

from ...files import write_folder
from ...report.figures import BLUE, ORANGE, canvas
from ...showing.visible import in_figure
from .found import NEAR_M, Validation


def qq_png(result: Validation) -> bytes:
    """Quantiles of attenuation, 1 to 99 %, predicted over measured; a panel a scene."""
    names = {"near": f"{NEAR_M:g} m or less", "far": "farther"}
    n = len(result.scenes)
    with canvas("#000000", 3.2 * n + 0.4, 3.6, panels=n) as (figure, panels):
        for axes, scene in zip(panels, result.scenes, strict=True):
            ends = [v for pair in scene.qq.values() for values in pair for v in values[[0, -1]]]
            low, high = min(ends) - 2, max(ends) + 2
            axes.plot([low, high], [low, high], color="#999999", lw=1)
            for (name, (measured, predicted)), colour in zip(
                scene.qq.items(), (BLUE, ORANGE), strict=False
            ):
                axes.plot(measured, predicted, "o", color=colour, markersize=3, label=names[name])
            axes.set_xlim(low, high)
            axes.set_ylim(low, high)
            axes.set_aspect("equal")
            axes.set_title(in_figure(scene.name), fontsize=10)
            axes.set_xlabel("measured attenuation (dB)")
            axes.legend(loc="upper left", fontsize=8)
        panels[0].set_ylabel("predicted attenuation (dB)")
        out = io.BytesIO()
        figure.savefig(out, format="png", dpi=150)
        return out.getvalue()


def save_validation(result: Validation, out: Path) -> Path:
    """Writes ``radio.json`` and ``radio-qq.png`` to a folder that appears whole or not at all.

    Raises:
        InputError: the folder exists, or cannot be made.
    """
    text = json.dumps(result.to_dict(), indent=2) + "\n"
    files = {"radio.json": text.encode(), "radio-qq.png": qq_png(result)}
    return write_folder(out, files, "validation of radio")
