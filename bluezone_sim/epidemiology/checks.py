"""Arguments of models."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError


def number_in(name: str, value: ArrayLike, low: float, high: float) -> NDArray[np.float64]:
    """An argument as ``float64``.

    Raises:
        InputError: it has a value that is no number, or not from ``low`` to ``high``.
    """
    try:
        out = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        raise InputError(
            f"{name}: expected numbers from {low:g} to {high:g}, found {value!r}"
        ) from None
    wrong = out[~((out >= low) & (out <= high))]
    if wrong.size:
        raise InputError(f"{name}: expected numbers from {low:g} to {high:g}, found {wrong[0]:g}")
    return out
