# SPDX-License-Identifier: GPL-3.0-or-later
"""Checking what `Recorder.log` gets and making a row of a trace from it."""

from __future__ import annotations

import math
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np
import numpy.typing as npt

from ._checks import (
    as_numbers,
    checked_number,
    checked_numbers,
    checked_picture,
    checked_whole,
    finite_numbers,
    shown,
)
from ._trace_file import Features
from ._trace_format import (
    BY_POLICY,
    HAS_FEATURE,
    MODES,
    MOST_EXITS,
    MOST_LAYERS,
    MOST_TOKENS,
    PRESENT,
    REASONS,
    STAGES,
    Shape,
)
from .actions import delta

ALWAYS = 1e8
"""A threshold at which a frame always exits."""
NEVER = -1e8
"""A threshold at which a frame never exits."""

_LONGEST_SIDE = 4096  # pixels
# Below 0 by rounding: a cosine in half precision, anything else in single.
_LEAST_COSINE_DELTA, _LEAST_DELTA = -1e-2, -1e-6

Array = npt.ArrayLike
Images = Union[Array, Mapping[str, Array]]


_MOST = float(np.finfo(np.float32).max)


class Logged(NamedTuple):
    """What `Recorder.log` wrote for a frame."""

    frame: int
    """Number in its episode, from 0."""
    exit_index: int
    """Index of the exit at which the frame exited, from 0."""
    exit_layer: int
    """Zero-based decoder layer of that exit."""
    action: npt.NDArray[np.float32]
    """The executed action, [steps, width]."""
    deltas: npt.NDArray[np.float32]
    """Delta of each exit, [exits]; NaN where it was not evaluated."""


class Row(NamedTuple):
    """One frame that waits to be written."""

    values: Dict[str, Any]  # by column
    features: Dict[int, npt.NDArray[np.float32]]  # by slot
    arrays: Dict[str, npt.NDArray[Any]]  # pictures and states
    size: int  # bytes in memory


