"""Controllers for the machine's kernel, at TCP ports of the host, on one virtual radio, and an iPhone.

bumble's virtual controller reports a fixed RSSI, airs only connectable advertisements, never answers a
scan request, reads the interval as milliseconds and answers connections from whatever address is current;
each of these is put right here.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from typing import Any

import bumble.controller as controllers
from bumble import hci, ll
from bumble.controller import Controller
from bumble.core import UUID, AdvertisingData, PhysicalTransport
from bumble.device import Device, DeviceConfiguration
from bumble.gatt import Characteristic, CharacteristicValue, Service
from bumble.hci import Address
from bumble.link import LocalLink
from bumble.transport import open_transport

IOS_SERVICE = UUID("00004E56-73F5-4BC4-A12F-17D1AD07A667")
IOS_CHARACTERISTIC = UUID("00004E56-73F5-4BC4-A12F-17D1AD07A689")
_SENT = hci.HCI_LE_Set_Advertising_Parameters_Command.AdvertisingType
_HEARD = hci.HCI_LE_Advertising_Report_Event.EventType
_KINDS = {_SENT.ADV_NONCONN_IND: _HEARD.ADV_NONCONN_IND, _SENT.ADV_SCAN_IND: _HEARD.ADV_SCAN_IND}


class KernelController(Controller):
    """Reports each advertisement once, with an RSSI and its true type, and scan responses.

    An active scan of the kernel holds a scannable advertisement back until its scan response, or another
    phone's advertisement, arrives: without responses a phone that is alone on air is never reported.
    """

    def on_advertising_pdu(self, pdu: Any) -> None:
        kind = getattr(pdu, "kind", _HEARD.ADV_IND)
        if self.le_scan_enable:
            self._report(kind, pdu.advertiser_address, pdu.data)
            active = self.le_scan_type == hci.HCI_LE_Set_Scan_Parameters_Command.ACTIVE_SCANNING
            if active and kind in (_HEARD.ADV_IND, _HEARD.ADV_SCAN_IND):
                self._report(_HEARD.SCAN_RSP, pdu.advertiser_address, pdu.response)
        pending = self.pending_le_connection
        if pending and pending.peer_address == pdu.advertiser_address:
            self.create_le_connection(pdu.advertiser_address)

    def _report(self, kind: int, address: Address, data: bytes) -> None:
        report = hci.HCI_LE_Advertising_Report_Event.Report(
            event_type=kind,
            address_type=address.address_type,
            address=address,
            data=data,
            rssi=random.randint(-75, -55),
        )
        self.send_hci_packet(hci.HCI_LE_Advertising_Report_Event([report]))


def _send(self: Any) -> None:
    if self.enabled:
        pdu = ll.AdvInd(advertiser_address=self.address, data=self.advertising_data)
        pdu.kind = _KINDS.get(self.advertising_type, _HEARD.ADV_IND)
        pdu.response = self.scan_response_data
        self.controller.send_advertising_pdu(pdu)


def _fired(self: Any) -> None:
    self.send_advertising_data()
    wait_s = self.advertising_interval_min * 0.625e-3 + random.uniform(0, 0.01)
    self.timer_handle = asyncio.get_running_loop().call_later(wait_s, self._on_timer_fired)


controllers.LegacyAdvertiser.send_advertising_data = _send
controllers.LegacyAdvertiser._on_timer_fired = _fired


class Link(LocalLink):
    """Data of a connection carry the address that it was made with."""

    def send_acl_data(
        self, sender_controller: Any, destination_address: Any, transport: Any, data: Any
    ) -> None:
        connection = None
        if transport == PhysicalTransport.LE:
            connection = sender_controller.le_connections.get(destination_address)
        destination = self.find_le_controller(destination_address)
        if connection is None or destination is None:
            super().send_acl_data(sender_controller, destination_address, transport, data)
            return
        asyncio.get_running_loop().call_soon(
            destination.on_link_acl_data, connection.self_address, transport, data
        )


async def iphone(link: Link) -> Device:
    """An iPhone with Bluezone, whose identifier changes every four seconds."""
    controller = Controller("iphone", link=link)
    controller.le_features &= ~hci.LeFeatureMask.LE_EXTENDED_ADVERTISING
    device = Device.from_config_with_hci(
        DeviceConfiguration(
            name="iPhone",
            address=Address("C0:DE:00:00:00:01"),
            advertising_interval_min=100,
            advertising_interval_max=100,
        ),
        controller,
        controller,
    )
    value = CharacteristicValue(read=lambda connection: bytes([int(time.time() // 4) & 255] * 12))
    device.add_service(
        Service(
            IOS_SERVICE,
            [
                Characteristic(
                    IOS_CHARACTERISTIC,
                    Characteristic.Properties.READ,
                    Characteristic.READABLE,
                    value,
                )
            ],
        )
    )
    services = (AdvertisingData.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS, bytes(IOS_SERVICE))
    device.advertising_data = bytes(AdvertisingData([(AdvertisingData.FLAGS, b"\x1a"), services]))
    device.scan_response_data = bytes(
        AdvertisingData([(AdvertisingData.COMPLETE_LOCAL_NAME, b"Bluezone")])
    )
    await device.power_on()
    await device.start_advertising(auto_restart=True)
    return device


async def main(ports: list[int]) -> None:
    link, kept = Link(), []
    for i, port in enumerate(ports):
        transport = await open_transport(f"tcp-server:127.0.0.1:{port}")
        controller = KernelController(
            f"hci{i}",
            host_source=transport.source,
            host_sink=transport.sink,
            link=link,
            public_address=f"00:AA:01:00:00:0{i}",
        )
        # Without these the kernel takes paths that bumble's controller does not have (bumble#841).
        missing = hci.LeFeatureMask.LL_PRIVACY | hci.LeFeatureMask.LE_EXTENDED_ADVERTISING
        controller.le_features &= ~missing
        kept.append((transport, controller))
    kept.append(await iphone(link))
    print("radio up", flush=True)
    await asyncio.Event().wait()


asyncio.run(main([int(port) for port in sys.argv[1:]]))
