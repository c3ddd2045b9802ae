"""A disk that is cut between two steps of a write, or half through one."""

from __future__ import annotations

from bluezone_sim.files.disk import Disk

STEPS = [name for name in vars(Disk) if not name.startswith("_")]


class Cut(Disk):
    """A disk that lets steps pass, then calls ``end`` before the next one, or half through it."""

    def __init__(self, passed=10**9, end=None, *, half=False):
        self.passed, self.end, self.half, self.taken = passed, end, half, []


def _cutting(name):
    def step(self, *args):
        self.taken.append(name)
        if len(self.taken) > self.passed and self.end is not None:
            end, self.end = self.end, None
            if self.half and name == "remove" and args[0].is_dir():
                min(p for p in args[0].rglob("*") if p.is_file()).unlink()
            end()
        return getattr(Disk, name)(self, *args)

    return step


for _name in STEPS:
    setattr(Cut, _name, _cutting(_name))
