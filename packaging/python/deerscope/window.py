# SPDX-License-Identifier: GPL-3.0-or-later
"""Showing a run in an open window while it happens."""

from __future__ import annotations

import json
import queue
import threading
import warnings
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple, Type, Union

import numpy as np
import numpy.typing as npt

from . import _proto
from ._checks import checked_address, checked_instruction, checked_seconds
from ._rows import Array, Logged, Row
from ._run import Run, checked_run
from ._trace_format import BY_POLICY, MODES, PRESENT, REASONS, STAGES
from .actions import ActionLayout, Dimension
from .engine import MOST_BYTES, EngineError, import_grpc

_MOST_WAITING = 64  # frames
_CLOSE_S = 5.0
_REFUSAL_S = 0.5  # within which a window says that it does not take the run
_LONGEST_INSTRUCTION = 4096  # bytes


class WindowClosed(UserWarning):
    """The window takes no more frames of this run: it was closed, shows something else, or cannot be reached."""


def connect(
    address: str,
    exits: Sequence[int],
    actions: Union[int, Sequence[Union[str, Dimension]], ActionLayout],
    *,
    layers: Optional[int] = None,
    feature_size: int = 0,
    thresholds: Optional[Sequence[float]] = None,
    delta_type: str = "L2",
    model_name: str = "policy",
    family: str = "",
    device: str = "",
    dtype: str = "",
    connect_s: float = 10.0,
) -> "LiveRecorder":
    """Shows a run in an open window (`deerscope --listen ADDRESS`) while it happens.

    address: of the window, on this machine: "HOST:PORT" or "unix:PATH".
    connect_s: seconds within which the window has to answer, more than 0.
    The other arguments are those of `Recorder`.

    Takes half a second, in which the window may refuse the run; later a warning (`WindowClosed`) says so.

    Raises ImportError without grpcio or protobuf; ValueError or TypeError naming the argument, what was found and what
    was expected; EngineError if no window answers there, it refuses the run, or it shows that of another program.
    """
    texts = {"model_name": model_name, "family": family, "device": device, "dtype": dtype}
    run = checked_run(exits, actions, layers, feature_size, thresholds, delta_type, texts)
    if not checked_address(address)[1]:
        raise ValueError(f"address is {address!r}, expected one of this machine (ssh -L brings another machine's here)")
    return LiveRecorder(address, run, checked_seconds("connect_s", connect_s))


