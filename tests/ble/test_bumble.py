"""Bumble's devices as peers: what the raw dongle sends, heard and read by another device on a link."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket

import numpy as np
import pytest

pytest.importorskip("bumble", reason="needs the extra ble: pip install 'bluezone-sim[ble]'")

from bumble.controller import Controller
from bumble.core import UUID
from bumble.device import Device, DeviceConfiguration, Peer
from bumble.hci import Address
from bumble.link import LocalLink
from bumble.transport.tcp_server import open_tcp_server_transport_with_socket

import bluezone_sim as bz
from bluezone_sim import cli
from bluezone_sim.ble.adapters.bus import AdapterError
from bluezone_sim.ble.drive.encounter_plan import make_plan
from bluezone_sim.ble.listening.reports import address_text
from bluezone_sim.ble.sending.advertise import SlotScheduler, advertise
from bluezone_sim.ble.sending.bumble import BumbleTransmitter
from bluezone_sim.ble.sending.crowd import SendingPhones
from bluezone_sim.ble.sending.transmit import Transmission
from bluezone_sim.ble.virtual import VirtualBench, VirtualPhone
from bluezone_sim.captures.formats.parquet import read_sightings
from bluezone_sim.errors import InputError
from bluezone_sim.protocols import ad
from bluezone_sim.protocols.bluezone import wire as bluezone
from bluezone_sim.protocols.registry import get

pytestmark = pytest.mark.ble


class OnLink(BumbleTransmitter):
    """The dongle on a virtual link."""

    def __init__(self, link):
        super().__init__("a link")
        self._link = link

    async def _open(self):
        controller = Controller("dongle", link=self._link)
        return controller, controller

    async def _close(self):
        pass


class Link(LocalLink):
    """Data of a connection carry the address that it was made with, also after a change of address."""

    def send_acl_data(self, sender_controller, destination_address, transport, data):
        connection = sender_controller.le_connections.get(destination_address)
        destination = self.find_le_controller(destination_address)
        if connection is None or destination is None:
            super().send_acl_data(sender_controller, destination_address, transport, data)
        else:
            asyncio.get_running_loop().call_soon(
                destination.on_link_acl_data, connection.self_address, transport, data
            )


async def a_peer(link):
    """Another device, and what it hears: (address, advertising data)."""
    controller = Controller("peer", link=link)
    device = Device.from_config_with_hci(
        DeviceConfiguration(name="peer", address=Address("F0:F1:F2:F3:F4:F5")),
        controller,
        controller,
    )
    heard = []
    device.on("advertisement", lambda a: heard.append((a.address, a.data_bytes)))
    await device.power_on()
    await device.start_scanning(filter_duplicates=False)
    return device, heard


async def an_answer(connection):
    """What Bluezone's characteristic gives; the connection is over then."""
    client = Peer(connection)
    await client.discover_services([UUID(str(bluezone.IOS_SERVICE))])
    (service,) = client.get_services_by_uuid(UUID(str(bluezone.IOS_SERVICE)))
    await service.discover_characteristics()
    (characteristic,) = service.get_characteristics_by_uuid(UUID(str(bluezone.IOS_CHARACTERISTIC)))
    value = bytes(await characteristic.read_value())
    await connection.disconnect()
    return value


def test_each_identifier_has_an_address_of_its_own(tmp_path):
    async def work():
        link = LocalLink()
        _, heard = await a_peer(link)
        crowd = SendingPhones("gaen", 1, rotate_s=0.5)
        async with OnLink(link) as transmit:
            await advertise(asyncio.Event(), crowd, transmit, tmp_path / "k.bin", seconds=1.6)
        return heard

    heard = asyncio.run(work())
    found = {}
    for address, data in heard:
        seen = get("gaen").parse_advertisement(data)
        found.setdefault(seen.identifier, set()).add(bytes(address))
    assert len(found) >= 3
    assert all(len(addresses) == 1 for addresses in found.values())
    addresses = [a for each in found.values() for a in each]
    assert len(set(addresses)) == len(addresses)
    assert all(a[5] >> 6 == 0 for a in addresses)  # non-resolvable: least significant byte first
    assert (tmp_path / "k.bin").stat().st_size > 60


def test_a_crowd_takes_turns():
    async def work():
        link = LocalLink()
        _, heard = await a_peer(link)
        ids = [bytes([k] * 12) for k in range(6)]
        sending = [Transmission(get("bluezone").advertisement(i), False, 20) for i in ids]
        async with OnLink(link) as transmit:
            rota = SlotScheduler(transmit)
            for turn in range(12):
                await rota.turn(turn, sending)
                await asyncio.sleep(0.05)
        return {get("bluezone").parse_advertisement(data).identifier for _, data in heard}

    assert asyncio.run(work()) == {bytes([k] * 12) for k in range(6)}


