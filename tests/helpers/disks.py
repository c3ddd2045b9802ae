"""A disk on which writing fails beyond some bytes, as often as it is tried."""

from __future__ import annotations

import io
import os

import pytest

from bluezone_sim.files import disk


def failing(monkeypatch: pytest.MonkeyPatch, number: int, room: int) -> None:
    """Files that are written from now on have so much room, and then fail with this error."""

    class Failing(io.FileIO):
        def write(self, data, /):
            if self.tell() + len(data) > room:
                raise OSError(number, os.strerror(number))
            return super().write(data)

    def create(path, mode, name):
        return io.BufferedWriter(Failing(path, "xb"))

    monkeypatch.setattr(disk.DISK, "create", create)