class RowMaker:
    """Makes rows for traces of one kind. Holds no frames; thread-safe."""

    def __init__(self, exits: Tuple[int, ...], shape: Shape, delta_type: str, half: bool = False) -> None:
        """half: features are stored as float16."""
        self._exits = exits
        self._shape = shape
        self._layout = shape.layout
        self._delta_type = delta_type
        self._feature_type = np.float16 if half else np.float32

    def make(
        self,
        actions: Sequence[Optional[Array]],
        limits: Optional[npt.NDArray[np.float64]],
        taken: Optional[int],
        features: Optional[Sequence[Optional[Array]]],
        deltas: Optional[Sequence[Optional[float]]],
        previous_action: Optional[Array],
        previous_feature: Optional[Array],
        action: Optional[Array],
        command: Optional[Array],
        recorded_action: Optional[Array],
        images: Optional[Images],
        state: Optional[Array],
        scene: Optional[Array],
        times_ms: Optional[Mapping[str, float]],
        prompt_tokens: int,
        reason: Optional[str],
    ) -> Tuple[Row, Logged]:
        """Arguments as of `Recorder.log`; limits: thresholds, [exits]. The frame's numbers are left out."""
        layout = self._layout
        made: List[Optional[npt.NDArray[np.float32]]] = [
            None if one is None else layout.as_array(one, f"actions[{i}]")
            for i, one in enumerate(self._per_exit("actions", actions))
        ]
        evaluated = [i for i, one in enumerate(made) if one is not None]
        if not evaluated:
            raise ValueError("actions has no entry other than None: at least one exit is evaluated")
        previous = None if previous_action is None else layout.as_array(previous_action, "previous_action")
        distances = self._deltas(made, previous, deltas)
        index = self._taken(taken, made, distances, limits)
        chosen = made[index]
        assert chosen is not None
        executed = chosen if action is None else layout.as_array(action, "action")
        if command is not None:
            sent = layout.as_array(command, "command")
        else:
            sent = _deer_command(executed) if layout.is_deer else executed

        pooled = self._features(features, previous_feature, made, previous)
        values = self._row_of_exits(made, previous, distances, limits, index, pooled)
        values.update(
            {
                "frames/mode": MODES.index("probe" if len(evaluated) == len(made) else "policy"),
                "frames/reason": self._reason(reason, index, distances, limits),
                "frames/prompt_tokens": checked_whole("prompt_tokens", prompt_tokens, 0, MOST_TOKENS),
                "frames/exit_layer": self._exits[index],
                "frames/exit_index": index,
                "frames/command": sent[0] if layout.is_deer else sent,
                "frames/times_ms": _times(times_ms),
                "frames/recorded_action": self._recorded(recorded_action),
            }
        )
        values.update(self._action_columns("frames/", executed))
        arrays = self._observation(images, state, scene, recorded_action)
        size = 1024 + sum(one.nbytes for one in arrays.values()) + sum(one.nbytes for one in pooled.values())
        size += 4 * layout.size * (len(made) + 4)
        return Row(values, pooled, arrays, size), Logged(0, index, self._exits[index], executed, distances)

    def _per_exit(self, what: str, values: Sequence[Any]) -> Sequence[Any]:
        if isinstance(values, (str, bytes, Mapping)) or not hasattr(values, "__len__"):
            raise TypeError(f"{what} is of type {type(values).__name__}, expected a list with one entry per exit")
        if len(values) != len(self._exits):
            raise ValueError(f"{what} has {len(values)} entries, expected {len(self._exits)}, one per exit")
        return values

    def checked_thresholds(self, thresholds: Sequence[float]) -> npt.NDArray[np.float64]:
        values = as_numbers("thresholds", thresholds, np.float64)
        exits = len(self._exits)
        if values.shape == (exits - 1,):
            values = np.append(values, ALWAYS)
        if values.shape != (exits,) or np.isnan(values).any():
            raise ValueError(f"thresholds is {values.tolist()}, expected {exits} numbers, one per exit")
        return np.clip(values, NEVER, ALWAYS)

    def _deltas(
        self,
        made: Sequence[Optional[npt.NDArray[np.float32]]],
        previous: Optional[npt.NDArray[np.float32]],
        given: Optional[Sequence[Optional[float]]],
    ) -> npt.NDArray[np.float32]:
        out = np.full(len(made), np.nan, np.float32)
        if given is not None:
            for i, value in enumerate(self._per_exit("deltas", given)):
                out[i] = np.nan if value is None else self._given_delta(f"deltas[{i}]", value)
            return out
        for i, one in enumerate(made):
            before = made[i - 1] if i > 0 else previous
            if one is not None and before is not None:
                out[i] = min(delta(one, before, self._layout, self._delta_type), _MOST)
        return out

    def _given_delta(self, what: str, value: Any) -> float:
        expected = "a number from 0, or NaN or None if there is none"
        number = checked_number(what, value, expected)
        least = _LEAST_COSINE_DELTA if self._delta_type == "cosine" else _LEAST_DELTA
        if not math.isnan(number) and not least <= number <= _MOST:
            raise ValueError(f"{what} is {number:g}, expected {expected}")
        return number

    def _taken(
        self,
        taken: Optional[int],
        made: Sequence[Optional[npt.NDArray[np.float32]]],
        distances: npt.NDArray[np.float32],
        limits: Optional[npt.NDArray[np.float64]],
    ) -> int:
        evaluated = [i for i, one in enumerate(made) if one is not None]
        if taken is None:
            if limits is not None:
                for i in evaluated:
                    if distances[i] <= limits[i]:
                        return i
            return evaluated[-1]
        try:
            index = checked_whole("taken", taken, 0, len(made) - 1)
        except (TypeError, ValueError):
            index = -1
        if index not in evaluated:
            raise ValueError(f"taken is {shown(taken)}, expected the index of an evaluated exit: one of {evaluated}")
        return index

    def _features(
        self,
        features: Optional[Sequence[Optional[Array]]],
        previous_feature: Optional[Array],
        made: Sequence[Optional[npt.NDArray[np.float32]]],
        previous: Optional[npt.NDArray[np.float32]],
    ) -> Dict[int, npt.NDArray[np.float32]]:
        """By slot."""
        given: List[Tuple[int, str, Any, bool]] = []
        if features is not None:
            for i, one in enumerate(self._per_exit("features", features)):
                given.append((i, f"features[{i}]", one, made[i] is not None))
        given.append((len(made), "previous_feature", previous_feature, previous is not None))
        out: Dict[int, npt.NDArray[np.float32]] = {}
        expected = [self._shape.feature_size]
        for slot, what, value, has_action in given:
            if value is None:
                continue
            if not self._shape.feature_size:
                raise ValueError(f"{what} is given, but the recorder was made without feature_size")
            array = as_numbers(what, value, np.float32)
            if list(array.shape) != expected:
                raise ValueError(f"{what} has the shape {list(array.shape)}, expected {expected}")
            if not has_action:
                raise ValueError(f"{what} is given, but there is no action of that layer")
            finite_numbers(what, value, self._feature_type)
            out[slot] = array
        return out

    def _reason(
        self,
        reason: Optional[str],
        index: int,
        distances: npt.NDArray[np.float32],
        limits: Optional[npt.NDArray[np.float64]],
    ) -> int:
        if reason is not None:
            if not isinstance(reason, str) or reason not in REASONS:
                raise ValueError(f"reason is {reason!r}, expected one of {', '.join(REASONS)}")
            return REASONS.index(reason)
        if index == len(self._exits) - 1:
            return REASONS.index("deepest_allowed")
        within = limits is not None and distances[index] <= limits[index]
        return REASONS.index("within_threshold" if within else "fixed")

    def _recorded(self, action: Optional[Array]) -> npt.NDArray[np.float64]:
        if action is None:
            return np.full(self._layout.width, np.nan)
        return checked_numbers("recorded_action", action, self._layout.width)

    def _observation(
        self, images: Optional[Images], state: Optional[Array], scene: Optional[Array], recorded: Optional[Array]
    ) -> Dict[str, npt.NDArray[Any]]:
        """What the frame's file holds."""
        arrays: Dict[str, npt.NDArray[Any]] = {}
        if images is not None:
            cameras = images if isinstance(images, Mapping) else {"static": images}
            if "static" not in cameras:
                raise ValueError(f"images has the cameras {shown(list(cameras))}, expected 'static' among them")
            for camera, image in cameras.items():
                if not isinstance(camera, str):
                    raise TypeError(f"images has the camera {shown(camera)}, expected a name (str)")
                arrays[f"rgb_{camera}"] = checked_picture(f"images[{camera!r}]", image, _LONGEST_SIDE)
        if state is not None:
            numbers = checked_numbers("state", state)
            arrays["robot_obs" if len(numbers) == 15 else "state"] = numbers
        if scene is not None:
            arrays["scene_obs"] = checked_numbers("scene", scene, 24)
        if arrays and recorded is not None and self._layout.is_deer:
            arrays["rel_actions"] = checked_numbers("recorded_action", recorded, 7)
        return arrays

    def _action_columns(self, prefix: str, actions: npt.NDArray[np.float32]) -> Dict[str, Any]:
        """actions: [..., steps, width]"""
        if not self._layout.is_deer:
            return {prefix + "action": actions}
        single = actions[..., 0, :]
        probability = np.clip(single[..., 6].astype(np.float64), 1e-12, 1 - 1e-12)
        return {
            prefix + "arm": single[..., :6],
            prefix + "gripper_probability": single[..., 6],
            prefix + "gripper_logit": np.log(probability / (1 - probability)),
        }

    def _row_of_exits(
        self,
        made: Sequence[Optional[npt.NDArray[np.float32]]],
        previous: Optional[npt.NDArray[np.float32]],
        distances: npt.NDArray[np.float32],
        limits: Optional[npt.NDArray[np.float64]],
        taken: int,
        pooled: Dict[int, npt.NDArray[np.float32]],
    ) -> Dict[str, Any]:
        slots = self._shape.slots
        status = np.zeros(slots, np.uint8)
        layer = np.zeros(slots, np.int32)
        stacked = np.zeros((slots, self._layout.steps, self._layout.width), np.float32)
        by_slot = list(enumerate(made)) + [(len(made), previous)]
        for slot, one in by_slot:
            if one is None:
                continue
            status[slot] = PRESENT | (HAS_FEATURE if slot in pooled else 0) | (BY_POLICY if slot <= taken else 0)
            layer[slot] = self._exits[slot] if slot < len(made) else self._exits[0] - 1
            stacked[slot] = one
        padding = np.full(2, np.nan, np.float32)
        unknown = np.full(len(made), np.nan) if limits is None else limits
        out = {
            "probes/status": status,
            "probes/layer": layer,
            "probes/delta": np.concatenate([distances, padding]),
            "probes/threshold": np.concatenate([unknown, padding]),
        }
        out.update(self._action_columns("probes/", stacked))
        return out


