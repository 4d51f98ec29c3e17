# SPDX-License-Identifier: GPL-3.0-or-later
"""What the numbers of an action mean, and how far two actions are apart."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Sequence, Union

import numpy as np
import numpy.typing as npt

from ._checks import as_numbers, checked_number, checked_whole, finite_numbers, shown

KINDS = ("position", "rotation", "joint", "gripper", "other")
DELTA_TYPES = ("L2", "mean", "max", "cosine")

_MOST_DIMENSIONS = 256
_MOST_STEPS = 1024
_MOST_NUMBERS = 1 << 14
_LONGEST_NAME = 64  # bytes


@dataclass(frozen=True)
class Dimension:
    """One number of an action.

    name: as people read it, "left elbow"; unique in its layout, 1 to 64 bytes.
    unit: of a value times `scale`: "rad", "mm"; may be empty.
    kind: "position", "rotation", "joint", "gripper" or "other". Grippers are left out of distances between actions.
    scale: units per stored value of 1.
    opens_above: for grippers: stored values above this open it.
    """

    name: str
    unit: str = ""
    kind: str = "other"
    scale: float = 1.0
    opens_above: float = 0.5

    def __post_init__(self) -> None:
        for what, text in (("name", self.name), ("unit", self.unit)):
            if not isinstance(text, str):
                raise TypeError(f"the {what} of a dimension is {text!r}, expected a string")
            if len(text.encode("utf-8", "replace")) > _LONGEST_NAME or any(c < " " or c == "\x7f" for c in text):
                raise ValueError(f"the {what} {text!r} is not printable or longer than {_LONGEST_NAME} bytes")
        if not self.name:
            raise ValueError("a dimension of an action needs a name")
        if not isinstance(self.kind, str) or self.kind not in KINDS:
            raise ValueError(f"dimension {self.name!r} is of kind {self.kind!r}, expected one of {', '.join(KINDS)}")
        for field, number in (("scale", self.scale), ("opens_above", self.opens_above)):
            checked_number(f"{field} of dimension {self.name!r}", number, "a finite number")
        if not math.isfinite(self.scale) or self.scale == 0:
            raise ValueError(
                f"dimension {self.name!r} has the scale {self.scale}, expected a finite number other than 0"
            )
        if not math.isfinite(self.opens_above):
            raise ValueError(f"dimension {self.name!r} opens above {self.opens_above}, expected a finite number")


@dataclass(frozen=True)
class ActionLayout:
    """Dimensions of an action, and the number of steps that one prediction holds (a chunk).

    dimensions: how many, their names, or a list of `Dimension`.
    steps: steps of a chunk; 1 if a prediction is a single action.

    An action of this layout is an array [steps, width]; with one step, [width] is accepted too.
    """

    dimensions: Sequence[Dimension]
    steps: int = 1

    def __init__(self, dimensions: Union[int, Sequence[Union[str, Dimension]]], steps: int = 1) -> None:
        if isinstance(dimensions, str):
            raise TypeError("an action's dimensions are a number or a list of names, not one string")
        names: Optional[List[Any]] = None
        if isinstance(dimensions, (int, np.integer)):
            count = int(dimensions)
        elif hasattr(dimensions, "__iter__") and not isinstance(dimensions, bytes):
            names = list(dimensions)
            count = len(names)
        else:
            raise TypeError(f"an action's dimensions are {shown(dimensions)}, expected a number or a list of names")
        if not 1 <= count <= _MOST_DIMENSIONS:
            raise ValueError(f"an action has {shown(count)} dimensions, expected 1 to {_MOST_DIMENSIONS}")
        if names is None:
            names = [f"value {i + 1}" for i in range(count)]
        made = tuple(one if isinstance(one, Dimension) else Dimension(one) for one in names)
        object.__setattr__(self, "dimensions", made)
        object.__setattr__(self, "steps", checked_whole("steps of an action", steps, 1, _MOST_STEPS))
        if self.size > _MOST_NUMBERS:
            raise ValueError(
                f"an action has {self.steps} steps of {count} numbers, expected at most {_MOST_NUMBERS} numbers in all"
            )
        called = [one.name.encode("utf-8", "replace") for one in made]
        for one in made:
            if called.count(one.name.encode("utf-8", "replace")) > 1:
                raise ValueError(f"two dimensions of an action are called {one.name!r}")
        if all(one.kind == "gripper" for one in made):
            raise ValueError("an action has only grippers: there is nothing to compare")

    @property
    def width(self) -> int:
        """Numbers of one step."""
        return len(self.dimensions)

    @property
    def size(self) -> int:
        """Numbers of a whole action, steps times width."""
        return len(self.dimensions) * self.steps

    @property
    def is_deer(self) -> bool:
        """Whether this is `DEER_ACTIONS`."""
        # As a trace says it: only grippers have `opens_above` there.
        return self.size == DEER_ACTIONS.size and self.as_json() == DEER_ACTIONS.as_json()

    @property
    def compared(self) -> npt.NDArray[np.intp]:
        """Dimensions that distances between actions compare: all except grippers."""
        return np.array([i for i, one in enumerate(self.dimensions) if one.kind != "gripper"], dtype=np.intp)

    def as_array(self, action: Any, what: str = "an action") -> npt.NDArray[np.float32]:
        """A copy of `action` as float32 [steps, width]. Raises ValueError or TypeError naming `what` if it has
        another shape, or holds anything else than finite numbers."""
        array = as_numbers(what, action, np.float32)
        expected = (self.steps, self.width)
        if array.shape != expected and not (self.steps == 1 and array.shape == (self.width,)):
            also = f" or [{self.width}]" if self.steps == 1 else ""
            raise ValueError(f"{what} has the shape {list(array.shape)}, expected {list(expected)}{also}")
        if not np.isfinite(array).all():
            finite_numbers(what, action, np.float32)  # says which
        return array.reshape(expected)

    def as_json(self) -> Dict[str, Any]:
        """As the metadata of a trace holds it."""
        dimensions: List[Dict[str, Any]] = []
        for one in self.dimensions:
            entry: Dict[str, Any] = {"name": one.name, "unit": one.unit, "kind": one.kind, "scale": one.scale}
            if one.kind == "gripper":
                entry["opens_above"] = one.opens_above
            dimensions.append(entry)
        return {"steps": self.steps, "dimensions": dimensions}

    @staticmethod
    def from_json(json: Dict[str, Any]) -> "ActionLayout":
        """The reverse of `as_json`. Raises KeyError, TypeError or ValueError."""
        fields = ("name", "unit", "kind", "scale", "opens_above")
        dimensions = [Dimension(**{k: v for k, v in one.items() if k in fields}) for one in json["dimensions"]]
        return ActionLayout(dimensions, json["steps"])


def checked_layout(what: str, actions: Any) -> ActionLayout:
    """An ActionLayout, or what makes one. Raises ValueError or TypeError."""
    if isinstance(actions, ActionLayout):
        return actions
    is_list = hasattr(actions, "__iter__") and not isinstance(actions, bytes)
    if not is_list and not isinstance(actions, (int, np.integer)):
        raise TypeError(
            f"{what} is {shown(actions)}, expected an ActionLayout, the number of values or a list of their names"
        )
    return ActionLayout(actions)


def _deer_dimensions() -> List[Dimension]:
    # CALVIN's relative actions: metres x 50, radians x 20.
    positions = [Dimension(name, "mm", "position", 1000.0 / 50) for name in ("x", "y", "z")]
    turns = [Dimension(name, "°", "rotation", 180 / math.pi / 20) for name in ("turn x", "turn y", "turn z")]
    return positions + turns + [Dimension("gripper", "%", "gripper", 100.0)]


DEER_ACTIONS = ActionLayout(_deer_dimensions())
"""DeeR's action, [1, 7]: x y z and the rotations about them, relative and scaled to [-1, 1] as CALVIN's `rel_actions`,
and the gripper as its probability of opening, 0 to 1."""


def delta(action: Any, previous: Any, layout: ActionLayout, delta_type: str = "L2") -> float:
    """Distance of two actions of `layout`, each [steps, width], over all dimensions except grippers and all steps, in
    stored values.

    delta_type: "L2" root mean square, "mean" mean absolute difference, "max" largest absolute difference, "cosine"
    1 - cosine similarity.
    """
    if delta_type not in DELTA_TYPES:
        raise ValueError(f"delta type {delta_type!r} does not exist, expected one of {', '.join(DELTA_TYPES)}")
    a = layout.as_array(action)[:, layout.compared].astype(np.float64)
    b = layout.as_array(previous, "the previous action")[:, layout.compared].astype(np.float64)
    if delta_type == "cosine":
        least = 1e-5
        norms = max(float(np.linalg.norm(a)), least) * max(float(np.linalg.norm(b)), least)
        return 1 - float((a * b).sum()) / norms
    difference = np.abs(a - b)
    if delta_type == "mean":
        return float(difference.mean())
    if delta_type == "max":
        return float(difference.max())
    return float(np.sqrt((difference**2).mean()))
