"""The command line: in this process, or in one of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

from bluezone_sim import cli

from .paths import PACKAGE


def call(*arguments: Any) -> int:
    """The exit code of a command."""
    return cli.main([str(a) for a in arguments])


def environment(**more: str) -> dict[str, str]:
    """Of a process that imports the package under test."""
    return {**os.environ, "PYTHONPATH": str(PACKAGE.parent), **more}


def process(*arguments: Any, **kwargs: Any) -> subprocess.Popen[str]:
    """A command of its own, in plain text."""
    return subprocess.Popen(
        [sys.executable, "-m", "bluezone_sim", *map(str, arguments)],
        env=environment(NO_COLOR="1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **kwargs,
    )
