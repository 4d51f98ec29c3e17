# SPDX-License-Identifier: GPL-3.0-or-later
"""The pictures and states of a recording, in CALVIN's layout on disk, so that the program reads them as it reads any
dataset."""

from __future__ import annotations

import fcntl
import os
import re
import zipfile
from typing import Any, Dict, List

import numpy as np
import numpy.typing as npt

_INDEX = "ep_start_end_ids.npy"
_FRAME = re.compile(r"episode_\d{7,}\.npz")
_SUFFIX = ".h5"


def frame_name(frame_id: int) -> str:
    return f"episode_{frame_id:07d}.npz"


def folder_of(trace: str) -> str:
    """run.h5 → run.frames. Any other suffix stays: what follows a dot may be part of a name, as in exp_0.5."""
    stem = os.path.basename(trace)
    return (trace[: -len(_SUFFIX)] if stem.endswith(_SUFFIX) and stem != _SUFFIX else trace) + ".frames"


class FramesFolder:
    """A folder of frames, episode after episode, of one recording alone. One thread at a time."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._segments: List[List[int]] = []  # first and last frame id, inclusive
        self._lock = -1  # the folder, open; locked where the file system can

    def take(self) -> bool:
        """Creates the folder, or takes one that is there, for this recording until release(). Returns whether
        something lies in it. Raises FileExistsError if another recording has it, and OSError."""
        while True:
            try:
                os.mkdir(self.path)
            except FileExistsError:
                if not os.path.isdir(self.path):
                    raise FileExistsError(f"{self.path} is no folder: choose another path") from None
            try:
                self._lock = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            except FileNotFoundError:
                continue  # released in between
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._unlock()
                raise FileExistsError(
                    f"{self.path} is in use by a recording: close that one first, or choose another path"
                ) from None
            except OSError:
                pass  # some network file systems have no locks
            if self._is_at_path():
                return bool(os.listdir(self.path))
            self._unlock()

    def clear(self) -> None:
        """Removes the frames of an earlier recording, and nothing else that lies in the folder."""
        if os.path.islink(self.path):
            return
        for name in os.listdir(self.path):
            if name == _INDEX or _FRAME.fullmatch(name):
                os.unlink(os.path.join(self.path, name))

    def release(self) -> None:
        """Gives the folder back, and removes it if it is empty. May be called again."""
        if self._lock < 0:
            return
        try:
            if self._is_at_path() and not os.path.islink(self.path):
                os.rmdir(self.path)
        except OSError:
            pass  # it holds frames
        self._unlock()

    def _is_at_path(self) -> bool:
        try:
            return os.path.samestat(os.stat(self.path), os.fstat(self._lock))
        except OSError:
            return False

    def _unlock(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_UN)  # a forked child may still hold it open
        except OSError:
            pass
        os.close(self._lock)
        self._lock = -1

    def add(self, episode: int, frame_id: int, arrays: Dict[str, "npt.NDArray[Any]"]) -> None:
        """Writes one frame. `episode` counts the episodes in this folder. Call write_index() afterwards."""
        os.makedirs(self.path, exist_ok=True)
        if arrays:
            name = os.path.join(self.path, frame_name(frame_id))
            with zipfile.ZipFile(name, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                for key, array in arrays.items():
                    with archive.open(key + ".npy", "w") as file:
                        np.lib.format.write_array(file, np.ascontiguousarray(array), allow_pickle=False)
        if episode == len(self._segments):
            self._segments.append([frame_id, frame_id])
        self._segments[episode][1] = frame_id

    def write_index(self) -> None:
        """Names the frames that are there."""
        target = os.path.join(self.path, _INDEX)
        part = f"{target}.part{os.getpid()}"
        with open(part, "wb") as file:
            np.save(file, np.array(self._segments, np.int64))
        os.replace(part, target)
