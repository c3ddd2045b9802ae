"""Calibration of phones by model: what Exposure Notification corrects RSSI by, and their TX power."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Calibration:
    """One model's.

    Attributes:
        rx_correction_db: added to RSSI.
        tx_power_dbm: as the phone tells it in its metadata.
    """

    rx_correction_db: float
    tx_power_dbm: float


#: Google's table of 14 December 2020, the models of DP-3T's exp34.
CALIBRATIONS = {
    "SM-G973F": Calibration(2, -29),
    "SM-G970F": Calibration(5, -25),
    "SM-A405FN": Calibration(2, -23),
    "SM-A515F": Calibration(2, -28),
    "SM-A908B": Calibration(5, -25),
    "SM-G981B": Calibration(5, -25),
}
#: For a model that is not in the table: the mean of those that are.
UNKNOWN = Calibration(3.5, -25.8)


def base_model(model: str) -> str:
    """A model's name without a suffix such as ``/DS`` (dual SIM)."""
    return model.strip().upper().split("/")[0]