def runs(rows: List[Row]) -> Features:
    """Features of consecutive frames together."""
    out: Features = []
    slots = sorted({slot for row in rows for slot in row.features})
    for slot in slots:
        first = 0
        while first < len(rows):
            if slot not in rows[first].features:
                first += 1
                continue
            end = first
            while end < len(rows) and slot in rows[end].features:
                end += 1
            out.append((slot, first, np.stack([row.features[slot] for row in rows[first:end]])))
            first = end
    return out


def checked_exits(exits: Any, what: str = "exits") -> Tuple[int, ...]:
    if isinstance(exits, (int, str, bytes)) or not hasattr(exits, "__iter__"):
        raise TypeError(f"{what} is {shown(exits)}, expected the zero-based layers of the exits, such as [1, 3, 5]")
    given = list(exits)
    if not 1 <= len(given) <= MOST_EXITS:
        raise ValueError(f"there are {len(given)} exits, expected 1 to {MOST_EXITS}")
    layers = tuple(checked_whole(f"{what}[{i}]", one, 0, MOST_LAYERS - 1) for i, one in enumerate(given))
    if any(b <= a for a, b in zip(layers, layers[1:])):
        raise ValueError(f"{what} is {list(layers)}, expected layers from shallow to deep, each once")
    if layers[0] < 1:
        raise ValueError(
            f"the first exit is after layer {layers[0]}, expected layer 1 or deeper: its action is compared with "
            "that of the layer below it"
        )
    return layers


def _times(times_ms: Optional[Mapping[str, float]]) -> npt.NDArray[np.float64]:
    out = np.zeros(len(STAGES))
    if times_ms is None:
        return out
    if not isinstance(times_ms, Mapping):
        raise TypeError(f"times_ms is {shown(times_ms)}, expected a dict of milliseconds by stage")
    for stage, value in times_ms.items():
        if not isinstance(stage, str) or stage not in STAGES:
            raise ValueError(f"times_ms names the stage {shown(stage)}, expected one of {', '.join(STAGES)}")
        number = checked_number(f"times_ms[{stage!r}]", value, "milliseconds from 0")
        if not math.isfinite(number) or number < 0:
            raise ValueError(f"times_ms[{stage!r}] is {shown(value)}, expected milliseconds from 0")
        out[STAGES.index(stage)] = number
    return out


def _deer_command(action: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Arm in half precision, and the gripper +1 (open) or -1 (close)."""
    largest = float(np.abs(action).max())
    if largest > np.finfo(np.float16).max:
        raise ValueError(f"the action holds {largest:g}, which has no half precision: give command as well")
    out = action.astype(np.float16).astype(np.float32)
    out[..., 6] = np.where(action[..., 6] > 0.5, 1, -1)
    return out
