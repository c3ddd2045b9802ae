"""Files and folders that appear whole or not at all, and that tell when they are damaged.

Everything that the package writes goes through here: the calls that change a disk (``disk``), the working
folder beside a place (``writing``), whole files and folders (``whole``), the digests by which damage is
told (``digests``), folders that grow file by file (``listed``), and the JSON that says what a folder
holds (``documents``).
"""

from __future__ import annotations

from . import disk
from . import writing as writing
from .digests import (
    DIGESTS,
    Digests,
    Fault,
    check_digests,
    digest_of,
    faults_of,
    others_in,
    promises,
    read_digests,
)
from .disk import absolute, named, take_lock
from .documents import read_document
from .listed import check_growing, list_files, write_listed
from .whole import WholeFile, check_file, whole_folder, write_file, write_folder
from .writing import (
    check_absent,
    check_place,
    cut_off,
    in_words,
    leftovers,
    make_folder,
    recover,
    remove_leftovers,
)

__all__ = [
    "DIGESTS",
    "Digests",
    "Fault",
    "WholeFile",
    "absolute",
    "check_absent",
    "check_digests",
    "check_file",
    "check_growing",
    "check_place",
    "cut_off",
    "digest_of",
    "disk",
    "faults_of",
    "in_words",
    "leftovers",
    "list_files",
    "make_folder",
    "named",
    "others_in",
    "promises",
    "read_digests",
    "read_document",
    "recover",
    "remove_leftovers",
    "take_lock",
    "whole_folder",
    "write_file",
    "write_folder",
    "write_listed",
]
