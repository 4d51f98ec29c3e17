# SPDX-License-Identifier: GPL-3.0-or-later
"""Record what an early-exit robot policy decides, and look at it in Deerscope.

`Recorder` writes a trace, `attach` records a PyTorch model through hooks, `read` gives numpy arrays, `show` opens the
window and `figure` draws depth and deltas. `Engine` is a policy on a server (`deer serve`), and `deerscope.calvin` puts
it into CALVIN's environment; `connect` shows a run in an open window while it happens. docs/python.md describes them with examples.
"""

from ._rows import ALWAYS, NEVER, Logged
from ._trace_file import TraceError
from ._version import __version__
from .actions import DEER_ACTIONS, ActionLayout, Dimension, delta
from .engine import ConnectionLost, Engine, EngineError
from .hooks import Attached, attach
from .recorder import Recorder
from .trace import Trace, read
from .view import figure, show
from .window import LiveRecorder, WindowClosed, connect

__all__ = [
    "ALWAYS",
    "ConnectionLost",
    "DEER_ACTIONS",
    "NEVER",
    "ActionLayout",
    "Attached",
    "Dimension",
    "Engine",
    "EngineError",
    "LiveRecorder",
    "Logged",
    "Recorder",
    "Trace",
    "TraceError",
    "WindowClosed",
    "__version__",
    "attach",
    "connect",
    "delta",
    "figure",
    "read",
    "show",
]
