"""Bumble's devices as peers: what the raw dongle sends, heard and read by another device on a link."""

from __future__ import annotations

import asyncio

import pytest

pytest.importorskip("bumble", reason="needs the extra ble: pip install 'bluezone-sim[ble]'")

from bumble.controller import Controller
from bumble.core import UUID
from bumble.device import Device, DeviceConfiguration, Peer
from bumble.hci import Address
from bumble.link import LocalLink

from bluezone_sim.ble.advertise import Rota, advertise
from bluezone_sim.ble.bumble_transmit import BumbleTransmitter
from bluezone_sim.ble.bus import AdapterError
from bluezone_sim.ble.crowd import Crowd
from bluezone_sim.ble.transmit import Sending
from bluezone_sim.errors import InputError
from bluezone_sim.protocols import bluezone, get

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


def test_each_identifier_has_an_address_of_its_own(tmp_path):
    async def work():
        link = LocalLink()
        _, heard = await a_peer(link)
        crowd = Crowd("gaen", 1, rotate_s=0.5)
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
        sending = [Sending(get("bluezone").advertisement(i), False, 20) for i in ids]
        async with OnLink(link) as transmit:
            rota = Rota(transmit)
            for turn in range(12):
                await rota.turn(turn, sending)
                await asyncio.sleep(0.05)
        return {get("bluezone").parse_advertisement(data).identifier for _, data in heard}

    assert asyncio.run(work()) == {bytes([k] * 12) for k in range(6)}


def test_iphones_on_the_dongle_have_addresses_and_answers_of_their_own():
    async def work():
        link = Link()
        peer, heard = await a_peer(link)
        values = []
        async with OnLink(link) as transmit:
            for answer in (bytes(range(12)), bytes(range(12, 24))):
                heard.clear()
                await transmit.put(0, Sending(bluezone.ios_advertisement(), True, 50, answer))
                while not heard:
                    await asyncio.sleep(0.02)
                address = heard[-1][0]
                connection = await peer.connect(address)
                # Others may have their turns meanwhile.
                await transmit.put(0, Sending(bluezone.ios_advertisement(), True, 50, b"x" * 12))
                client = Peer(connection)
                await client.discover_services([UUID(str(bluezone.IOS_SERVICE))])
                (service,) = client.get_services_by_uuid(UUID(str(bluezone.IOS_SERVICE)))
                await service.discover_characteristics()
                (characteristic,) = service.get_characteristics_by_uuid(
                    UUID(str(bluezone.IOS_CHARACTERISTIC))
                )
                values.append((bytes(address), bytes(await characteristic.read_value())))
                await connection.disconnect()
        return values

    (first, one), (second, two) = asyncio.run(work())
    assert first != second
    assert (one, two) == (bytes(range(12)), bytes(range(12, 24)))


def test_a_dongle_that_cannot_be_opened_is_named():
    async def work(name):
        async with BumbleTransmitter(name):
            pass

    with pytest.raises(InputError, match="--adapter usb:0"):
        asyncio.run(work(None))
    with pytest.raises(AdapterError, match="hci-socket:77: bumble cannot open it"):
        asyncio.run(work("hci-socket:77"))
