"""How the documentation is built: ``sphinx-build -W docs docs/_build``, with the extra ``docs``."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE / "_ext")]

# Pages of code are executed in processes of their own, with the package of this checkout too.
os.environ["PYTHONPATH"] = os.pathsep.join(
    filter(None, [str(HERE.parent), os.environ.get("PYTHONPATH")])
)

from bluezone_sim import __version__  # noqa: E402

#: Modules that no page is about.
INSIDE = (
    r"captures\.(?!importing|formats\.parquet)\w+(\.\w+)?",
    r"kernels\.lookup\.fused",
    r"matching\.(at_once|index|published\.PublishedDay)",
    r"protocols\.(key_batch|schedule|units)",
    r"simulation\.context",
    r"world\.world",
)

project = "bluezone-sim"
author = "The bluezone_sim developers"
copyright = author  # noqa: A001
version = release = __version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "generated",
]
exclude_patterns = ["_build", "_ext", "jupyter_execute"]

html_theme = "sphinx_book_theme"
html_title = f"bluezone-sim {__version__}"
html_show_sourcelink = True
html_theme_options = {"show_toc_level": 2, "use_download_button": False}

# Pages of code are executed at every build, in a folder of their own; a cell that fails fails the build.
nb_execution_mode = "force"
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 120
nb_merge_streams = True
# What Covasim printed is stored in its page, and shown where it is not installed (extra epidemic).
nb_execution_excludepatterns = [] if find_spec("covasim") else ["covasim.md"]

myst_enable_extensions = ["colon_fence", "deflist", "attrs_block", "dollarmath"]
myst_heading_anchors = 4

# Every name that a page or a docstring refers to is on some page, but for
nitpicky = True
nitpick_ignore_regex = [
    # those of Python and of other packages, whose inventories are on the network: a build needs none;
    (
        r"py:.*",
        r"(collections|datetime|importlib|pathlib|uuid|numpy|np|annotated_types|covasim)(\..*)?",
    ),
    # names that only type checkers import;
    (r"py:class", r"NDArray|Path"),
    # and parts inside, which signatures of what is public name: no page is about them.
    (r"py:.*", rf"bluezone_sim\.({'|'.join(INSIDE)})(\..*)?"),
]
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
