"""Protocol Buffers on the wire, as far as exports of keys need it: fields, no schema."""

from __future__ import annotations

from ...errors import FormatError

_64_BITS = (1 << 64) - 1


def varint(value: int) -> bytes:
    """A number, seven bits a byte, the low ones first."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def number_field(tag: int, value: int) -> bytes:
    """A field that is a varint."""
    return varint(tag << 3) + varint(value)


def bytes_field(tag: int, value: bytes) -> bytes:
    """A field that is bytes, text or a message."""
    return varint(tag << 3 | 2) + varint(len(value)) + value


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """(number, next byte).

    Raises:
        FormatError: it is truncated or longer than ten bytes.
    """
    value = 0
    for i in range(10):
        if at + i >= len(data):
            break
        value |= (data[at + i] & 127) << (7 * i)
        if data[at + i] < 128:
            return value & _64_BITS, at + i + 1  # as every reader of the wire format does
    raise FormatError(f"byte {at}: a number is truncated")


def fields(data: bytes) -> list[tuple[int, int | bytes]]:
    """(field number, value) of a message.

    Raises:
        FormatError: the message is broken; the byte is named.
    """
    out: list[tuple[int, int | bytes]] = []
    at = 0
    while at < len(data):
        begin = at
        tag, at = read_varint(data, at)
        number, wire = tag >> 3, tag & 7
        value: int | bytes
        if wire == 0:
            value, at = read_varint(data, at)
        elif wire in (1, 5, 2):
            size = {1: 8, 5: 4}.get(wire, 0)
            if wire == 2:
                size, at = read_varint(data, at)
            if at + size > len(data):
                raise FormatError(f"byte {begin}: field {number} runs past the end")
            value = data[at : at + size]
            at += size
        else:
            raise FormatError(f"byte {begin}: wire type {wire} does not exist")
        out.append((number, value))
    return out
