# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading traces."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Tuple, Union

import h5py
import numpy as np
import numpy.typing as npt

from ._frames_folder import frame_name
from ._trace_file import TraceError
from ._trace_format import FORMAT, HAS_FEATURE, LAYOUT_VERSION, MODES, PRESENT, REASONS, STAGES, VERSION, Shape, columns
from .actions import DEER_ACTIONS, ActionLayout

if TYPE_CHECKING:  # numpy 1.20 has no NDArray
    Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Trace:
    """The contents of a trace: N frames, E exits, actions of H steps and W dimensions.

    Numbers are as stored: `layout.dimensions[i].scale` units per 1. Where an exit was not evaluated, its numbers are
    NaN.
    """

    path: str
    metadata: Dict[str, Any]
    """Model, policy, versions; see docs/trace.md."""
    layout: ActionLayout
    exit_layers: npt.NDArray[np.int32]
    """[E] zero-based decoder layers, shallow to deep."""
    episode: npt.NDArray[np.int64]
    """[N] number of the frame's episode in this trace, from 0."""
    frame: npt.NDArray[np.int64]
    """[N] number of the frame in the episode of its source."""
    frame_id: npt.NDArray[np.int64]
    """[N] the source's own number; -1: none."""
    step: npt.NDArray[np.int32]
    """[N] executed steps since the last reset."""
    instruction: Tuple[str, ...]
    """[N]"""
    mode: Tuple[str, ...]
    """[N] "policy" or "probe"."""
    reason: Tuple[str, ...]
    """[N] why the frame exited there."""
    exit_index: npt.NDArray[np.int32]
    """[N] index of the exit at which the frame exited; -1: a layer that is not an exit."""
    exit_layer: npt.NDArray[np.int32]
    """[N] zero-based."""
    action: Floats
    """[N, H, W] executed."""
    command: Floats
    """[N, H, W] sent to the robot."""
    recorded_action: npt.NDArray[np.float64]
    """[N, W] of the demonstration; NaN: none."""
    times_ms: npt.NDArray[np.float64]
    """[N, 5] milliseconds: preprocess, vision, resampler, LLM, head."""
    prompt_tokens: npt.NDArray[np.int32]
    """[N] 0: not known, or the network was not called."""
    actions: Floats
    """[N, E, H, W] of every exit."""
    deltas: Floats
    """[N, E] of every exit from the previous one."""
    thresholds: Floats
    """[N, E] at the time; NaN: none."""
    evaluated: npt.NDArray[np.bool_]
    """[N, E] whether the exit was evaluated."""
    previous_action: Floats
    """[N, H, W] of the layer below the first exit."""
    features: Optional[Floats]
    """[N, E, feature size]; NaN where not stored. None if the trace has none, or `read` left them out."""
    sources: Tuple[str, ...]
    """[N] path of the data that holds the frame's pictures; may be empty."""

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def depth(self) -> npt.NDArray[np.int32]:
        """[N] layers run."""
        return self.exit_layer + 1

    @property
    def episodes(self) -> int:
        """Number of episodes."""
        return int(self.episode[-1]) + 1 if len(self) else 0

    def observation(self, row: int) -> Dict[str, npt.NDArray[Any]]:
        """What `Recorder.log` got as images (uint8 [height, width, 3], as `rgb_static`, `rgb_gripper`, …), state
        (`robot_obs` or `state`, [n]) and scene (`scene_obs`, [24]) of a frame; empty if it is not there.

        row: of the arrays here, from 0.
        """
        folder = self.sources[row]
        beside = os.path.join(os.path.dirname(self.path), os.path.basename(folder))
        for place in (folder, beside):
            name = os.path.join(place, frame_name(int(self.frame_id[row])))
            if folder and os.path.isfile(name):
                with np.load(name, allow_pickle=False) as arrays:
                    return {key: arrays[key] for key in arrays.files}
        return {}

    def table(self) -> List[Dict[str, Any]]:
        """One dict per frame with plain numbers and texts: `episode`, `frame`, `instruction`, `exit` (index from 0),
        `depth` (layers), `reason`, `delta` of the exit taken, `delta_1` … of all exits, and `llm_ms` … by stage."""
        out = []
        for row in range(len(self)):
            index = int(self.exit_index[row])
            entry: Dict[str, Any] = {
                "episode": int(self.episode[row]),
                "frame": int(self.frame[row]),
                "instruction": self.instruction[row],
                "exit": index,
                "depth": int(self.exit_layer[row]) + 1,
                "reason": self.reason[row],
                "delta": float(self.deltas[row, index]) if index >= 0 else float("nan"),
            }
            entry.update({f"delta_{i + 1}": float(value) for i, value in enumerate(self.deltas[row])})
            entry.update({f"{stage}_ms": float(value) for stage, value in zip(STAGES, self.times_ms[row])})
            out.append(entry)
        return out

    def frame_table(self) -> Any:
        """`table()` as a pandas.DataFrame. Raises ImportError if pandas is not installed."""
        import pandas

        return pandas.DataFrame(self.table())


