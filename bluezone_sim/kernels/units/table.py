"""The units' functions: a table of their addresses, filled when they are needed.

Compiled kernels read the table by its name, which holds a digest of all kernels' sources. So a kernel of
the cache finds the functions that it was compiled to call, whichever units the process has.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from .. import cpu
from ..compiling.stamp import SOURCES
from . import aes_functions, filters, sha256_functions
from .aes_rounds import X86, Aes, Arm, Tables
from .objects import addresses
from .sha256_lanes import Lanes
from .sha256_streams import ArmSha, ShaNi
from .writing import LONG, POINTER

_SHAPES = {**sha256_functions.SHAPES, **aes_functions.SHAPES, **filters.SHAPES}
_PLACES = {name: i for i, name in enumerate(_SHAPES)}
_KINDS = {
    name: ctypes.CFUNCTYPE(
        ctypes.c_int64, *(ctypes.c_void_p if k == "p" else ctypes.c_int64 for k in shape)
    )
    for name, shape in _SHAPES.items()
}

_addresses = (ctypes.c_void_p * len(_SHAPES))()
_SYMBOL = f"bluezone_sim_units_{SOURCES[:16]}"
# Before any kernel of the cache is loaded: one that does not find it would end the process.
binding.add_symbol(_SYMBOL, ctypes.addressof(_addresses))

_lock = threading.Lock()
_functions: dict[str, Any] = {}
_loaded: dict[str, list[int]] = {}


def write_sha(module: ir.Module, unit: str) -> None:
    """Defines the functions of a SHA unit."""
    streams = {"shani": ShaNi, "armv8": ArmSha}
    made = streams[unit]() if unit in streams else Lanes(module)
    sha256_functions.write(module, made)


def write_aes(module: ir.Module, unit: str) -> None:
    """Defines the functions of an AES unit."""
    made: Aes
    if unit == "tables":
        made = Tables(module)
    elif unit == "armv8":
        made = Arm(wide=1, at_once=8, keys=4)
    else:
        wide, at_once, keys = {"vaes512": (4, 6, 16), "vaes256": (2, 8, 8), "aesni": (1, 8, 4)}[
            unit
        ]
        made = X86(wide, at_once, keys)
    aes_functions.write(module, made, _filter(unit))


def write_filters(module: ir.Module, unit: str) -> None:
    """Defines the functions that ask the filter, as beside an AES unit."""
    filters.write(module, _filter(unit))


def _filter(unit: str) -> filters.Filter:
    return filters.Wide() if unit == "vaes512" else filters.Filter()


#: Parts, each an object of its own, compiled when one of its functions is wanted: shapes, what writes
#: them, and for which unit.
_PARTS: dict[str, tuple[dict[str, str], Any, Callable[[cpu.Units], str]]] = {
    "sha": (sha256_functions.SHAPES, write_sha, lambda units: units.sha),
    "aes": (aes_functions.SHAPES, write_aes, lambda units: units.aes),
    "filters": (filters.SHAPES, write_filters, lambda units: units.aes),
}
_PART_OF = {name: part for part, (shapes, _, _) in _PARTS.items() for name in shapes}


def ready(*names: str) -> None:
    """Loads the parts that these functions are of, where they are not there yet.

    Raises:
        InputError: ``BLUEZONE_SIM_KERNELS`` names a unit that is unknown or that this processor lacks.
    """
    for name in names:
        if name not in _functions:
            _load(_PART_OF[name])


def fill() -> None:
    """Loads what there is once more, of the units that are to be used as of now; see :func:`ready`."""
    for part in sorted({_PART_OF[name] for name in _functions}) or _PARTS:
        _load(part)


def _load(part: str) -> None:
    shapes, write, unit_of = _PARTS[part]
    with _lock:
        full = f"{part}-{unit_of(cpu.units())}"
        if full not in _loaded:
            unit = full.split("-")[1]
            _loaded[full] = addresses(full, lambda module: write(module, unit), list(shapes))
        found = dict(zip(shapes, _loaded[full], strict=True))
        for name, address in found.items():
            _addresses[_PLACES[name]] = address
        # At once: other threads look whether a name is there.
        _functions.update({name: _KINDS[name](address) for name, address in found.items()})


def call(name: str, *arguments: Any) -> int:
    """Calls a function from Python, without the lock: contiguous arrays as pointers, and integers."""
    ready(name)
    given = [_first_byte(a) if isinstance(a, np.ndarray) else a for a in arguments]
    return int(_functions[name](*given))


def _first_byte(array: NDArray[Any]) -> Any:
    """Pointer to an array's data; what the array itself tells of it takes three times as long."""
    try:
        return ctypes.byref(ctypes.c_char.from_buffer(array))  # type: ignore[arg-type, unused-ignore]
    except (TypeError, ValueError):  # it is read-only, or empty
        return array.__array_interface__["data"][0]


def function(name: str) -> Any:
    """An intrinsic that calls a function: its arguments, but ``array, first element`` for a pointer.

    A kernel with such a call runs after :func:`ready` of that name: there is no function before.
    """
    shape, place = _SHAPES[name], _PLACES[name]

    def typed(typingctx: Any, *kinds: Any) -> Any:
        def codegen(context: Any, b: ir.IRBuilder, sig: Any, args: Any) -> Any:
            parts = [(k, b.extract_value(args[0], i)) for i, k in enumerate(sig.args[0])]
            given, values = iter(parts), []
            for letter in shape:
                kind, value = next(given)
                if letter == "i":
                    values.append(context.cast(b, value, kind, types.int64))
                    continue
                data = context.make_array(kind)(context, b, value).data
                kind, value = next(given)
                first = context.cast(b, value, kind, types.int64)
                values.append(b.bitcast(b.gep(data, [first]), POINTER))
            return b.call(_pointer(b, place, shape), values)

        return types.int64(types.StarArgTuple(kinds)), codegen

    return intrinsic(typed)


def _pointer(b: ir.IRBuilder, place: int, shape: str) -> Any:
    """The function at a place of the table."""
    kind = ir.FunctionType(LONG, [POINTER if k == "p" else LONG for k in shape])
    table = cgutils.add_global_variable if _SYMBOL not in b.module.globals else None
    if table is not None:
        table(b.module, ir.ArrayType(POINTER, len(_SHAPES)), _SYMBOL)
    at = b.gep(b.module.globals[_SYMBOL], [LONG(0), LONG(place)])
    return b.bitcast(b.load(at), kind.as_pointer())
