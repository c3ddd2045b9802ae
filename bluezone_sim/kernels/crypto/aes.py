"""Identifiers that are AES output: GAEN's, and DP-3T's key streams."""

from __future__ import annotations

import numpy as np
from numba.extending import overload
from numpy.typing import NDArray

from ...errors import TableError
from ..cpu import Portable, path
from ..decorators import compiled
from ..threads import in_threads
from . import aes_ir, aes_tables
from .aes_ir import GROUP
from .hkdf import gaen_keys
from .sha256 import check_bytes, output
from .sha256_ir import LANES

#: First twelve bytes of what a rolling proximity identifier encrypts; the interval number follows.
RPI_TEMPLATE = b"EN-RPI".ljust(12, b"\0")
_EXPAND_128, _EXPAND_256 = aes_ir.expand_key(16), aes_ir.expand_key(32)
_RPI_GROUP = aes_ir.counter_group(10, RPI_TEMPLATE, big_endian=False)
_CTR_GROUP = aes_ir.counter_group(14, bytes(12), big_endian=True)
_BLOCK_128 = aes_ir.encrypt_block(10)
_RPI_BYTES = np.frombuffer(RPI_TEMPLATE, np.uint8)


def _expand_128(path, key, at, round_keys):
    """Key schedule of AES-128; the path's type chooses the code."""


def _expand_256(path, key, at, round_keys):
    """Key schedule of AES-256."""


def _rpi_group(path, round_keys, out, at, counter):
    """GROUP rolling proximity identifiers from one interval number on."""


def _ctr_group(path, round_keys, out, at, counter):
    """GROUP blocks of AES-256 key stream from one counter on."""


def _block_128(path, round_keys, data, at):
    """One block in place."""


@overload(_expand_128)
def _(path, key, at, round_keys):
    if path.instance_class is Portable:
        return lambda path, key, at, round_keys: aes_tables.expand_key(key, at, 4, round_keys)
    return lambda path, key, at, round_keys: _EXPAND_128(key, at, round_keys)


@overload(_expand_256)
def _(path, key, at, round_keys):
    if path.instance_class is Portable:
        return lambda path, key, at, round_keys: aes_tables.expand_key(key, at, 8, round_keys)
    return lambda path, key, at, round_keys: _EXPAND_256(key, at, round_keys)


@overload(_rpi_group)
def _(path, round_keys, out, at, counter):
    if path.instance_class is not Portable:
        return lambda path, round_keys, out, at, counter: _RPI_GROUP(
            path, round_keys, out, at, counter
        )

    def tables(path, round_keys, out, at, counter):
        for i in range(GROUP):
            begin = at + 16 * i
            for k in range(12):
                out[begin + k] = _RPI_BYTES[k]
            number = np.uint32(counter + np.uint32(i))
            for k in range(4):
                out[begin + 12 + k] = np.uint8((number >> np.uint32(8 * k)) & np.uint32(0xFF))
            aes_tables.encrypt_block(round_keys, 10, out, begin)

    return tables


@overload(_ctr_group)
def _(path, round_keys, out, at, counter):
    if path.instance_class is not Portable:
        return lambda path, round_keys, out, at, counter: _CTR_GROUP(
            path, round_keys, out, at, counter
        )

    def tables(path, round_keys, out, at, counter):
        for i in range(GROUP):
            begin = at + 16 * i
            for k in range(12):
                out[begin + k] = np.uint8(0)
            number = np.uint32(counter + np.uint32(i))
            for k in range(4):
                out[begin + 12 + k] = np.uint8((number >> np.uint32(24 - 8 * k)) & np.uint32(0xFF))
            aes_tables.encrypt_block(round_keys, 14, out, begin)

    return tables


@overload(_block_128)
def _(path, round_keys, data, at):
    if path.instance_class is Portable:
        return lambda path, round_keys, data, at: aes_tables.encrypt_block(round_keys, 10, data, at)
    return lambda path, round_keys, data, at: _BLOCK_128(round_keys, data, at)


@compiled
def rpi_run(path, round_keys, counter, count, out, at, spare):
    """``count`` rolling proximity identifiers from interval number ``counter`` into ``out[at:]``.

    ``spare`` is ``uint8[16 * GROUP]``, for the last group where it is not whole.
    """
    whole = count - count % GROUP
    for i in range(0, whole, GROUP):
        _rpi_group(path, round_keys, out, at + 16 * i, np.uint32(counter + i))
    if whole < count:
        _rpi_group(path, round_keys, spare, 0, np.uint32(counter + whole))
        for i in range(16 * (count - whole)):
            out[at + 16 * whole + i] = spare[i]


@compiled
def expand_rpik(path, rpik, at, round_keys):
    """Key schedule of the identifier key at ``rpik[at:]``."""
    _expand_128(path, rpik, at, round_keys)


@compiled
def load_batch(teks, first, last, batch):
    """Copies up to LANES keys of ``teks uint32[n, 4]`` into ``batch``; returns how many."""
    n = min(LANES, last - first)
    for lane in range(n):
        for w in range(4):
            batch[4 * lane + w] = teks[first + lane, w]
    return n


@compiled
def _identifiers(path, teks, intervals, span, count, out):
    """All of them for keys ``span``; ``out`` is flat."""
    batch, derived = np.zeros(4 * LANES, np.uint32), np.empty(4 * LANES, np.uint32)
    key_bytes = derived.view(np.uint8)
    round_keys = np.empty(240, np.uint8)
    spare = np.empty(16 * GROUP, np.uint8)
    for begin in range(span[0], span[1], LANES):
        n = load_batch(teks, begin, span[1], batch)
        gaen_keys(path, (), batch, derived)
        for lane in range(n):
            expand_rpik(path, key_bytes, 16 * lane, round_keys)
            at = (begin + lane) * 16 * count
            rpi_run(path, round_keys, intervals[begin + lane], count, out, at, spare)


