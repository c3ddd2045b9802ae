"""Published formats of contact traces, each as a value with where it is described."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Dialect:
    """One format.

    Attributes:
        columns: what the columns are, by their number in the file.
        source: where it is described.
        says: keys of ``[contacts.trace]`` that it answers, unless the scenario does.
        instant_s: seconds that a row stands for whose end is its start; 0: such a row is bad.
        event: second word of the rows that are of contacts, in a file of events; others are counted.
    """

    columns: Mapping[int, tuple[str, ...]]
    source: str
    says: Mapping[str, Any] = field(default_factory=dict)
    instant_s: int = 0
    event: str = ""


DIALECTS: Mapping[str, Dialect] = {
    "sociopatterns": Dialect(
        {3: ("t", "i", "j"), 5: ("t", "i", "j", "Ci", "Cj")},
        "sociopatterns.org/datasets: 't i j Ci Cj', the contact was active during [t - 20 s, t]",
        {"step_s": 20, "t_ends": True},
    ),
    "copenhagen": Dialect(
        {4: ("t", "i", "j", "rssi")},
        "Sapiezynski et al. 2019, doi:10.1038/s41597-019-0325-x, bt_symmetric.csv: a scan every 5 "
        "minutes, user_b -1 for an empty scan, -2 for a device of nobody in the study",
        {"step_s": 300},
    ),
    "haggle": Dialect(
        {
            4: ("i", "j", "t", "end"),
            5: ("i", "j", "t", "end", "skip"),
            6: ("i", "j", "t", "end", "skip", "skip"),
        },
        "CRAWDAD cambridge/haggle, doi:10.15783/C70011: recording device, device seen, start and end of "
        "the sighting, its number for the pair, time since the last; an inquiry takes 5 s",
        instant_s=5,
    ),
    "konect": Dialect(
        {4: ("i", "j", "skip", "t")},
        "konect.cc, out.* files: comments with %, two nodes, weight, timestamp; no length of a contact",
    ),
    "one": Dialect(
        {5: ("t", "skip", "i", "j", "state")},
        "The ONE, StandardEventsReader: 'time CONN host host up|down'",
        event="CONN",
    ),
    "haslemere": Dialect(
        {4: ("t", "i", "j", "distance_m")},
        "Kissler et al. 2018, doi:10.1101/479154, Kissler_DataS1.csv: steps of 5 minutes from 07:00 to "
        "23:00 on 12 to 14 October 2017, counted from 1; metres",
        {
            "start": dt.date(2017, 10, 12),
            "step_s": 300,
            "steps_per_day": 192,
            "first_step": 1,
            "day_start_h": 7.0,
        },
    ),
    "netsense": Dialect(
        {
            10: (
                "j", "i", "skip", "skip", "rssi", "skip", "t", "end", "skip", "skip",
            )
        },
        "NetSense codebook, chapter Bluetooth Proximity Logs: btnamej, btnamei, episode, freq, avg_RSSI, "
        "sd_RSSI, s_timestamp, e_timestamp, dur, waitingtime; either phone logs a contact",
    ),
}  # fmt: skip
