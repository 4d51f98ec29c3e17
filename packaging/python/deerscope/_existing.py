# SPDX-License-Identifier: GPL-3.0-or-later
"""What lies where a recording shall be written."""

from __future__ import annotations

import json
import os
import stat
from typing import Any, Optional, Set

import h5py

from ._trace_format import FORMAT
from .trace import texts_of

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
)
_CHOOSE = "choose another path"
_NAMES = (b"frame_count", b"metadata", b"thumbnails")  # at the start of a trace, of one that was cut as well
_START = 1 << 16  # bytes


def refuse_unless_trace(path: str) -> None:
    """Raises FileExistsError naming the file unless it is a trace, a damaged one, an empty file, or a link to one."""
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        raise FileExistsError(f"{path} leads nowhere ({error.strerror}), expected a trace to replace") from None
    if not stat.S_ISREG(mode):
        kind = next((name for is_kind, name in _KINDS if is_kind(mode)), "no file")
        raise FileExistsError(f"{path} is {kind}, expected a trace to replace: {_CHOOSE}")
    try:
        if not _is_trace(path):
            raise FileExistsError(f"{path} is not a trace, so overwrite=True does not replace it: {_CHOOSE}")
    except PermissionError as error:
        raise FileExistsError(f"{path} cannot be read ({error.strerror}), expected a trace to replace") from None


def trace_with_frames_in(folder: str, but: str) -> Optional[str]:
    """Path of a trace other than `but` that has its pictures in the folder beside it."""
    beside = os.path.dirname(folder)
    stem = os.path.splitext(os.path.basename(folder))[0]
    for name in sorted(os.listdir(beside)):
        path = os.path.join(beside, name)
        # Recordings of earlier versions cut any suffix from the name, not .h5 alone.
        if stem in (name, os.path.splitext(name)[0]) and path != but and os.path.isfile(path):
            if os.path.basename(folder) in _folders_of(path):
                return path
    return None


def _is_trace(path: str) -> bool:
    with open(path, "rb") as file:
        start = file.read(_START)
    if not start:
        return True  # nothing is lost
    try:
        with h5py.File(path, "r", locking="best-effort") as file:
            metadata = file.get("metadata")
            return isinstance(metadata, h5py.Dataset) and _text(metadata).get("format") == FORMAT
    except Exception:  # h5py raises several kinds for a damaged file
        return start.startswith(b"\x89HDF\r\n\x1a\n") and all(name in start for name in _NAMES)


def _text(metadata: Any) -> Any:
    raw = metadata[()]
    out = json.loads(raw if isinstance(raw, (str, bytes)) else bytes(raw))
    return out if isinstance(out, dict) else {}


def _folders_of(path: str) -> Set[str]:
    try:
        with h5py.File(path, "r", locking="best-effort") as file:
            texts = texts_of(file)
            sources = file["frames/source"][: int(file["frame_count"][0])]
            return {os.path.basename(texts[number]) for number in set(sources.tolist()) if 0 <= number < len(texts)}
    except Exception:  # no trace, or a damaged one
        return set()
