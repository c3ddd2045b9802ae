"""The limit in C: it does what the protocols say in every way, with the instructions that it is given."""

from __future__ import annotations

import ctypes
import json
import shutil
import subprocess

import numpy as np
import pytest

from bluezone_sim import cli
from bluezone_sim.benchmarks import limit, limit_library, naive
from bluezone_sim.benchmarks.limit_library import build_library, flags
from bluezone_sim.benchmarks.workload import START_S, random_keys
from bluezone_sim.errors import BluezoneSimError, InputError
from bluezone_sim.kernels.cpu import features

SSE = frozenset({"ssse3", "sse4.1", "avx", "avx2", "bmi", "bmi2", "lzcnt", "popcnt", "aes", "sha"})
WIDE = SSE | {"vaes", "avx512f", "avx512dq", "avx512bw", "avx512vl"}
LEVELS = {"AVX2": SSE, "VAES on 256 bits": SSE | {"vaes"}, "AVX-512": WIDE}
needs_compiler = pytest.mark.skipif(
    shutil.which("gcc") is None or not {"aes", "sse4.1"} <= features(),
    reason="needs gcc, and a processor with AES",
)


@pytest.fixture(scope="module", params=LEVELS)
def library(request):
    """The C with a level's instructions, hardly optimised: its answers count, and it is there in a tenth
    of the time. As it is timed a slow test has the command compile it, which compares the answers.
    """
    level = frozenset(LEVELS[request.param])
    if not level <= features():
        pytest.skip(f"needs a processor with {', '.join(sorted(level - features()))}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limit_library, "features", lambda: level)
        patch.setattr(limit_library, "flags", lambda: [*flags(), "-Og"])
        return build_library()


def ways(library, names):
    found = {name: limit._function(library, name) for name in names}
    return {name: function for name, function in found.items() if function is not None}


@needs_compiler
def test_every_way_makes_the_identifiers(library):
    keys = random_keys(32, 32)
    expected = b"".join(naive.bluezone(keys))
    found = ways(library, [f"ids_{sha}" for sha in limit._SHA])
    assert len(found) >= 2
    for function in found.values():
        out = np.zeros((32, 96, 12), np.uint8)
        function(limit._address(keys), limit._address(out), ctypes.c_long(32))
        assert out.tobytes() == expected


@needs_compiler
def test_every_way_expands_and_finds(library):
    keys, first = random_keys(16, 48), START_S // 600
    numbers = np.full(48, first, np.uint32)
    expected = np.frombuffer(b"".join(naive.gaen(keys, first)), np.uint8).reshape(48, 144, 16)
    for function in ways(library, [f"expand_{sha}" for sha in limit._SHA]).values():
        out = np.zeros_like(expected)
        function(*map(limit._address, (keys, numbers, out)), ctypes.c_long(48))
        assert np.array_equal(out, expected)
    # The first and last of a day, of the first and last key, and two of one key, among strangers.
    seen = random_keys(16, 5_000, seed=9)
    hits = [[0, 0], [0, 143], [17, 5], [17, 6], [47, 143]]
    for row, (key, number) in enumerate(hits):
        seen[row * 900] = expected[key, number]
    index = limit._Index(library, seen, 12)
    names = [f"match_{probe}_{sha}" for probe in limit._PROBES for sha in limit._SHA]
    for function in ways(library, names).values():
        found = np.zeros((48 * 144, 2), np.int64)
        given = (limit._address(keys), limit._address(numbers), index.pointer)
        n = function(*given, limit._address(found), ctypes.c_long(48))
        assert limit._in_order(found[:n]).tolist() == hits


@needs_compiler
@pytest.mark.parametrize("optimised", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_the_command_sets_the_figures_beside_the_limit(optimised, monkeypatch, capsys):
    """By default beside C that is hardly optimised: most of the time is the compiler's."""
    if not optimised:
        monkeypatch.setattr(limit_library, "flags", lambda: [*flags(), "-Og"])
    monkeypatch.setattr(limit, "OBSERVED", {"10k": 10_000})
    monkeypatch.setattr(limit, "_ROUNDS", 2)
    monkeypatch.setattr(limit, "_GAEN_KEYS", 4_096)
    assert cli.main(["bench", "limit", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["processor"] is not None
    assert document["units"]
    figures = {f["name"]: f for f in document["figures"]}
    assert list(figures) == ["ids/bluezone", "expand/gaen/out", "match/gaen/10k"]
    for f in figures.values():
        assert f["ratio"] == pytest.approx(f["ours"] / f["limit"])
        assert f["ours"] > 0


def test_c_that_gives_something_else_is_no_limit():
    right, wrong = (limit._Side([lambda: 0], lambda _, x=x: np.full(3, x)) for x in (1, 2))
    job = limit._Job("ids/x", "ids", 1, right, {"ids_one": right, "ids_two": wrong})
    with pytest.raises(BluezoneSimError, match="ids/x: ids_two in C gives something else"):
        limit._measured(job)


def test_the_c_gets_the_instructions_that_numba_may_use(monkeypatch):
    monkeypatch.setattr(limit_library, "features", lambda: frozenset({"aes", "sha", "amx-tile"}))
    assert flags() == ["-march=x86-64", "-mtune=native", "-maes", "-msha"]


def test_without_a_compiler_it_says_so(monkeypatch, capsys):
    monkeypatch.setattr(limit_library, "features", lambda: SSE)
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", "")
    assert cli.main(["bench", "limit"]) == 2
    assert "there is no gcc and no cc; install a C compiler" in capsys.readouterr().err
    monkeypatch.setenv("CC", "no-such-cc -m64")
    with pytest.raises(InputError, match="CC=no-such-cc: there is no such program"):
        build_library()
    monkeypatch.setattr(limit_library, "features", lambda: SSE - {"aes"})
    with pytest.raises(InputError, match="there is no aes here"):
        build_library()


def test_a_compiler_that_fails_is_quoted(monkeypatch):
    monkeypatch.setattr(limit_library, "features", lambda: SSE)
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr(limit_library, "_compiler", lambda: ["gcc"])
    failed = subprocess.CompletedProcess([], 1, "", "gcc: error: unrecognized option '-msha'\n")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(InputError, match=r"gcc cannot compile limit\.c\n.*unrecognized option"):
        build_library()
