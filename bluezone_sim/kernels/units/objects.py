"""Modules of LLVM IR compiled to objects, kept beside the kernels' code and loaded into the process.

An object is compiled once for a processor, whose name and features are in the name of its file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from llvmlite import binding, ir
from numba.core.registry import cpu_target

from ..compiling import watch
from ..compiling.folders import folders
from ..compiling.stamp import of_function

#: Engines own the code that they loaded, so they last as long as the process.
_engines: list[Any] = []


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


def _name(unit: str) -> str:
    return f"{unit}-{hashlib.sha256(repr(_machine()).encode()).hexdigest()[:16]}.o"


def _object(unit: str, write: Callable[[ir.Module], None]) -> bytes:
    place, name = folders(of_function(__file__)), _name(unit)
    found = next(place.kept(name), None)
    if found is not None:
        return found
    watch.tell(True)
    try:
        module = ir.Module(unit)
        write(module)
        code = compiled(str(module), target_machine())
        place.keep(name, code)
    finally:
        watch.tell(False)
    return code