@compiled
def _metadata(path, teks, rpis, span):
    """Encrypts each identifier, in place, under its key's metadata key.

    A metadata key is derived once for rows of one key that follow each other, as those of a contact do.
    """
    batch, derived = np.zeros(4 * LANES, np.uint32), np.empty(4 * LANES, np.uint32)
    key_bytes = derived.view(np.uint8)
    round_keys = np.empty(240, np.uint8)
    begins = np.empty(LANES + 1, np.int64)
    row, last = span
    while row < last:
        n = 0
        while row < last:
            if n == 0 or _differ(teks, row, row - 1):
                if n == LANES:
                    break
                for w in range(4):
                    batch[4 * n + w] = teks[row, w]
                begins[n] = row
                n += 1
            row += 1
        begins[n] = row
        gaen_keys(path, (0,), batch, derived)
        for lane in range(n):
            _expand_128(path, key_bytes, 16 * lane, round_keys)
            for i in range(begins[lane], begins[lane + 1]):
                _block_128(path, round_keys, rpis, 16 * i)


@compiled
def _differ(teks, i, j):
    for w in range(4):  # noqa: SIM110 (Numba has no generators)
        if teks[i, w] != teks[j, w]:
            return True
    return False


@compiled
def _key_stream(path, keys, span, count, out):
    round_keys = np.empty(240, np.uint8)
    spare = np.empty(16 * GROUP, np.uint8)
    whole = count - count % GROUP
    for i in range(span[0], span[1]):
        _expand_256(path, keys, 32 * i, round_keys)
        at = 16 * count * i
        for block in range(0, whole, GROUP):
            _ctr_group(path, round_keys, out, at + 16 * block, np.uint32(block))
        if whole < count:
            _ctr_group(path, round_keys, spare, 0, np.uint32(whole))
            for k in range(16 * (count - whole)):
                out[at + 16 * whole + k] = spare[k]


def gaen_identifiers(
    teks: NDArray[np.uint8],
    intervals: NDArray[np.int64],
    count: int = 144,
    out: NDArray[np.uint8] | None = None,
    *,
    threads: int = 1,
) -> NDArray[np.uint8]:
    """Rolling proximity identifiers of temporary exposure keys (GAEN cryptography v1.2).

    Args:
        teks: ``uint8[n, 16]``.
        intervals: ``int64[n]``, interval number (unix time // 600 s) of each key's first identifier.
        count: identifiers a key.
        out: ``uint8[n, count, 16]``, contiguous, written and returned where given.
        threads: threads to use.

    Returns:
        ``uint8[n, count, 16]``.

    Raises:
        TableError: an array has another dtype or shape, or an interval number leaves 32 bits.
    """
    teks = check_bytes("teks", teks, 16)
    n = len(teks)
    if count < 0:
        raise TableError(f"count: expected 0 or more, found {count}")
    numbers = np.ascontiguousarray(np.broadcast_to(np.asarray(intervals, np.int64), n))
    bad = np.flatnonzero((numbers < 0) | (numbers + count > 1 << 32))
    if len(bad):
        raise TableError(
            f"intervals: row {bad[0]}: expected 0 to 2**32 - {count}, found {numbers[bad[0]]}"
        )
    out = output(out, (n, count, 16))
    flat, keys, how = out.reshape(-1), teks.view(np.uint32), path()
    in_threads(lambda a, b: _identifiers(how, keys, numbers, (a, b), count, flat), n, threads)
    return out


def gaen_metadata_key_stream(
    teks: NDArray[np.uint8], rpis: NDArray[np.uint8], *, threads: int = 1
) -> NDArray[np.uint8]:
    """What GAEN's associated metadata is XORed with: AES-CTR under AEMK, counter = RPI.

    Args:
        teks: ``uint8[n, 16]``, key of each row.
        rpis: ``uint8[n, 16]``.
        threads: threads to use.

    Returns:
        ``uint8[n, 4]``.
    """
    teks, rpis = check_bytes("teks", teks, 16), check_bytes("rpis", rpis, 16)
    if len(teks) != len(rpis):
        raise TableError(f"rpis: expected {len(teks)} rows as in teks, found {len(rpis)}")
    flat, keys, how = rpis.copy().reshape(-1), teks.view(np.uint32), path()
    in_threads(lambda a, b: _metadata(how, keys, flat, (a, b)), len(teks), threads)
    return np.ascontiguousarray(flat.reshape(-1, 16)[:, :4])


def aes256_key_stream(
    keys: NDArray[np.uint8],
    count: int,
    out: NDArray[np.uint8] | None = None,
    *,
    threads: int = 1,
) -> NDArray[np.uint8]:
    """AES-256-CTR key stream from counter 0, cut into blocks: DP-3T's generator.

    Args:
        keys: ``uint8[n, 32]``.
        count: blocks a key.
        out: ``uint8[n, count, 16]``, contiguous, written and returned where given.
        threads: threads to use.

    Returns:
        ``uint8[n, count, 16]``.
    """
    keys = check_bytes("keys", keys, 32)
    if count < 0:
        raise TableError(f"count: expected 0 or more, found {count}")
    out = output(out, (len(keys), count, 16))
    flat, source, how = out.reshape(-1), keys.reshape(-1), path()
    in_threads(lambda a, b: _key_stream(how, source, (a, b), count, flat), len(keys), threads)
    return out
