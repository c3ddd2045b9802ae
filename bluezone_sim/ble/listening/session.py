"""Runs an asynchronous command: Ctrl-C asks it to end, a second one ends it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from .listener import close_bleak

T = TypeVar("T")


def run(
    command: Callable[[asyncio.Event], Coroutine[Any, Any, T]], *, heeds_stop: bool = True
) -> T:
    """Runs ``command(stop)``; ``stop`` is set by Ctrl-C, and the command then ends by itself.

    One that does not heed it is ended by the first Ctrl-C.
    """

    async def work() -> T:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        loop.set_exception_handler(_complain)

        def interrupt() -> None:
            if (stop.is_set() or not heeds_stop) and task is not None:
                task.cancel()
            stop.set()

        # Only the main thread may handle signals.
        mine = threading.current_thread() is threading.main_thread()
        with contextlib.ExitStack() as stack:
            if mine:
                stack.callback(signal.signal, signal.SIGINT, signal.getsignal(signal.SIGINT))
                try:
                    loop.add_signal_handler(signal.SIGINT, interrupt)
                    stack.callback(loop.remove_signal_handler, signal.SIGINT)
                except NotImplementedError:  # Windows' loops have no handlers
                    signal.signal(
                        signal.SIGINT, lambda *_: loop.call_soon_threadsafe(interrupt) and None
                    )
            try:
                return await command(stop)
            except asyncio.CancelledError:
                raise KeyboardInterrupt from None
            finally:
                await close_bleak()

    return asyncio.run(work())


def _complain(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Prints what nobody waits for, but for words that bleak had left for a connection that is closed."""
    left = "future" in context and "task" not in context
    if not (left and isinstance(context.get("exception"), (OSError, EOFError))):
        loop.default_exception_handler(context)
