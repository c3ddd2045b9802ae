"""Phones of the bench against their profiles."""

from __future__ import annotations

from pathlib import Path

import pytest

from bluezone_sim.ble.conformance.judge import judge, listen, target_of
from bluezone_sim.ble.conformance.limits import load_limits
from bluezone_sim.ble.conformance.measurements import ERROR, FAIL
from bluezone_sim.ble.listening.session import run
from bluezone_sim.captures.key_files import read_keys


@pytest.mark.phone
@pytest.mark.adapter
def test_phones_conform_to_their_profiles(bench, request, record_property):
    folder = Path(request.config.getoption("--bench")).parent
    faults = []
    for phone in bench.phones:
        profile = load_limits(phone.profile)
        seconds = phone.seconds or profile.seconds
        target = target_of(phone.target)
        packets, reads, names, listened = run(
            lambda stop, profile=profile, seconds=seconds: listen(
                stop,
                profile,
                adapter=bench.adapter("listen").name,
                seconds=seconds,
                record=None,
                say=print,
            )
        )
        report = judge(
            phone.profile,
            profile,
            packets,
            target=target,
            seconds=listened,
            reads=reads,
            names=names,
            keys=read_keys(folder / phone.keys, profile.protocol) if phone.keys else None,
        )
        for m in report.measurements:
            record_property(f"{phone.name}: {m.name}", f"{m.value} {m.unit}: {m.outcome}")
            if m.outcome in (FAIL, ERROR):
                faults.append(
                    f"{phone.name}: {m.name} {m.value} {m.unit}, {m.limit.text()}; {m.detail}"
                )
    assert not faults, "\n".join(faults)
