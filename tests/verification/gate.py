"""The gate of ``bench --baseline`` beside a load: unchanged code passes, a slower kernel does not.

``python tests/verification/gate.py [UNCHANGED SLOWED] [--only FIGURES] [--baseline FILE]`` measures a
baseline (or reads one), then runs the gate so many times as it is, beside a busy process on every core,
and in between so many times with every kernel's work a quarter longer. Each run is a process of
its own. It prints a line a run, and exits with 1 where one was judged wrongly. Four figures take some
10 seconds a run.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FIGURES = "ids/bluezone,expand/gaen/out,match/gaen/100k,parse/gaen-export"
#: The work is done five times and counted four times: 25 % more of the kernel's time.
DONE, COUNTED = 5, 4


def slow_down() -> None:
    """Makes every figure do its work a quarter longer."""
    from bluezone_sim.benchmarks import core

    def longer(make):
        def slow():
            case = make()
            work = case.work
            return dataclasses.replace(
                case, work=lambda: [work() for _ in range(DONE)], items=COUNTED * case.items
            )

        return slow

    for name, figure in core.FIGURES.items():
        core.FIGURES[name] = dataclasses.replace(figure, make=longer(figure.make))


@contextmanager
def load(processes: int) -> Iterator[None]:
    """So many processes that do nothing but count, and touch memory."""
    code = "a = bytearray(1 << 24)\nwhile True:\n    a = a.translate(a[:256])"
    busy = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(processes)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def gate(*arguments: str, slow: bool = False) -> subprocess.CompletedProcess[str]:
    """``bench`` in a process of its own."""
    call = [sys.executable, __file__, "--bench", *(["--slowed"] if slow else []), *arguments]
    return subprocess.run(call, capture_output=True, text=True, check=False)


def in_turn(unchanged: int, slowed: int) -> list[bool]:
    """Which runs are slowed: spread over all of them, so that what is done so far shows both."""
    runs = [((i + 0.5) / slowed, True) for i in range(slowed)]
    runs += [((i + 0.5) / unchanged, False) for i in range(unchanged)]
    return [slow for _, slow in sorted(runs)]


def judged(slow: bool, options: list[str]) -> bool:
    """Runs the gate; whether it was right."""
    done = gate(*options, slow=slow)
    if done.returncode not in (0, 1) or "Traceback" in done.stderr:
        raise SystemExit(done.stderr)
    said = [line for line in done.stderr.splitlines() if not line.startswith("peak")]
    print(
        f"{'slowed' if slow else 'unchanged'}: exit {done.returncode}",
        *said,
        sep="\n    ",
        flush=True,
    )
    return done.returncode == slow


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="*", type=int, default=[20, 10])
    parser.add_argument("--only", default=FIGURES)
    parser.add_argument("--baseline", type=Path)
    given = parser.parse_args()
    unchanged, slowed = given.runs
    with tempfile.TemporaryDirectory() as folder:
        baseline = given.baseline or Path(folder) / "baseline.json"
        if not baseline.exists():
            print(gate("--only", given.only, "--json", str(baseline)).stdout)
        options = ["--only", given.only, "--baseline", str(baseline)]
        with load(os.cpu_count() or 1):
            found = [(slow, judged(slow, options)) for slow in in_turn(unchanged, slowed)]
    false, missed = found.count((False, False)), found.count((True, False))
    print(f"false alarms: {false} of {unchanged}; missed: {missed} of {slowed}")
    return int(false + missed > 0)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--bench"]:
        from bluezone_sim import cli

        arguments = sys.argv[2:]
        if arguments[:1] == ["--slowed"]:
            slow_down()
            arguments = arguments[1:]
        sys.exit(cli.main(["bench", *arguments]))
    sys.exit(main())
