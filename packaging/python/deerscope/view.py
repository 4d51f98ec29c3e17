# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking at a trace: in the program's window, or as a figure."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import Any, List, Optional, Union

import numpy as np

from .recorder import Recorder
from .trace import Trace, read

_LIGHTEST = 0.55

Source = Union[str, "os.PathLike[str]", Trace, Recorder]


def program() -> str:
    """Path of the `deerscope` program: the environment variable DEERSCOPE, or else the one on PATH. Raises
    FileNotFoundError that says how to name it."""
    named = os.environ.get("DEERSCOPE")
    if named:
        found = shutil.which(named)
        if not found:
            raise FileNotFoundError(f"DEERSCOPE is {named!r}, which is not a program")
        return found
    found = shutil.which("deerscope")
    if not found:
        raise FileNotFoundError(
            "the program deerscope is not on PATH: add its folder, or name the program in the environment variable "
            "DEERSCOPE"
        )
    return found


def show(source: Source, arguments: Optional[List[str]] = None) -> "subprocess.Popen[bytes]":
    """Opens the window on a trace and returns at once; what a `Recorder` has logged up to now is shown.

    source: path of a trace, a `Trace`, or a `Recorder`, which may still be recording.
    arguments: more arguments for the program.

    Returns the process. Raises FileNotFoundError if there is no program or no trace.
    """
    if isinstance(source, Recorder):
        if not source.closed:
            source.flush()
    path = _path(source)
    if not os.path.isfile(path):
        raise FileNotFoundError(f"{path}: does not exist")
    # In a session of its own: interrupting a notebook's cell leaves the window open.
    return subprocess.Popen(
        [program(), "--trace", path, *(arguments or [])], stdin=subprocess.DEVNULL, start_new_session=True
    )


def figure(source: Source, episode: Optional[int] = None) -> Any:
    """A matplotlib.figure.Figure of one episode: depth of each frame in layers, and the delta of every exit with its
    threshold, in the exit's colour as in the window and with its number where the line ends.

    source: path of a trace, a `Trace`, or a `Recorder`.
    episode: number in the trace, from 0; by default the last one.

    Raises ImportError if matplotlib is not installed, ValueError if there is no such episode.
    """
    from matplotlib.figure import Figure

    if isinstance(source, Recorder) and not source.closed:
        source.flush()
    trace = source if isinstance(source, Trace) else read(_path(source), features=False)
    if not len(trace):
        raise ValueError(f"{trace.path}: has no frames")
    number = trace.episodes - 1 if episode is None else episode
    rows = np.flatnonzero(trace.episode == number)
    if not len(rows):
        raise ValueError(f"{trace.path}: there is no episode {number}, expected 0 to {trace.episodes - 1}")

    made = Figure(figsize=(9, 5), layout="constrained")
    above, below = made.subplots(2, 1, sharex=True)
    frames = trace.frame[rows]
    above.step(frames, trace.depth[rows], where="mid", color="black", linewidth=1)
    above.set_ylabel("depth, layers")
    above.set_ylim(0, trace.metadata["model"]["layers"] + 0.5)
    above.set_title(trace.instruction[rows[0]] or os.path.basename(trace.path), fontsize=10)
    exits = len(trace.exit_layers)
    colors = [_exit_color(i, exits) for i in range(exits)]
    ends = []
    for i, layer in enumerate(trace.exit_layers):
        below.plot(frames, trace.deltas[rows, i], color=colors[i], linewidth=1, label=f"exit {i + 1}, layer {layer}")
        there = np.flatnonzero(np.isfinite(trace.deltas[rows, i]))
        if len(there):
            ends.append((float(trace.deltas[rows[there[-1]], i]), frames[there[-1]], i))
        thresholds = np.where(np.abs(trace.thresholds[rows, i]) < 1e8, trace.thresholds[rows, i], np.nan)
        if np.isfinite(thresholds).any():
            below.plot(frames, thresholds, color=colors[i], linewidth=1, linestyle=":")
    if (trace.deltas[rows] > 0).any():
        below.set_yscale("log")
    below.set_ylabel("delta (dotted: threshold)")
    below.set_xlabel("frame")
    for place, (value, frame, i) in enumerate(sorted(ends)):
        # In two columns, as neighbours are often at one height.
        below.annotate(
            str(i + 1),
            (frame, value),
            xytext=(4 + 10 * (place % 2), 0),
            textcoords="offset points",
            color=colors[i],
            fontsize=8,
            va="center",
        )
    below.legend(loc="upper left", bbox_to_anchor=(1.01, 1), fontsize=8)
    return made


def _exit_color(index: int, count: int) -> Any:
    """Viridis without the light end, shallow to dark deep, as core/study/exit_colors.cpp has it for a light theme."""
    from matplotlib import colormaps

    depth = index / (count - 1) if count > 1 else 0.5
    return colormaps["viridis"](_LIGHTEST * (1 - depth))


def _path(source: Source) -> str:
    if isinstance(source, (Recorder, Trace)):
        return source.path
    return os.path.abspath(os.fspath(source))
