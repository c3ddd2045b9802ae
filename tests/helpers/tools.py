"""Tools of others that check the package independently, where they are installed."""

from __future__ import annotations

import shutil

import pytest

needs_tshark = pytest.mark.skipif(
    shutil.which("tshark") is None, reason="needs tshark (Debian package tshark)"
)