def test_iphones_on_the_dongle_have_addresses_and_answers_of_their_own():
    gatt = get("bluezone").wire.gatt

    async def work():
        link = Link()
        peer, heard = await a_peer(link)
        values = []
        async with OnLink(link) as transmit:
            for answer in (bytes(range(12)), bytes(range(12, 24))):
                heard.clear()
                await transmit.put(
                    0, Transmission(bluezone.ios_advertisement(), True, 50, answer, gatt)
                )
                while not heard:
                    await asyncio.sleep(0.02)
                address = heard[-1][0]
                connection = await peer.connect(address)
                # Others may have their turns meanwhile.
                await transmit.put(
                    0, Transmission(bluezone.ios_advertisement(), True, 50, b"x" * 12, gatt)
                )
                values.append((bytes(address), await an_answer(connection)))
        return values

    (first, one), (second, two) = asyncio.run(work())
    assert first != second
    assert (one, two) == (bytes(range(12)), bytes(range(12, 24)))


async def a_relay(listening, bluez):
    """A dongle at a TCP socket; what it sends is heard, and read, by the ``hci0`` of a virtual bench."""
    link = Link()
    transport = await open_tcp_server_transport_with_socket(listening)
    dongle = Controller("dongle", transport.source, transport.sink, link=link)
    peer, _ = await a_peer(link)
    one_at_a_time = asyncio.Lock()

    async def read(address):
        async with one_at_a_time:
            connection = await peer.connect(address)
            return await an_answer(connection)

    def hear(advertisement):
        address = advertisement.address
        text = address_text(int.from_bytes(bytes(address), "little"))
        if advertisement.is_connectable:  # iPhones, with the service in Apple's overflow area
            answer = {str(bluezone.IOS_CHARACTERISTIC): lambda: read(address)}
            bluez.phones.setdefault(text, VirtualPhone(str(bluezone.IOS_SERVICE), answer))
        fields = {"uuids": [], "manufacturer": {}}
        for kind, data in ad.walk(advertisement.data_bytes):
            if kind in ad.UUIDS_16:
                fields["uuids"] += [f"0000{data[::-1].hex()}-0000-1000-8000-00805f9b34fb"]
            elif kind == ad.MANUFACTURER:
                fields["manufacturer"][int.from_bytes(data[:2], "little")] = data[2:]
        bluez.hear("hci0", text, -60, address_type="random", **fields)

    peer.on("advertisement", hear)

    async def close():
        transport.server.close()
        await transport.close()

    return close, dongle  # a dongle that nobody holds is gone


_SCENARIO = """
name = "bench"
date = 2020-08-12
[population]
people = 2_000
smartphones = 1_400
[[population.districts]]
name = "Centre"
people = 2_000
[adoption]
levels = [0.2]
[radio]
scan_on_s = 40.0
scan_period_s = 60.0
[phones]
off_share = 0.0
away_share = 0.0
android = { killed_share = 0.0, saver_share = 0.0 }
ios = { killed_share = 0.0 }
"""


@pytest.mark.skipif(
    shutil.which("dbus-daemon") is None,
    reason="needs dbus-daemon (Debian package dbus) and Linux",
)
@pytest.mark.slow
def test_a_drive_through_the_dongle_beside_the_simulation(tmp_path, capsys, monkeypatch):
    """Every byte of the HCI passes a TCP port; what the other side hears reaches bleak through D-Bus."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bench.toml").write_text(_SCENARIO, encoding="utf-8")
    listening = socket.create_server(("127.0.0.1", 0))
    adapter = f"tcp-client:127.0.0.1:{listening.getsockname()[1]}"
    with VirtualBench(1) as bench:
        close, _dongle = bench.run(a_relay(listening, bench.bluez))
        options = ("--backend", "bumble", "--adapter", adapter, "--listen", "hci0", "--json")
        options += ("--hours", "7.045-7.065", "--speed", "15", "--out", "run")
        code = cli.main(["ble", "drive", "bench.toml", *options])
        bench.run(close())
    out, err = capsys.readouterr()
    assert code == 0, err
    (level,) = json.loads(out)["levels"]
    assert level["on_air"] == 6
    assert len(level["missed"]) + len(level["extra"]) <= 1
    assert "each phone has a random address of its own" in err
    # An iPhone's identifier was read over GATT, from the address that it alone has.
    scenario = bz.load("bench.toml")
    plan = make_plan(scenario, scenario.seed, [0.2], hours=(7.045, 7.065))
    iphones = plan.peers[plan.desk.world.ios[plan.peers]]
    table = read_sightings(tmp_path / "run" / "level-0.2.parquet")["bluezone"]
    matches = bz.match(plan.keys.published(iphones), table, "bluezone")
    assert len(np.unique(matches.key)) >= 1


def test_a_dongle_that_cannot_be_opened_is_named():
    async def work(name):
        async with BumbleTransmitter(name):
            pass

    with pytest.raises(InputError, match="--adapter usb:0"):
        asyncio.run(work(None))
    with pytest.raises(AdapterError, match="hci-socket:77: bumble cannot open it"):
        asyncio.run(work("hci-socket:77"))
