"""pytest plugin: ``--bench FILE``, fixtures for the adapters and phones of a bench, their markers.

::

    @pytest.mark.two_adapters
    def test_our_phone_is_heard(scanner, advertiser):
        with advertiser("bluezone") as sent:
            heard = scanner(seconds=3)
        assert sent.identifiers() & heard.identifiers("bluezone")

It is loaded in every project of an environment: nothing heavy is imported before a bench is used.
"""

from __future__ import annotations

import contextlib
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ...tables.rows import PublishedKeys, Sightings
    from ..sending.crowd import SendingPhones
    from .file import TestBench

_MARKERS = {
    "adapter": "needs a bench with an adapter that listens",
    "two_adapters": "needs a bench with an adapter that listens and one that sends",
    "phone": "needs a bench with a phone under test",
}
#: An adapter that has nothing on air by then is at fault.
_START_S = 20.0
#: From the first identifier until it is on air.
_SETTLE_S = 0.3


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds ``--bench``."""
    with contextlib.suppress(ValueError):  # another plugin has an option of that name
        parser.getgroup("bluezone-sim").addoption(
            "--bench",
            metavar="FILE",
            default=None,
            help="bench file with adapters and phones (TOML)",
        )


def pytest_configure(config: pytest.Config) -> None:
    """Registers the markers."""
    for name, about in _MARKERS.items():
        config.addinivalue_line("markers", f"{name}: {about}")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips what the bench cannot run, and says what is missing."""
    wanted = [name for name in _MARKERS if item.get_closest_marker(name)]
    if not wanted:
        return
    path = item.config.getoption("--bench", default=None)
    if path is None:
        pytest.skip("needs --bench FILE, such as hardware/benches/desk.toml")
    from .file import load_bench

    found = load_bench(Path(path))
    if {"adapter", "two_adapters"} & set(wanted) and found.adapter("listen") is None:
        pytest.skip(f'{path}: needs an adapter with role = "listen"')
    if "two_adapters" in wanted and found.adapter("send") is None:
        pytest.skip(f'{path}: needs an adapter with role = "send"')
    if "phone" in wanted and not found.phones:
        pytest.skip(f"{path}: needs a [[phones]] table with a phone under test")


@pytest.fixture(scope="session")
def bench(request: pytest.FixtureRequest) -> Iterator[TestBench]:
    """The bench of ``--bench``; a virtual one runs for the session."""
    path = request.config.getoption("--bench", default=None)
    if path is None:
        pytest.skip("needs --bench FILE, such as hardware/benches/desk.toml")
    from ...errors import NothingToRunError
    from .file import load_bench

    found = load_bench(Path(path))
    if not found.virtual:
        yield found
        return
    from ..virtual import VirtualBench

    try:
        with VirtualBench(max(2, len(found.adapters))):
            yield found
    except NothingToRunError as error:
        pytest.skip(str(error))


@dataclass(frozen=True)
class HeardSoFar:
    """What a scanner heard.

    Attributes:
        tables: sightings, a table a protocol.
        summary: of the scan, as ``bluezone-sim ble scan --json`` prints it.
        recording: the capture, a pcapng.
    """

    tables: list[Sightings]
    summary: dict[str, Any]
    recording: Path

    def sightings(self, protocol: str) -> Sightings | None:
        """Sightings of one protocol, or None."""
        return next((t for t in self.tables if t.protocol == protocol), None)

    def identifiers(self, protocol: str) -> set[str]:
        """Identifiers of one protocol, in hexadecimal."""
        found = self.sightings(protocol)
        return set() if found is None else {i.tobytes().hex() for i in found.identifier}


@pytest.fixture
def scanner(bench: TestBench, tmp_path: Path) -> Callable[..., HeardSoFar]:
    """``scanner(seconds=…, read=True)``: listens with the bench's listening adapter."""
    entry = bench.adapter("listen")
    if entry is None:
        pytest.skip('needs an adapter with role = "listen" on the bench')

    def listen(seconds: float, *, read: bool = True) -> HeardSoFar:
        from ...captures.formats.parquet import read_sightings
        from ..listening.recorder import Recorder
        from ..listening.scan import scan
        from ..listening.session import run

        number = len(list(tmp_path.glob("heard-*.pcapng")))
        capture = tmp_path / f"heard-{number}.pcapng"
        table = tmp_path / f"heard-{number}.parquet"
        with Recorder(capture) as recorder:
            summary = run(
                lambda stop: scan(
                    stop,
                    adapter=entry.name,
                    seconds=seconds,
                    record=table,
                    read=read,
                    sinks=[recorder],
                )
            )
        return HeardSoFar(list(read_sightings(table).values()), summary.to_dict(), capture)

    return listen


@dataclass(frozen=True)
class SentSoFar:
    """Phones that an advertiser has, or had, on air."""

    crowd: SendingPhones

    def identifiers(self) -> set[str]:
        """All identifiers of the keys used so far, in hexadecimal."""
        return {i.hex() for i in self.crowd.identifiers()}

    def published(self) -> PublishedKeys:
        """The keys used so far, as a case would publish them."""
        return self.crowd.published()


@pytest.fixture
def advertiser(bench: TestBench) -> Callable[..., contextlib.AbstractContextManager[SentSoFar]]:
    """``advertiser(protocol, phones=1, rotate_s=None, ios=False)``: phones on air while inside it."""
    entry = bench.adapter("send")
    if entry is None:
        pytest.skip('needs an adapter with role = "send" on the bench')

    @contextlib.contextmanager
    def send(
        protocol: str = "bluezone",
        phones: int = 1,
        rotate_s: float | None = None,
        *,
        ios: bool = False,
    ) -> Iterator[SentSoFar]:
        from ..listening.session import run
        from ..sending.advertise import advertise, transmitter
        from ..sending.crowd import SendingPhones
        from ..sending.transmit import until

        crowd = SendingPhones(protocol, phones, rotate_s)
        over, on_air = threading.Event(), threading.Event()
        faults: list[BaseException] = []

        async def work(stop: Any) -> None:
            import asyncio

            async def watch() -> None:
                while not over.is_set():
                    await until(stop, 0.05)
                stop.set()

            watching = asyncio.create_task(watch())
            with tempfile.TemporaryDirectory() as folder:
                async with transmitter(entry.backend, entry.name) as transmit:
                    await advertise(
                        stop,
                        crowd,
                        transmit,
                        Path(folder) / "keys",
                        ios=ios,
                        show=lambda identifiers: on_air.set(),
                    )
            watching.cancel()

        def keep_on_air() -> None:
            try:
                run(work)
            except BaseException as error:  # raised where the phones were asked for
                faults.append(error)
            finally:
                on_air.set()

        thread = threading.Thread(target=keep_on_air)
        thread.start()
        try:
            on_air.wait(_START_S)
            time.sleep(_SETTLE_S)
            if not faults:
                yield SentSoFar(crowd)
        finally:
            over.set()
            thread.join()
        if faults:
            raise faults[0]

    return send
