"""Everything that reads what others wrote, with whole inputs to start from, and how inputs are damaged.

``tests/reading/test_readers.py`` tries each with some hundred inputs, ``tests/reading/fuzz_readers.py``
for as long as it is let.
"""

from .air import AIR
from .damage import damaged
from .documents import DOCUMENTS
from .folders import FOLDERS
from .heard import HEARD
from .keys import KEYS
from .reader import Found, Reader, attempt
from .traces import TRACES

READERS: tuple[Reader, ...] = (*HEARD, *KEYS, *DOCUMENTS, *FOLDERS, *TRACES, *AIR)

__all__ = ["READERS", "Found", "Reader", "attempt", "damaged"]
