# SPDX-License-Identifier: GPL-3.0-or-later
"""A policy on a server: clients of `deer serve`."""

from __future__ import annotations

import json
import threading
import time
from typing import Any, Dict, Mapping, Optional, Sequence, Type, Union

import numpy as np
import numpy.typing as npt

from . import _proto
from ._checks import (
    as_numbers,
    checked_address,
    checked_flag,
    checked_instruction,
    checked_path,
    checked_picture,
    checked_seconds,
    checked_token,
    checked_whole,
    shown,
)
from ._results import Attention, Exit, Health, Model, Step, to_model, to_step
from ._rows import ALWAYS, NEVER

__all__ = ["Attention", "ConnectionLost", "Engine", "EngineError", "Exit", "Health", "Model", "Step"]

Picture = Union[npt.ArrayLike, bytes]

MOST_BYTES = 32 << 20  # of a message
_REST_BYTES = 1 << 10  # of a message, beside the observation
_MOST_FRAME = (1 << 63) - 1
_MOST_LAYER = (1 << 31) - 1
_WAIT_MS = (100, 1000)  # between attempts to connect: the first, the longest


class EngineError(Exception):
    """The server refused a call, failed, or cannot be reached. One line that says why."""


class ConnectionLost(EngineError):
    """The server cannot be reached, or knows the rollout no more, and `reconnect_s` have passed."""


