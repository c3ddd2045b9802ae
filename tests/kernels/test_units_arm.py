"""The units' code for 64-bit Arm, run by QEMU: the same memory afterwards as on this processor."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest
from llvmlite import binding, ir

from bluezone_sim.kernels.crypto.aes import GAEN_IDENTIFIER
from bluezone_sim.kernels.units import objects, table
from bluezone_sim.kernels.units.filters import MOST

GCC, QEMU = "aarch64-linux-gnu-gcc", "qemu-aarch64-static"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which(GCC) is None or shutil.which(QEMU) is None,
        reason="needs Debian packages gcc-aarch64-linux-gnu, libc6-dev-arm64-cross, qemu-user-static",
    ),
]

KEYS, COUNT = 5, 11  # neither fills a unit's last group
#: Number of the call that seeks.
SEEK = 7


class Memory:
    """Arrays in a row, and calls on them: for a program in C, and for this process."""

    def __init__(self) -> None:
        self.content, self.calls = b"", []
        self.results = self.array(np.zeros(16, np.int64))

    def array(self, values: np.ndarray) -> slice:
        begin = len(self.content)
        self.content += values.tobytes() + bytes(-values.nbytes % 16)
        return slice(begin, begin + values.nbytes)

    def room(self, size: int) -> slice:
        return self.array(np.full(size, 7, np.uint8))

    def call(self, name: str, *arguments: slice | int) -> None:
        self.calls.append((name, arguments))

    def here(self) -> bytes:
        memory = np.frombuffer(bytearray(self.content), np.uint8)
        results = memory[self.results].view(np.int64)
        for i, (name, arguments) in enumerate(self.calls):
            given = (memory[a] if isinstance(a, slice) else a for a in arguments)
            results[i] = table.call(name, *given)
        return memory.tobytes()

    def program(self) -> str:
        lines = ["#include <stdio.h>", f"static _Alignas(16) unsigned char m[{len(self.content)}];"]
        body = ["fread(m, 1, sizeof m, stdin);"]
        for i, (name, arguments) in enumerate(self.calls):
            kinds = ", ".join("void *" if isinstance(a, slice) else "long" for a in arguments)
            lines.append(f'long unit_{name}({kinds}) __asm__("{name}");')
            given = (f"m + {a.start}" if isinstance(a, slice) else str(a) for a in arguments)
            body.append(f"((long *)m)[{i}] = unit_{name}({', '.join(given)});")
        return "\n".join([*lines, "int main(void) {", *body, "fwrite(m, 1, sizeof m, stdout); }"])


@pytest.fixture(scope="module")
def memory() -> Memory:
    rng = np.random.default_rng(3)
    m = Memory()
    long_keys, keys = (m.array(rng.integers(0, 256, KEYS * k, np.uint8)) for k in (32, 16))
    blocks = m.array(rng.integers(0, 256, KEYS * 128, np.uint8))
    starts = m.array(np.array([0, 1, 2650752, 2**32 - 3, 99], np.uint32))
    counts = m.array(np.array([COUNT, 0, 144, 1, 24], np.int32))
    bloom = m.array(
        rng.integers(0, 1 << 63, 64, np.uint64) | rng.integers(0, 1 << 63, 64, np.uint64)
    )
    begins = m.array(np.array([0, 1, 1, 4, 6, 7], np.int64))
    label = m.array(GAEN_IDENTIFIER)
    n, room = KEYS, KEYS * MOST
    m.call("identifiers", long_keys, m.room(n * COUNT * 12), n, COUNT)
    m.call("ratchet", long_keys, m.room(n * COUNT * 32), n, COUNT)
    m.call("digests", blocks, 2, n, m.room(n * 32), 32, 32)
    derived = m.room(n * 16)
    m.call("derive", keys, derived, n, label)
    m.call("rpis", derived, starts, m.room(n * COUNT * 16), n, COUNT)
    m.call("key_stream", long_keys, m.room(n * COUNT * 16), n, COUNT)
    m.call("encrypt", keys, begins, m.room(7 * 16), n)
    found, where = m.room(16 * room), m.room(16 * room)
    m.call("seek", derived, starts, counts, n, bloom, 58, found, where)
    m.call("passing_3", bloom, 58, blocks)
    m.call("passing_4", bloom, 58, blocks)
    return m


@pytest.mark.parametrize(
    ("processor", "features", "sha", "aes"),
    [
        ("generic", "+neon,+aes,+sha2", "armv8", "armv8"),
        ("neoverse-n1", "", "armv8", "armv8"),
        ("apple-m1", "", "armv8", "armv8"),
        ("cortex-a72", "+neon,-aes,-sha2", "lanes", "tables"),
    ],
)
def test_arm_leaves_the_same_in_memory(processor, features, sha, aes, memory, tmp_path):
    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    machine = binding.Target.from_triple("aarch64-unknown-linux-gnu").create_target_machine(
        cpu=processor, features=features, opt=2, reloc="pic", codemodel="small"
    )
    linked = []
    for kind, unit, write in (
        ("sha", sha, table.write_sha),
        ("aes", aes, table.write_aes),
        ("filters", aes, table.write_filters),
    ):
        module = ir.Module(kind)
        write(module, unit)
        linked.append(tmp_path / f"{kind}.o")
        linked[-1].write_bytes(objects.compiled(str(module), machine))
    (tmp_path / "main.c").write_text(memory.program())
    program = tmp_path / "main"
    subprocess.run([GCC, "-w", "-static", "-o", program, tmp_path / "main.c", *linked], check=True)
    done = subprocess.run([QEMU, program], input=memory.content, capture_output=True, check=True)
    expected = memory.here()
    (got, ids, where), (expected, expected_ids, expected_where) = map(
        parted, (done.stdout, memory.here())
    )
    assert got == expected
    assert got != memory.content[: len(got)]
    assert 20 < len(ids) < 180
    assert (ids == expected_ids).all()
    assert (where == expected_where).all()


def parted(memory: bytes) -> tuple[bytes, np.ndarray, np.ndarray]:
    """All but what passed the filter; and that.

    Behind what passed lie identifiers that did not, and how many of those is a unit's own affair.
    """
    room = 16 * (KEYS * MOST)
    results = np.frombuffer(memory[:128], np.int64)
    passed = int(results[SEEK])
    found, where = memory[-2 * room : -room], memory[-room:]
    return (
        memory[: -2 * room],
        np.frombuffer(found, np.uint8).reshape(-1, 16)[:passed],
        np.frombuffer(where, np.int64).reshape(-1, 2)[:passed],
    )
