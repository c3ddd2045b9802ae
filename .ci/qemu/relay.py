"""Inside the machine: its /dev/vhci and its system D-Bus, carried over TCP to and from the host.

Python takes seconds to start on an emulated processor, so what is Python (the virtual controllers, bleak,
our commands) runs on the host; only this passes bytes on here.

    relay.py BUS-PORT CONTROLLER-PORT...
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading

HOST = "10.0.2.2"  # the host, as QEMU's network shows it
BUS = "/run/dbus/system_bus_socket"
_VENDOR, _PRIMARY = b"\xff", b"\x00"
#: Of each kind of HCI packet: where its length is, and in how many bytes.
_LENGTH = {1: (3, 1), 2: (3, 2), 3: (3, 1), 4: (2, 1), 5: (3, 2)}


def start(work, *arguments) -> None:
    threading.Thread(target=work, args=arguments, daemon=True).start()


def take(stream, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data


def to_kernel(stream, vhci: int) -> None:
    """A write to vhci is one packet, so packets are cut out of the stream."""
    while True:
        kind = take(stream, 1)
        at, size = _LENGTH[kind[0]]
        head = take(stream, at + size - 1)
        length = int.from_bytes(head[-size:], "little")
        os.write(vhci, kind + head + take(stream, length))


def from_kernel(vhci: int, link: socket.socket) -> None:
    while True:
        link.sendall(os.read(vhci, 4096))


def controller(port: int) -> None:
    """A new adapter of the kernel, whose controller is at a port of the host."""
    link = socket.create_connection((HOST, port))
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    vhci = os.open("/dev/vhci", os.O_RDWR)
    os.write(vhci, _VENDOR + _PRIMARY)
    os.read(vhci, 4096)  # its number
    start(to_kernel, link.makefile("rb"), vhci)
    start(from_kernel, vhci, link)


def pass_on(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def serve_bus(port: int) -> None:
    """Each connection from the host is one to the bus, as root."""
    listening = socket.create_server(("", port))
    print("up", flush=True)
    while True:
        client, _ = listening.accept()
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        bus = socket.socket(socket.AF_UNIX)
        bus.connect(BUS)
        start(pass_on, client, bus)
        start(pass_on, bus, client)


if __name__ == "__main__":
    bus_port, *controller_ports = map(int, sys.argv[1:])
    for each in controller_ports:
        controller(each)
    serve_bus(bus_port)
