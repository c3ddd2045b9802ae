"""Bench files: which adapters and phones are on the desk, and what each is for."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ...errors import FormatError, listed
from ...reading.documents import read_toml
from ..conformance.limits import load_limits


class AdapterEntry(BaseModel):
    """One adapter.

    Attributes:
        name: such as hci0, or usb:0 for bumble.
        role: what it does on this bench.
        backend: what drives it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1)
    role: Literal["listen", "send"]
    backend: Literal["bluez", "bumble"] = "bluez"


class PhoneEntry(BaseModel):
    """One phone under test.

    Attributes:
        name: for people.
        profile: conformance profile, by name or file.
        target: its address, or "first".
        keys: its published keys, beside the bench file; empty where there are none.
        seconds: how long it is measured; None: as long as the profile needs.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1)
    profile: str
    target: str = "first"
    keys: str = ""
    seconds: float | None = Field(None, gt=0)


class TestBench(BaseModel):
    """A bench."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1)
    virtual: bool = Field(
        False, description="no radio: a private D-Bus and an org.bluez of our own"
    )
    adapters: list[AdapterEntry] = Field(default_factory=list)
    phones: list[PhoneEntry] = Field(default_factory=list)

    def adapter(self, role: str) -> AdapterEntry | None:
        """The first adapter with a role."""
        return next((a for a in self.adapters if a.role == role), None)


def load_bench(path: Path) -> TestBench:
    """Reads a bench file.

    Raises:
        InputError: it cannot be read, or names a profile that there is not.
        FormatError: it is at fault; the key is named.
    """
    try:
        bench = TestBench.model_validate(read_toml(path, "a bench file in TOML"))
    except ValidationError as error:
        lines = [
            f"  - {'.'.join(map(str, e['loc'])) or 'bench'}: {e['msg']}" for e in error.errors()
        ]
        raise FormatError(f"{path}: not a bench file\n{listed(lines, len(lines))}") from None
    for phone in bench.phones:
        load_limits(phone.profile)
    return bench
