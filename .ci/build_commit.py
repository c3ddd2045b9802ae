"""Build hook: the wheel says which commit it was built from."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CommitHook(BuildHookInterface):
    """Puts ``bluezone_sim/_commit.txt`` into the wheel, where git can tell."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable" or not (Path(self.root) / ".git").exists():
            return
        try:
            found = subprocess.run(
                ["git", "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"],
                cwd=self.root,
                capture_output=True,
                text=True,
                timeout=10,
                check=True,
            )
        except (OSError, subprocess.SubprocessError):
            return
        path = Path(tempfile.mkdtemp()) / "_commit.txt"
        path.write_text(found.stdout, encoding="ascii")
        build_data["force_include"][str(path)] = "bluezone_sim/_commit.txt"
