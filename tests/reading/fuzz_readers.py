"""Fuzzing of every reader of what others wrote, by the minute; not part of the test suite.

The project's own error or a result: anything else, more than some seconds, or more memory than there
may be is a fault. Each reader starts from whole inputs and keeps those that reach new lines of its
modules, so it gets past magic bytes, checksums and signatures. How many of their lines were reached is
printed, and a reader that is not reached is a fault as well::

    python tests/reading/fuzz_readers.py --seconds 60
    python tests/reading/fuzz_readers.py --seconds 300 --only "export, zipped" --faults /tmp/faults

With atheris, which sees branches of code where this sees lines, one reader or all by turns::

    python -m pip install atheris
    python tests/reading/fuzz_readers.py --atheris --only pcapng -- -max_total_time=60 -rss_limit_mb=2048
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import random
import signal
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

#: Seconds for one input, and bytes that the process may grow by.
_MOST_SECONDS, _MOST_MEMORY = 10, 1536 << 20
#: Of the lines in a reader's own functions so many are reached, or it is not.
_REACHED = 0.4
#: Every so many inputs one is watched, which takes longer: those before are known to reach nothing new
#: less often than they are worth.
_WATCHED = 3
#: Inputs that are kept.
_MOST_KEPT = 400


class TooSlowError(Exception):
    """An input took longer than any should."""


def lines_of(path: Path, names: tuple[str, ...]) -> set[int]:
    """Lines of the functions of a module whose names begin so."""

    def inner(code: CodeType) -> Iterator[CodeType]:
        for value in code.co_consts:
            if isinstance(value, CodeType):
                yield value
                yield from inner(value)

    whole = compile(path.read_text(encoding="utf-8"), str(path), "exec")
    # Bodies of classes run as they are imported, and writers are no readers.
    functions = [c for c in inner(whole) if c.co_flags & 2 and c.co_qualname.startswith(names)]
    return {
        line for c in functions for _, _, line in c.co_lines() if line and line > c.co_firstlineno
    }


class Watch:
    """Lines that are reached in some modules."""

    def __init__(self, modules: Sequence[str]):
        self.lines: dict[str, set[int]] = {}
        for module in modules:
            name, _, functions = module.partition(":")
            path = ROOT / "bluezone_sim" / f"{name.replace('.', '/')}.py"
            self.lines[str(path)] = lines_of(path, tuple(functions.split("|")))
        self.reached: dict[str, set[int]] = {path: set() for path in self.lines}

    def _trace(self, frame: FrameType, event: str, arg: Any) -> Any:
        found = self.reached.get(frame.f_code.co_filename)
        if found is None:
            return None
        if event == "line":
            found.add(frame.f_lineno)
        return self._trace

    def __enter__(self) -> None:
        sys.settrace(self._trace)

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    @property
    def n(self) -> tuple[int, int]:
        """Lines that were reached, of all."""
        of = sum(map(len, self.lines.values()))
        return sum(len(self.reached[path] & lines) for path, lines in self.lines.items()), of


def _limit() -> None:
    """Lets the process grow by so much and no more, where the system can."""
    try:
        import resource
    except ImportError:
        return
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmSize"):
            most = 1024 * int(line.split()[1]) + _MOST_MEMORY
            resource.setrlimit(resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))


def _too_slow(number: int, frame: FrameType | None) -> None:
    raise TooSlowError


def fuzz(reader: Any, seconds: float, seed: int) -> tuple[Any, Watch]:
    """Damages a reader's inputs for some seconds, and keeps those that reach new lines."""
    from helpers.readers import Found, attempt, damaged

    rng, found, watch = random.Random(f"{reader.name} {seed}"), Found(), Watch(reader.modules)
    kept = list(reader.seeds())
    for data in kept:
        with watch:
            attempt(reader, data, found)
    if found.n_read < len(kept):
        found.faults["a whole input is refused"] = kept[0]
    seeds, end = len(kept), time.monotonic() + seconds
    while time.monotonic() < end:
        data = damaged(rng, reader, kept)
        signal.alarm(_MOST_SECONDS)
        if found.n % _WATCHED:
            attempt(reader, data, found)
        else:
            before = watch.n
            with watch:
                attempt(reader, data, found)
            if watch.n != before:
                kept.insert(seeds, data)
                del kept[seeds + _MOST_KEPT :]
        signal.alarm(0)
    reached, of = watch.n
    if reached < _REACHED * of:
        found.faults[f"only {reached} of {of} lines are reached"] = kept[0]
    return found, watch


