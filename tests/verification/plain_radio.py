"""Runs of the event engine that closed forms describe: equal phones in plain air."""

from __future__ import annotations

import dataclasses

import numpy as np

from bluezone_sim.kernels.radio.link_budget import Phones
from bluezone_sim.radio.events import Run, simulate
from bluezone_sim.radio.parameters import RadioModel, always_on, model_of
from bluezone_sim.scenario.profiles import load_profile
from bluezone_sim.scenario.schema.profile import RadioProfile
from bluezone_sim.scenario.schema.radio import Radio

from .radio_cells import START_S, Cell, segments

#: No shadowing, no term of a scan, no packet that is not heard: all of a pair are of one mean.
PLAIN = Radio(scene_sd_db=0.0, shadowing_sd_db=0.0, scan_sd_db=0.0, heard_share=1.0)


def plain_model(
    profile: RadioProfile, n: int, capture_db: float = 1e9, ios: bool = False
) -> RadioModel:
    """``n`` equal phones in plain air."""
    phones = Phones(np.full(n, -20.0), np.zeros(n), np.full(n, ios))
    out = model_of(profile, phones, 1, radio=PLAIN, table=always_on())
    return dataclasses.replace(out, air=out.air._replace(capture_db=capture_db))


def run(m: RadioModel, pairs, seconds: int, distance_m: float = 2.0, **options) -> Run:
    """The pairs meet once, for some seconds."""
    a, b = (np.array(x) for x in zip(*pairs, strict=True))
    cell = Cell("", distance_m=distance_m, duration_s=seconds)
    return simulate(m, segments(cell, a, b), START_S + 30_000, seconds, seed=3, **options)


def always(**changes) -> RadioProfile:
    """A phone that always scans and always advertises, in three channels."""
    return load_profile("tcn", {f"android.{k}": v for k, v in changes.items()})
