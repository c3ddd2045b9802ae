"""Where things are."""

from __future__ import annotations

from pathlib import Path

import bluezone_sim

#: The checkout that holds these tests.
ROOT = Path(__file__).resolve().parents[2]
#: The package under test; it may be installed elsewhere.
PACKAGE = Path(bluezone_sim.__file__).parent
VECTORS = ROOT / "tests" / "protocols" / "vectors"
BASELINES = ROOT / "tests" / "verification" / "baselines"
#: Measured and published data, beside the checkout; not part of the project.
DATA = ROOT.parent / "shared" / "data"
MEASUREMENTS = DATA / "dp3t-bt-measurements"
EXPORT = DATA / "gaen-export" / "export.bin"
