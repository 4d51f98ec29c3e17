# SPDX-License-Identifier: GPL-3.0-or-later
"""What `Recorder`, `connect` and `attach` have in common: the model and policy of a run."""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Optional, Tuple

import numpy as np
import numpy.typing as npt

from ._checks import checked_flag, checked_text, checked_whole
from ._rows import ALWAYS, NEVER, RowMaker, checked_exits
from ._trace_format import MOST_LAYERS, MOST_WIDTH, Shape
from .actions import DELTA_TYPES, ActionLayout, checked_layout


class Run(NamedTuple):
    """Checked arguments."""

    exits: Tuple[int, ...]
    layers: int
    shape: Shape
    delta_type: str
    maker: RowMaker
    limits: "Optional[npt.NDArray[np.float64]]"
    """Thresholds, [exits]."""
    texts: Dict[str, str]
    """model_name, family, device and dtype."""

    @property
    def layout(self) -> ActionLayout:
        return self.shape.layout

    def policy(self) -> Dict[str, Any]:
        """As JSON: without thresholds one that runs all layers."""
        deepest_only: List[float] = [NEVER] * (len(self.exits) - 1) + [ALWAYS]
        shown = deepest_only if self.limits is None else [float(one) for one in self.limits]
        return {"criterion": "action_delta", "delta_type": self.delta_type, "thresholds": shown}


def checked_run(
    exits: Any,
    actions: Any,
    layers: Any,
    feature_size: Any,
    thresholds: Any,
    delta_type: Any,
    texts: Dict[str, Any],
    half_features: Any = False,
) -> Run:
    """Arguments as of `Recorder`. Raises ValueError or TypeError naming the argument, what was found and what was
    expected."""
    layout = checked_layout("actions", actions)
    after = checked_exits(exits)
    deepest = after[-1]
    count = deepest + 1 if layers is None else checked_whole("layers", layers, 1, MOST_LAYERS)
    if count <= deepest:
        raise ValueError(f"the model has {count} layers, but there is an exit after layer {deepest}")
    size = checked_whole("feature_size", feature_size, 0, MOST_WIDTH)
    if layout.is_deer and size == 0:
        raise ValueError("traces of DEER_ACTIONS need feature_size, the width of the pooled hidden state")
    if not isinstance(delta_type, str) or delta_type not in DELTA_TYPES:
        raise ValueError(f"delta_type is {delta_type!r}, expected one of {', '.join(DELTA_TYPES)}")
    shape = Shape(len(after), size, layout)
    maker = RowMaker(after, shape, delta_type, checked_flag("half_features", half_features))
    limits = None if thresholds is None else maker.checked_thresholds(thresholds)
    checked = {name: checked_text(name, value) for name, value in texts.items()}
    return Run(after, count, shape, delta_type, maker, limits, checked)