def read(path: Union[str, "os.PathLike[str]"], features: bool = True) -> Trace:
    """Reads a trace: complete, left by a killed program, or being written (with the frames up to now).

    features: False leaves out the pooled hidden states, by far the largest part.

    Raises TraceError naming the file if it is not a trace or is damaged.
    """
    name = os.path.abspath(os.fspath(path))
    if not os.path.isfile(name):
        raise TraceError(f"{name}: does not exist")
    try:
        with h5py.File(name, "r", locking="best-effort") as file:
            return _read(name, file, features)
    except TraceError:
        raise
    except Exception as error:  # h5py raises several kinds for a damaged file
        raise TraceError(f"{name}: is not a trace, or is damaged: {error}") from None


def _read(name: str, file: Any, with_features: bool) -> Trace:
    if not isinstance(file.get("metadata"), h5py.Dataset):
        raise TraceError(f"{name}: is an HDF5 file but not a trace: it has no metadata")
    raw = file["metadata"][()]
    metadata = json.loads(raw if isinstance(raw, (str, bytes)) else bytes(raw))
    if metadata.get("format") != FORMAT or metadata.get("version") not in (VERSION, LAYOUT_VERSION):
        found = f"{metadata.get('format')!r} version {metadata.get('version')!r}"
        raise TraceError(f"{name}: metadata says {found}, expected {FORMAT!r} version {VERSION} or {LAYOUT_VERSION}")
    layout = DEER_ACTIONS if metadata["version"] == VERSION else ActionLayout.from_json(metadata["action"])
    exit_layers = np.array(metadata["exit_layers"], np.int32)
    exits = len(exit_layers)
    shape = Shape(exits, int(metadata["model"]["d_model"]), layout)
    frames = int(file["frame_count"][0])

    values: Dict[str, npt.NDArray[Any]] = {}
    for column in columns(shape):
        if column.entry == "feature" and not with_features:
            continue
        dataset = file[column.name]
        row = column.row_shape(shape)
        if dataset.shape[1:] != row or dataset.shape[0] < frames:
            expected = [frames, *row]
            raise TraceError(
                f"{name}: {column.name} has the shape {list(dataset.shape)}, expected {expected} or more rows"
            )
        values[column.name] = dataset[:frames]

    status = values["probes/status"]
    present = (status[:, : exits + 1] & PRESENT) != 0
    actions = _actions(values, "probes/", layout)[:, : exits + 1]
    actions[~present] = np.nan
    features = values.get("probes/feature")
    if features is not None:
        features = features[:, :exits].astype(np.float32)
        features[(status[:, :exits] & HAS_FEATURE) == 0] = np.nan
    command = values["frames/command"]
    texts = texts_of(file)
    instruction = tuple(_text(texts, number) for number in values["frames/instruction"])
    return Trace(
        path=name,
        metadata=metadata,
        layout=layout,
        exit_layers=exit_layers,
        episode=_episodes(values),
        frame=values["frames/frame"],
        frame_id=values["frames/frame_id"],
        step=values["frames/step"],
        instruction=instruction,
        mode=tuple(MODES[code] for code in values["frames/mode"]),
        reason=tuple(REASONS[code] for code in values["frames/reason"]),
        exit_index=values["frames/exit_index"],
        exit_layer=values["frames/exit_layer"],
        action=_actions(values, "frames/", layout),
        command=command.reshape((frames, layout.steps, layout.width)),
        recorded_action=values["frames/recorded_action"],
        times_ms=values["frames/times_ms"],
        prompt_tokens=values["frames/prompt_tokens"],
        actions=actions[:, :exits],
        deltas=values["probes/delta"][:, :exits],
        thresholds=values["probes/threshold"][:, :exits],
        evaluated=present[:, :exits],
        previous_action=actions[:, exits],
        features=features,
        sources=tuple(_text(texts, number) for number in values["frames/source"]),
    )


def _actions(values: Dict[str, npt.NDArray[Any]], prefix: str, layout: ActionLayout) -> Floats:
    if not layout.is_deer:
        return values[prefix + "action"].astype(np.float32)
    arm, gripper = values[prefix + "arm"], values[prefix + "gripper_probability"]
    return np.concatenate([arm, gripper[..., np.newaxis]], axis=-1)[..., np.newaxis, :].astype(np.float32)


def _episodes(values: Dict[str, npt.NDArray[Any]]) -> npt.NDArray[np.int64]:
    """A new episode begins where the numbering, the source or the source's episode changes."""
    frame, source, episode = (values[f"frames/{name}"] for name in ("frame", "source", "episode"))
    if not len(frame):
        return np.zeros(0, np.int64)
    starts = (np.diff(frame) != 1) | (np.diff(source) != 0) | (np.diff(episode) != 0)
    return np.concatenate([[0], np.cumsum(starts)]).astype(np.int64)


def texts_of(file: Any) -> List[str]:
    data = file["texts/bytes"][:].tobytes()
    out: List[str] = []
    begin = 0
    for end in file["texts/end"][:]:
        if not begin <= end <= len(data):
            break  # the last ones of a killed run may be incomplete
        out.append(data[begin : int(end)].decode("utf-8", "replace"))
        begin = int(end)
    return out


def _text(texts: List[str], number: int) -> str:
    return "" if number < 0 else texts[number]
