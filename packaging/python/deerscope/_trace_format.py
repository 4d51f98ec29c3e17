# SPDX-License-Identifier: GPL-3.0-or-later
"""The layout of a trace file, as core/trace/trace_format.h of the program and docs/trace.md say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Optional, Sequence, Tuple

from .actions import ActionLayout

FORMAT = "deer trace"
VERSION = 1  # of traces with DeeR's actions
LAYOUT_VERSION = 2  # of traces with other actions

MOST_EXITS = 256
MOST_WIDTH = 1 << 16
MOST_LAYERS = 1 << 16
MOST_TOKENS = 1 << 20  # of an instruction

PRESENT, BY_POLICY, HAS_FEATURE = 1, 2, 4
REASONS = ("within_threshold", "deepest_allowed", "held", "scheduled", "fixed", "forced", "repeated")
MODES = ("policy", "probe")
STAGES = ("preprocess", "vision", "resampler", "llm", "head")


@dataclass(frozen=True)
class Shape:
    """What the shapes of a trace depend on."""

    exits: int
    feature_size: int
    layout: ActionLayout

    @property
    def slots(self) -> int:
        """The exits from shallow to deep, the layer below the first exit, and a layer that is not an exit."""
        return self.exits + 2


@dataclass(frozen=True)
class Column:
    """A dataset with one row per frame."""

    name: str
    dtype: str
    per_slot: bool = False
    entry: str = ""  # of a row or slot: "" one number, "action", "step", "feature", or how many numbers
    meaning: Optional[str] = None

    def row_shape(self, shape: Shape) -> Tuple[int, ...]:
        layout = shape.layout
        whole = (layout.width,) if layout.is_deer else (layout.steps, layout.width)
        entries: Dict[str, Tuple[int, ...]] = {
            "": (),
            "action": whole,
            "step": (layout.width,),
            "feature": (shape.feature_size,),
        }
        entry = entries[self.entry] if self.entry in entries else (int(self.entry),)
        return ((shape.slots,) if self.per_slot else ()) + entry

    def chunk_shape(self, shape: Shape) -> Tuple[int, ...]:
        """About 16 kB of a small column, about 128 kB of features, with separate chunks per slot."""
        row = self.row_shape(shape)
        is_feature = self.entry == "feature"
        if is_feature:
            row = (1,) + row[1:]
        size = {"u1": 1, "i4": 4, "f4": 4}.get(self.dtype, 8)
        for number in row:
            size *= number
        rows = (128 << 10 if is_feature else 16 << 10) // size
        return (min(max(rows, 1), 4096),) + row


_DEER = {
    "frames/arm",
    "frames/gripper_probability",
    "frames/gripper_logit",
    "probes/arm",
    "probes/gripper_probability",
    "probes/gripper_logit",
}
_OTHER = {"frames/action", "probes/action"}

_COLUMNS: Sequence[Column] = (
    Column("frames/frame", "i8"),
    Column("frames/step", "i4"),
    Column("frames/mode", "u1", meaning="0 policy, 1 probe"),
    Column("frames/reason", "u1", meaning=", ".join(f"{i} {name}" for i, name in enumerate(REASONS))),
    Column("frames/prompt_tokens", "i4"),
    Column("frames/exit_layer", "i4"),
    Column("frames/exit_index", "i4", meaning="-1: the layer is no exit"),
    Column("frames/arm", "f4", entry="6"),
    Column("frames/gripper_probability", "f4"),
    Column("frames/gripper_logit", "f4"),
    Column("frames/action", "f4", entry="action", meaning="steps of the chunk, dimensions"),
    Column("frames/command", "f4", entry="action"),
    Column("frames/times_ms", "f8", entry="5", meaning=", ".join(STAGES)),
    Column("frames/source", "i4", meaning="number in texts; -1: none"),
    Column("frames/episode", "i4", meaning="index in its source; -1: none"),
    Column("frames/frame_id", "i8"),
    Column("frames/instruction", "i4", meaning="number in texts; -1: none"),
    Column("frames/recorded_action", "f8", entry="step", meaning="NaN: none"),
    Column("frames/thumbnail_end", "u8", meaning="where its bytes in thumbnails/bytes end"),
    Column("probes/status", "u1", True, meaning="bits: 1 present, 2 evaluated by the policy, 4 feature stored"),
    Column("probes/layer", "i4", True),
    Column("probes/arm", "f4", True, "6"),
    Column("probes/gripper_probability", "f4", True),
    Column("probes/gripper_logit", "f4", True),
    Column("probes/action", "f4", True, "action", "steps of the chunk, dimensions"),
    Column("probes/delta", "f4", True, meaning="NaN: not evaluated"),
    Column("probes/threshold", "f4", True, meaning="NaN: none"),
    Column("probes/feature", "f4", True, "feature"),
)


def columns(shape: Shape) -> List[Column]:
    """The columns of a trace: those of DeeR's actions and of other layouts take each other's place, and features may be
    absent."""
    absent = _OTHER if shape.layout.is_deer else _DEER
    return [c for c in _COLUMNS if c.name not in absent and (c.entry != "feature" or shape.feature_size > 0)]