class LiveRecorder:
    """A run that a window shows while it happens, made by `connect`.

    `start_episode` and `log` are those of `Recorder`. They never wait for the window: frames that it cannot take in
    time are dropped and counted, and once it is closed, a warning (`WindowClosed`) says so and the rest is dropped. A
    robot is not stopped by whoever watches. All methods may be called from several threads. Use it in a `with`
    statement, or call `close()`.
    """

    def __init__(
        self,
        address: str,
        run: Run,
        connect_s: float,
    ) -> None:
        """Use `connect`."""
        grpc = import_grpc()
        self._messages = _proto.messages()
        self._address = address
        self._run = run
        self._lock = threading.Lock()
        self._queue: "queue.Queue[Any]" = queue.Queue(_MOST_WAITING)
        self._instruction: Optional[str] = None
        self._frame = 0
        self._sent = 0
        self._dropped = 0
        self._problem: Optional[str] = None
        self._closed = False
        self._is_begun = False  # from then on an end is a warning
        self._over = threading.Event()
        self._channel = grpc.insecure_channel(
            address,
            [
                ("grpc.enable_http_proxy", 0),
                ("grpc.use_local_subchannel_pool", 1),
                ("grpc.max_send_message_length", -1),
            ],
        )
        try:
            grpc.channel_ready_future(self._channel).result(timeout=connect_s)
        except grpc.FutureTimeoutError:
            self._channel.close()
            raise EngineError(f"no window answers at {address}: start one with deerscope --listen {address}") from None
        self._queue.put(self._messages["ShowRequest"](run=self._described()))
        call = self._channel.stream_unary(
            f"/{_proto.PACKAGE}.Window/Show",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=self._messages["ShowReply"].FromString,
        )
        self._answer = call.future(self._requests())
        self._answer.add_done_callback(self._ended)
        self._over.wait(_REFUSAL_S)
        with self._lock:
            self._is_begun = True
            problem = self._problem
        if problem is not None:
            self._closed = True
            self._channel.close()
            raise EngineError(f"{address}: {problem}")

    @property
    def exits(self) -> Tuple[int, ...]:
        """Zero-based layers of the exits, shallow to deep."""
        return self._run.exits

    @property
    def layout(self) -> ActionLayout:
        """Layout of the actions."""
        return self._run.layout

    @property
    def frames(self) -> int:
        """Frames logged so far, over all episodes, dropped ones included."""
        return self._sent + self._dropped

    @property
    def dropped(self) -> int:
        """Frames that the window does not show, because it was busy, paused or closed."""
        return self._dropped

    @property
    def connected(self) -> bool:
        """Whether the window takes frames."""
        return self._problem is None and not self._closed

    def start_episode(self, instruction: str = "") -> None:
        """Starts an episode, as `Recorder.start_episode`. The window takes at most 4096 bytes of UTF-8."""
        instruction = checked_instruction(instruction, _LONGEST_INSTRUCTION)
        with self._lock:
            self._refuse_if_closed()
            self._instruction = instruction
            self._frame = 0

    def log(self, actions: Sequence[Optional[Array]], **arguments: Any) -> Logged:
        """Shows one frame, and returns what was decided for it, also if it is dropped. Arguments as of `Recorder.log`;
        of the pictures, "static" and "gripper" are shown; together with the numbers of the frame they have at most
        32 MiB.

        Raises ValueError or TypeError naming the argument, what was found and what was expected.
        """
        given = arguments.pop("thresholds", None)
        maker = self._run.maker
        limits = self._run.limits if given is None else maker.checked_thresholds(given)
        unknown = set(arguments) - set(_ARGUMENTS)
        if unknown:
            raise TypeError(f"log() has no argument {sorted(unknown)[0]!r}")
        row, logged = maker.make(actions, limits, *(arguments.get(name, _ARGUMENTS[name]) for name in _ARGUMENTS))
        with self._lock:
            self._refuse_if_closed()
            if self._instruction is None:
                raise ValueError("no episode has been started: call start_episode() before log()")
            frame = self._frame
            try:
                if self._problem is not None:
                    raise queue.Full
                request = self._messages["ShowRequest"](frame=self._message(row, frame, self._instruction))
                size = request.ByteSize()
                if size > MOST_BYTES:
                    raise ValueError(
                        f"images and numbers of the frame have {size} bytes, expected at most {MOST_BYTES} (32 MiB): "
                        "give smaller pictures"
                    )
                self._queue.put_nowait(request)
                self._sent += 1
            except queue.Full:
                self._dropped += 1
            self._frame += 1
        return logged._replace(frame=frame)

    def close(self) -> None:
        """Waits up to five seconds for the window to take the frames that wait, and ends the run, which stays in the
        window. May be called again."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        try:
            self._queue.put(None, timeout=_CLOSE_S)
            self._answer.exception(timeout=_CLOSE_S)
        except Exception:  # the window is paused or gone
            self._answer.cancel()
        self._channel.close()

    def __enter__(self) -> "LiveRecorder":
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], *rest: object) -> None:
        self.close()

    def _requests(self) -> Iterator[Any]:
        while True:
            request = self._queue.get()
            if request is None:
                return
            yield request

    def _ended(self, answer: Any) -> None:
        error = None if answer.cancelled() else answer.exception()
        with self._lock:
            if self._closed:
                return
            self._problem = _reason(error)
            is_begun = self._is_begun
        self._over.set()
        while True:  # the thread that sends ends
            try:
                self._queue.put_nowait(None)
                break
            except queue.Full:
                try:
                    self._queue.get_nowait()
                except queue.Empty:
                    pass
        if not is_begun:
            return  # connect() raises it
        warnings.warn(
            f"{self._address}: {self._problem}; frames from here on are not shown", WindowClosed, stacklevel=1
        )

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise ValueError("the run is closed")

    def _described(self) -> Any:
        run = self._run
        out = self._messages["ShownRun"](
            protocol=_proto.PROTOCOL,
            name=run.texts["model_name"],
            family=run.texts["family"],
            exit_layers=run.exits,
            layers=run.layers,
            d_model=run.shape.feature_size,
            action_steps=run.layout.steps,
            policy=json.dumps(run.policy()),
            device=run.texts["device"],
            dtype=run.texts["dtype"],
        )
        if not run.layout.is_deer:
            for one in run.layout.dimensions:
                name, unit = (text.encode("utf-8", "replace").decode() for text in (one.name, one.unit))
                out.dimensions.add(name=name, unit=unit, kind=one.kind, scale=one.scale, opens_above=one.opens_above)
        return out

    def _message(self, row: Row, frame: int, instruction: str) -> Any:
        values, arrays = row.values, row.arrays
        out = self._messages["ShownFrame"](starts_episode=frame == 0)
        seen = out.observation
        seen.frame, seen.instruction = frame, instruction
        for name in ("rgb_static", "rgb_gripper"):
            if name in arrays:
                picture = getattr(seen, name)
                picture.height, picture.width = arrays[name].shape[:2]
                picture.data = arrays[name].tobytes()
        for name in ("robot_obs", "scene_obs"):
            if name in arrays:
                getattr(seen, name).extend(arrays[name].tolist())
        recorded = values["frames/recorded_action"]
        if np.isfinite(recorded).all():
            out.recorded_action.extend(recorded.tolist())
        result = out.result
        result.frame, result.step = frame, frame
        result.probe = values["frames/mode"] == MODES.index("probe")
        result.prompt_tokens = values["frames/prompt_tokens"]
        result.exit_layer = values["frames/exit_layer"]
        result.exit_index = values["frames/exit_index"]
        result.reason = REASONS[values["frames/reason"]]
        result.action.extend(_action(values, "frames/"))
        result.gripper_logit = values.get("frames/gripper_logit", 0.0)
        result.command.extend(np.asarray(values["frames/command"], np.float32).reshape(-1).tolist())
        for stage, time_ms in zip(STAGES, values["frames/times_ms"]):
            setattr(result.times_ms, stage, time_ms)
        for slot in range(len(self._run.exits) + 1):
            status = int(values["probes/status"][slot])
            if not status & PRESENT:
                continue
            probe = result.exits.add() if slot < len(self._run.exits) else result.predecessor
            probe.layer = int(values["probes/layer"][slot])
            probe.action.extend(_action(values, "probes/", slot))
            if "probes/gripper_logit" in values:
                probe.gripper_logit = float(values["probes/gripper_logit"][slot])
            probe.delta = float(values["probes/delta"][slot])
            probe.threshold = float(values["probes/threshold"][slot])
            probe.evaluated_by_policy = bool(status & BY_POLICY)
            if slot in row.features:
                probe.feature.extend(row.features[slot].tolist())
        return out


def _reason(error: Any) -> str:
    """Why a window ended a run."""
    if error is None:
        return "the window ended the run"
    code = error.code().name
    if code == "UNIMPLEMENTED":
        return "is no window that waits for runs (deerscope --listen)"
    return str(error.details() or f"the window ended the run ({code})")


# What `RowMaker.make` takes after the actions and thresholds, in its order.
_ARGUMENTS: Dict[str, Any] = {
    "taken": None,
    "features": None,
    "deltas": None,
    "previous_action": None,
    "previous_feature": None,
    "action": None,
    "command": None,
    "recorded_action": None,
    "images": None,
    "state": None,
    "scene": None,
    "times_ms": None,
    "prompt_tokens": 0,
    "reason": None,
}


def _action(values: Dict[str, Any], prefix: str, slot: Optional[int] = None) -> List[float]:
    """All numbers of an action, step after step, from the columns of a row."""

    def column(name: str) -> npt.NDArray[np.float32]:
        whole = np.asarray(values[prefix + name], np.float32)
        part: npt.NDArray[np.float32] = whole if slot is None else whole[slot]
        return part

    if prefix + "action" in values:
        out: List[float] = column("action").reshape(-1).tolist()
        return out
    single: List[float] = [*column("arm").reshape(-1).tolist(), float(column("gripper_probability").reshape(-1)[0])]
    return single
