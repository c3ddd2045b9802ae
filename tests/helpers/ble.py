"""UUIDs as a scanner tells them, and somebody who answers a guided session."""

from __future__ import annotations

import io

import pytest

from bluezone_sim.protocols.ad import long_uuid

U_BLUEZONE, U_GAEN = long_uuid(0x4E56), long_uuid(0xFD6F)


def answers(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    """Types lines, and then ends the input."""
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
