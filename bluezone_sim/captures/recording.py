"""Files that grow for hours: what they have stays where writing ends early."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from ..errors import InputError
from ..files import WholeFile, disk


class Recording(WholeFile):
    """A file that can be told, now and then, to be whole: so far it is kept, whatever comes then.

    Where an error ends it, or the disk is full, what was whole is put in place; only a file that never
    was leaves nothing. Where the process is killed,
    :func:`~bluezone_sim.captures.cut_off.set_aside` finds it.
    """

    #: Bytes that are whole, of which some may still be on their way to the disk.
    _whole = 0

    def __init__(self, path: Path):
        super().__init__(path, private=True)  # it has other people's identifiers

    def mark(self) -> None:
        """Makes the file whole as it is; a process that is killed then has left that much."""
        self.stream.flush()
        self._whole = self.stream.tell()

    def cut(self) -> None:
        """Goes back to what is whole, for good: what the stream holds beyond it is not written."""
        with suppress(Exception):  # whatever failed may fail again
            self.abandon()
        raw = self.stream.raw  # type: ignore[attr-defined]
        handle = os.dup(raw.fileno())
        with suppress(OSError, InputError):
            raw.close()
        self.stream = os.fdopen(handle, "wb")
        with suppress(OSError):  # else readers leave the rest out
            os.ftruncate(handle, self._whole)
            self.stream.seek(self._whole)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None and not self._whole:
            return super().__exit__(kind, error, trace)
        fault = None if kind is not None else self._end()
        if fault is not None and not self._whole:
            super().__exit__(type(fault), fault, None)
            raise fault
        if kind is not None or fault is not None:
            self.cut()
            with suppress(OSError):
                disk.DISK.sync(self.stream)
        self._put()
        if fault is not None:
            raise fault
        return None

    def _end(self) -> InputError | None:
        """Writes what ends the file; why it cannot, if so."""
        was = self._whole
        try:
            self.finish()
            self.stream.flush()
            disk.DISK.sync(self.stream)
        except InputError as fault:
            return fault
        except OSError as error:
            return InputError(f"{self.path}: cannot be written ({error.strerror or error})")
        finally:
            self._whole = was
        return None

    def _put(self) -> None:
        self.stream.close()
        try:
            self._writing.put()
        except OSError as error:
            self._writing.leave()
            raise InputError(
                f"{self.path}: cannot be put in place ({error.strerror or error}); what was recorded is "
                f"{self._writing.new}"
            ) from None
        self._writing.end()
