"""A function as a part of the kernels that call it: LLVM code to be linked, and nothing else.

Numba makes of every function that a kernel calls what it makes of the kernel: optimised code, machine
code and a wrapper for Python. Then it links the function into the kernel and does all that again. More
than half of a first run's compiling went into code that nobody calls.
"""

from __future__ import annotations

from typing import Any

from numba import _dynfunc  # type: ignore[attr-defined]
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import register_pass
from numba.core.typed_passes import NativeLowering


class _LinkedLibrary(JITCodeLibrary):
    """Code of a function that its callers' libraries optimise with their own."""

    def _optimize_final_module(self) -> None:
        pass

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True


def _nothing_to_call(library: Any, fndesc: Any, env: Any) -> Any:
    """What stands for a part among the functions that Numba knows; it has no address."""
    library._ensure_finalized()
    name = fndesc.qualname.split(".")[-1]
    return _dynfunc.make_function(
        fndesc.lookup_module(), name, "part of its callers", 0, env, (library,)
    )


@register_pass(mutates_CFG=True, analysis_only=False)
class _PartLowering(NativeLowering):
    _name = "part_lowering"

    def run_pass(self, state: Any) -> bool:
        target = state.targetctx
        state.library = _LinkedLibrary(target.codegen(), state.func_id.func_qualname)
        state.targetctx = target.subtarget(get_executable=_nothing_to_call)
        try:
            return bool(super().run_pass(state))
        finally:
            state.targetctx = target


class PartCompiler(CompilerBase):
    """Numba's compiler, but for the last step."""

    def define_pipelines(self) -> list[Any]:
        """Numba's passes."""
        passes = DefaultPassBuilder.define_nopython_pipeline(self.state)
        passes.passes = [
            (_PartLowering if step is NativeLowering else step, why) for step, why in passes.passes
        ]
        passes.finalize()
        return [passes]