class Engine:
    """A rollout on a server (`deer serve`).

    The rollout's state comes back with every step. After a lost connection a call connects again, opens the rollout
    with that state, on the same server or on one that was restarted, and is repeated: its results are those of an
    uninterrupted run.

    Calls may come from several threads and are done one after the other. Use it in a `with` statement, or call
    `close()`. Needs grpcio and protobuf (Debian: python3-grpcio, python3-protobuf).
    """

    def __init__(
        self,
        address: str = "127.0.0.1:8477",
        token: Optional[str] = None,
        *,
        tls_ca: Optional[str] = None,
        deadline_s: float = 60.0,
        reconnect_s: float = 30.0,
    ) -> None:
        """
        address: "HOST:PORT", "[IPV6]:PORT" or "unix:PATH", with a port from 1 to 65535. Addresses that are not of this
            machine are reached by TLS.
        token: the server's.
        tls_ca: path of certificates (PEM) that vouch for the server; by default the system's.
        deadline_s: seconds that the server has for an answer, more than 0.
        reconnect_s: seconds for which a lost connection is tried again; 0: not at all.

        Raises ImportError without grpcio or protobuf, ValueError or TypeError naming the argument, what was found and
        what was expected, OSError if `tls_ca` cannot be read, and EngineError if no server answers or it is of another
        version.
        """
        self._grpc = import_grpc()
        self._messages = _proto.messages()
        self._address, is_local = checked_address(address)
        self._metadata = [] if token is None else [("authorization", f"Bearer {checked_token(token)}")]
        self._deadline_s = checked_seconds("deadline_s", deadline_s)
        self._reconnect_s = checked_seconds("reconnect_s", reconnect_s, or_zero=True)
        self._channel = self._open_channel(is_local, tls_ca)
        self._lock = threading.RLock()
        self._state = self._messages["RolloutState"]()
        self._rollout = ""
        self._replaced = ""
        self._reconnects = 0
        self._closed = False
        try:
            described = self._call("Describe", self._messages["DescribeRequest"]())
            self._check_protocol(described)
            self._model = to_model(described)
            self._policy: Dict[str, Any] = json.loads(described.policy)
            self._open()
        except BaseException:
            self._channel.close()
            raise

    # What callers see.

    @property
    def address(self) -> str:
        """Of the server."""
        return self._address

    @property
    def model(self) -> Model:
        """The model on the server."""
        return self._model

    @property
    def policy(self) -> Dict[str, Any]:
        """A copy of the policy that decides where frames exit, as JSON; see docs/trace.md."""
        return dict(self._policy)

    @property
    def reconnects(self) -> int:
        """How often the connection was lost and made again."""
        return self._reconnects

    def health(self) -> Health:
        """How the server is. Raises EngineError."""
        with self._lock:
            self._refuse_if_closed()
            reply = self._call("Health", self._messages["HealthRequest"]())
        return Health(reply.version, reply.uptime_s, reply.rollouts, reply.rollouts_most, reply.steps, reply.waiting)

    def step(
        self,
        static: Picture,
        gripper: Optional[Picture],
        instruction: str,
        *,
        robot_obs: Optional[npt.ArrayLike] = None,
        scene_obs: Optional[npt.ArrayLike] = None,
        probe: bool = False,
        features: bool = False,
        frame: Optional[int] = None,
    ) -> Step:
        """Runs one frame and advances the rollout. Another instruction than before resets it first.

        static, gripper: RGB, uint8 [height, width, 3], at most 4096 pixels a side, or the bytes of a PNG or JPEG file.
            Both together have at most 32 MiB, which is 3344 x 3344 pixels raw. The published models need both.
        robot_obs, scene_obs: CALVIN's, [15] and [24]; DeeR's models do not look at them.
        probe: evaluate every exit; the policy decides all the same.
        features: return the pooled hidden states of the evaluated exits.
        frame: index in its episode, for forced exits; by default the number of the step.

        Raises ValueError or TypeError naming the argument, what was found and what was expected, EngineError if the
        call fails; the rollout is then as it was.
        """
        request = self._messages["StepRequest"](
            probe=checked_flag("probe", probe), features=checked_flag("features", features), state=True
        )
        with self._lock:
            number = self._state.steps if frame is None else checked_whole("frame", frame, 0, _MOST_FRAME)
            self._observe(request.observation, number, static, gripper, instruction, robot_obs, scene_obs)
            reply = self._on_rollout("Step", request)
            self._state = reply.state
        return to_step(reply, features)

    def reset(self) -> None:
        """The start of an episode: resets history and step count. Raises EngineError."""
        with self._lock:
            self._state = self._messages["RolloutState"]()
            try:
                self._on_rollout("Reset", self._messages["ResetRequest"]())
            except BaseException:
                self._forget_rollout()  # it still has its history there; the next one has none
                raise

    def set_policy(self, policy: Mapping[str, Any]) -> None:
        """Uses a policy from the next step on: JSON as `policy` gives it. Fields left out have their defaults, not
        their present values: the criterion is then "action_delta", and there are no thresholds. Every criterion but
        "fixed_exit" and "time_step" needs `thresholds`, one per exit, or all but the deepest.

        Raises ValueError or TypeError if it is not JSON, EngineError if it does not fit the model; the policy is then
        as it was.
        """
        if not isinstance(policy, Mapping):
            raise TypeError(f"policy is {shown(policy)}, expected a dict as Engine.policy gives it")
        try:
            text = json.dumps(dict(policy), allow_nan=False)
        except (TypeError, ValueError) as error:
            raise type(error)(
                f"policy is not JSON ({error}), expected a dict as Engine.policy gives it, with deerscope.ALWAYS and "
                "deerscope.NEVER as the widest thresholds"
            ) from None
        request = self._messages["SetPolicyRequest"](policy=text)
        with self._lock:
            self._policy = json.loads(self._on_rollout("SetPolicy", request).policy)

    def set_thresholds(self, thresholds: Sequence[float]) -> None:
        """Thresholds of the exits, shallow to deep, for the present policy: one per exit, or all but the deepest.
        `deerscope.ALWAYS` and `deerscope.NEVER` are allowed, and infinity means the same.

        Raises ValueError or TypeError if they are not numbers, EngineError if they do not fit the model."""
        given = as_numbers("thresholds", thresholds, np.float64)
        if given.ndim != 1 or np.isnan(given).any():
            raise ValueError(f"thresholds is {shown(given.tolist())}, expected a list of numbers, one per exit")
        values = np.clip(given, NEVER, ALWAYS).tolist()
        if len(values) == len(self._model.exit_layers) - 1:
            values.append(ALWAYS)
        changed = self.policy
        changed["thresholds"] = values
        if changed.get("criterion") in ("fixed_exit", "time_step"):
            changed["criterion"] = "action_delta"
        self.set_policy(changed)

    def attend(self, static: Picture, gripper: Picture, instruction: str, exit_layer: int) -> Attention:
        """Where the exit after `exit_layer` looks in a frame; pictures as for `step`. Does not change the rollout.

        Raises ValueError or TypeError as `step`, EngineError, also if there is no such exit.
        """
        request = self._messages["AttendRequest"](exit_layer=checked_whole("exit_layer", exit_layer, 0, _MOST_LAYER))
        with self._lock:
            self._observe(request.observation, 0, static, gripper, instruction, None, None)
            reply = self._on_rollout("Attend", request)
        shape = (reply.heads, reply.rows, reply.columns)
        maps = [np.array(view.weights, np.float32).reshape(shape) for view in reply.views]
        areas = [(view.x, view.y, view.width, view.height) for view in reply.views]
        return Attention(maps[0], maps[1], areas[0], areas[1], reply.cross_layer, reply.learnt_share)

    def state(self) -> bytes:
        """The rollout so far, to continue from here with `restore`, on any server of the same model."""
        with self._lock:
            out: bytes = self._state.SerializeToString()
        return out

    def restore(self, state: bytes) -> None:
        """Continues from a `state()`. Raises ValueError if it is none, EngineError if it does not fit the model;
        the rollout is then as it was."""
        try:
            restored = self._messages["RolloutState"].FromString(state)
        except Exception as error:  # protobuf's own class differs between its versions
            raise ValueError("state is not one that Engine.state() returned") from error
        with self._lock:
            before, self._state = self._state, restored
            self._forget_rollout()
            try:
                self._on_rollout(None, None)
            except BaseException:
                self._state = before
                raise

    def close(self) -> None:
        """Ends the rollout. May be called again; raises nothing if the server is gone."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            try:
                if self._rollout:
                    self._invoke("Close", self._messages["CloseRequest"](rollout=self._rollout), 0.5, False)
            except self._grpc.RpcError:
                pass  # the server closes it when it needs the room
            self._channel.close()

    def __enter__(self) -> "Engine":
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], *rest: object) -> None:
        self.close()

    # Messages.

    def _observe(
        self,
        out: Any,
        frame: int,
        static: Picture,
        gripper: Optional[Picture],
        instruction: str,
        robot_obs: Optional[npt.ArrayLike],
        scene_obs: Optional[npt.ArrayLike],
    ) -> None:
        out.frame = frame
        out.instruction = checked_instruction(instruction, MOST_BYTES)
        _put_picture(out.rgb_static, static, "static")
        if gripper is not None:
            _put_picture(out.rgb_gripper, gripper, "gripper")
        for values, count, field, name in (
            (robot_obs, 15, out.robot_obs, "robot_obs"),
            (scene_obs, 24, out.scene_obs, "scene_obs"),
        ):
            if values is not None:
                array = as_numbers(name, values, np.float64)
                if array.shape != (count,):
                    raise ValueError(f"{name} has the shape {list(array.shape)}, expected [{count}]")
                field.extend(array.tolist())
        size = out.ByteSize()
        if size > MOST_BYTES - _REST_BYTES:
            raise ValueError(
                f"the observation has {size} bytes (static {_described(out.rgb_static)}, gripper "
                f"{_described(out.rgb_gripper)}), expected at most {MOST_BYTES - _REST_BYTES}: give smaller pictures, "
                "or the bytes of PNG or JPEG files"
            )

    # Calls.

    def _open_channel(self, is_local: bool, tls_ca: Optional[str]) -> Any:
        address = self._address
        options = [
            ("grpc.max_receive_message_length", MOST_BYTES),
            ("grpc.max_send_message_length", MOST_BYTES),
            ("grpc.enable_http_proxy", 0),
            ("grpc.initial_reconnect_backoff_ms", _WAIT_MS[0]),
            ("grpc.min_reconnect_backoff_ms", _WAIT_MS[0]),
            ("grpc.max_reconnect_backoff_ms", _WAIT_MS[1]),
            ("grpc.use_local_subchannel_pool", 1),
        ]
        if is_local and tls_ca is None:
            return self._grpc.insecure_channel(address, options)
        roots = None
        if tls_ca is not None:
            with open(checked_path("tls_ca", tls_ca), "rb") as file:
                roots = file.read()
        return self._grpc.secure_channel(address, self._grpc.ssl_channel_credentials(roots), options)

    def _invoke(self, method: str, request: Any, timeout_s: float, waits: bool) -> Any:
        call = self._channel.unary_unary(
            f"/{_proto.PACKAGE}.Engine/{method}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=self._messages[method + "Reply"].FromString,
        )
        return call(request, timeout=timeout_s, metadata=self._metadata, wait_for_ready=waits)

    def _call(self, method: str, request: Any, until: Optional[float] = None) -> Any:
        """Waits for the server until then if it is away."""
        timeout_s = self._deadline_s if until is None else max(0.001, until - time.monotonic())
        try:
            return self._invoke(method, request, timeout_s, until is not None)
        except self._grpc.RpcError as error:
            code, text = error.code(), str(error.details() or "")
        codes = self._grpc.StatusCode
        if code == codes.UNAVAILABLE:
            raise ConnectionLost(f"no server answers at {self._address}: {text}")
        if code in (codes.NOT_FOUND, codes.CANCELLED):
            raise ConnectionLost(f"the server at {self._address}: {text}")
        if code == codes.DEADLINE_EXCEEDED:
            if until is not None:
                raise EngineError(f"the connection to the server at {self._address} was lost, and it did not come back")
            self._forget_rollout()  # whether the server took the step is not known
            raise EngineError(f"the server at {self._address} did not answer in time")
        raise EngineError(f"the server at {self._address}: {text}")

    def _open(self) -> None:
        request = self._messages["OpenRequest"](
            protocol=_proto.PROTOCOL, policy=json.dumps(self._policy), state=self._state, replaces=self._replaced
        )
        self._rollout = self._call("Open", request).rollout
        self._replaced = ""

    def _on_rollout(self, method: Optional[str], request: Any) -> Any:
        """Calls, as often as the connection is lost, within the limit."""
        self._refuse_if_closed()
        until = time.monotonic() + self._reconnect_s
        was_lost = False
        while True:
            try:
                if was_lost:
                    self._check_same_model(self._call("Describe", self._messages["DescribeRequest"](), until))
                if not self._rollout:
                    self._open()
                if was_lost:
                    self._reconnects += 1
                    was_lost = False
                if method is None:
                    return None
                request.rollout = self._rollout
                return self._call(method, request)
            except ConnectionLost:
                self._forget_rollout()  # whether the server took the step is not known
                if time.monotonic() >= until:
                    raise
                was_lost = True
            except EngineError:
                raise
            except BaseException:  # interrupted in the middle of a call
                self._forget_rollout()
                raise

    def _forget_rollout(self) -> None:
        if self._rollout:
            self._replaced, self._rollout = self._rollout, ""

    def _check_protocol(self, described: Any) -> None:
        if described.protocol != _proto.PROTOCOL:
            raise EngineError(
                f"the server at {self._address} speaks protocol {described.protocol}, expected {_proto.PROTOCOL}: it is "
                "of another version"
            )

    def _check_same_model(self, described: Any) -> None:
        self._check_protocol(described)
        if to_model(described) != self._model:
            raise EngineError(
                f"the server at {self._address} came back with another model, {described.name}: the rollout cannot be "
                "continued"
            )

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise ValueError("the engine is closed")


def import_grpc() -> Any:
    try:
        import google.protobuf  # noqa: F401
        import grpc
    except ImportError as error:
        raise ImportError(
            f"deerscope.Engine needs grpcio and protobuf ({error}): install python3-grpcio and python3-protobuf, or "
            "pip install 'deerscope[engine]'"
        ) from error
    return grpc


def _put_picture(out: Any, picture: Picture, name: str) -> None:
    if isinstance(picture, (bytes, bytearray)):
        out.data = bytes(picture)
        return
    array = checked_picture(name, picture, also=" or the bytes of a PNG or JPEG file")
    out.height, out.width = array.shape[:2]
    out.data = array.tobytes()


def _described(picture: Any) -> str:
    raw = f"{picture.width} x {picture.height} pixels, " if picture.width else ""
    return f"{raw}{len(picture.data)} bytes"
