"""Modules of LLVM IR compiled to objects, kept beside Numba's cache and loaded into the process.

An object is compiled once for a processor. Its file's name holds a digest of all kernels' sources, the
processor, its features and the version of LLVM, so one that is out of date is never found; its first
bytes hold a digest of the rest, so one that is damaged is not used. Where no folder can be written, it is
compiled in every process.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import llvmlite
from llvmlite import binding, ir
from numba.core.caching import CompileResultCacheImpl
from numba.core.registry import cpu_target

from ..decorators import DIGEST

#: Engines own the code that they loaded, so they last as long as the process.
_engines: list[Any] = []
_DIGEST_BYTES = 32


def _machine() -> tuple[str, str, str]:
    """Triple, processor and features that Numba compiles for."""
    return cpu_target.target_context.codegen().magic_tuple()


def target_machine() -> Any:
    """A machine of LLVM that compiles what Numba would compile."""
    triple, name, features = _machine()
    x86 = binding.Target.from_triple(triple).name.startswith("x86")
    return binding.Target.from_triple(triple).create_target_machine(
        cpu=name,
        features=features,
        opt=2,
        reloc="static" if x86 else "default",
        codemodel="jitdefault",
        jit=True,
    )


def compiled(text: str, machine: Any) -> bytes:
    """A module's object code."""
    module = binding.parse_assembly(text)
    module.triple, module.data_layout = machine.triple, str(machine.target_data)
    module.verify()
    options = binding.create_pipeline_tuning_options(speed_level=2)
    options.loop_vectorization = options.slp_vectorization = options.loop_unrolling = False
    builder = binding.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    return bytes(machine.emit_object(module))


def addresses(unit: str, write: Callable[[ir.Module], None], names: list[str]) -> list[int]:
    """Addresses of a unit's functions in this process; ``write`` defines them."""
    code = _object(unit, write)
    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), target_machine())
    engine.add_object_file(binding.ObjectFileRef.from_data(code))
    engine.finalize_object()
    _engines.append(engine)
    return [engine.get_function_address(name) for name in names]


def _object(unit: str, write: Callable[[ir.Module], None]) -> bytes:
    file = _file(unit)
    found = None if file is None else _read(file)
    if found is not None:
        return found
    module = ir.Module(unit)
    write(module)
    code = compiled(str(module), target_machine())
    if file is not None:
        _keep(file, code)
    return code


def _file(unit: str) -> Path | None:
    try:
        folder = CompileResultCacheImpl(_file).locator.get_cache_path()
    except RuntimeError:  # Numba finds no folder that can be written
        return None
    key = repr((DIGEST, _machine(), llvmlite.__version__, binding.llvm_version_info))
    return Path(folder) / f"{unit}-{hashlib.sha256(key.encode()).hexdigest()[:24]}.o"


def _read(file: Path) -> bytes | None:
    try:
        data = file.read_bytes()
    except OSError:
        return None
    code = data[_DIGEST_BYTES:]
    return code if hashlib.sha256(code).digest() == data[:_DIGEST_BYTES] else None


def _keep(file: Path, code: bytes) -> None:
    """Writes a file as a whole, whoever else does the same; a cache that cannot be written is none."""
    made = None
    try:
        with tempfile.NamedTemporaryFile(dir=file.parent, prefix=file.stem, delete=False) as made:
            made.write(hashlib.sha256(code).digest() + code)
        os.replace(made.name, file)
    except OSError:
        if made is not None:
            Path(made.name).unlink(missing_ok=True)