def plain(readers: Sequence[Any], seconds: float, seed: int, faults: Path | None) -> int:
    """All readers, each its part of the time; how many faults there are."""
    from helpers.readers import Found as Warm
    from helpers.readers import attempt

    for reader in readers:  # imports and compiled code are no input's memory
        for data in reader.seeds():
            attempt(reader, data, Warm())
    _limit()
    signal.signal(signal.SIGALRM, _too_slow)
    n = n_faults = 0
    for reader in readers:
        found, watch = fuzz(reader, seconds / len(readers), seed)
        n, n_faults = n + found.n, n_faults + len(found.faults)
        reached, of = watch.n
        where = ", ".join(name.partition(":")[0] for name in reader.modules)
        print(
            f"{reader.name:24} {found.n:7,} inputs, {found.n_read:7,} read; {reached:4} of {of:4} lines "
            f"of {where}",
            flush=True,
        )
        for k, (fault, data) in enumerate(found.faults.items()):
            print(f"  FAULT {fault}: {data[:80]!r}", flush=True)
            if faults is not None:
                faults.mkdir(parents=True, exist_ok=True)
                (faults / f"{reader.name}-{k}".replace(" ", "-")).write_bytes(data)
    print(f"{n:,} inputs of {len(readers)} readers, {n_faults} faults")
    return n_faults


def guided(readers: Sequence[Any], options: Sequence[str]) -> None:
    """With atheris: the first byte chooses the reader, the second whether what follows is packed."""
    import atheris

    from bluezone_sim.errors import InputError
    from helpers.readers import READERS, damaged

    rng = random.Random(1)
    seeds = {reader.name: reader.seeds() for reader in readers}

    def one(data: bytes) -> None:
        if len(data) < 2:
            return
        reader, inner = readers[data[0] % len(readers)], data[2:]
        try:
            reader.read(reader.pack(inner) if reader.pack and data[1] & 1 else inner)
        except InputError:
            pass
        except Exception:
            traceback.print_exc()
            raise

    def changed(data: bytes, most: int, seed: int) -> bytes:
        number = data[0] % len(readers) if data and seed % 4 else seed % len(readers)
        reader = readers[number]
        if len(data) > 2 and seed % 3:
            return bytes([number, data[1]]) + atheris.Mutate(data[2:], max(1, most - 2))
        return bytes([number, 0]) + damaged(rng, reader, seeds[reader.name])[: most - 2]

    assert set(readers) <= set(READERS)
    atheris.Setup(
        [sys.argv[0], "-max_len=70000", "-timeout=20", *options], one, custom_mutator=changed
    )
    atheris.Fuzz()


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60, help="for all readers together")
    parser.add_argument("--only", action="append", help="a reader's name; may be repeated")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", type=Path, help="a folder for the inputs that are faults")
    parser.add_argument("--atheris", action="store_true", help="options of libFuzzer follow --")
    parser.add_argument("options", nargs="*")
    given = parser.parse_args()
    if given.atheris:
        import atheris

        import bluezone_sim.kernels as kernels

        # What numba compiles has to stay as it is, so it is there before.
        for found in pkgutil.walk_packages(kernels.__path__, "bluezone_sim.kernels."):
            importlib.import_module(found.name)
        with atheris.instrument_imports(include=["bluezone_sim"]):
            from helpers.readers import READERS, Found, attempt

            for reader in READERS:  # readers import what they need as they are called
                for data in reader.seeds():
                    attempt(reader, data, Found())
    else:
        from helpers.readers import READERS
    readers = [r for r in READERS if not given.only or r.name in given.only]
    if given.only and len(readers) != len(set(given.only)):
        parser.error(f"readers are: {', '.join(reader.name for reader in READERS)}")
    if given.atheris:
        guided(readers, given.options)
    sys.exit(1 if plain(readers, given.seconds, given.seed, given.faults) else 0)


if __name__ == "__main__":
    main()
