# SPDX-License-Identifier: GPL-3.0-or-later
"""A policy on a server: clients of `deer serve`."""

from __future__ import annotations

import ipaddress
import json
import threading
import time
from typing import TYPE_CHECKING, Any, Dict, Mapping, NamedTuple, Optional, Sequence, Tuple, Type, Union

import numpy as np
import numpy.typing as npt

from . import _proto
from ._rows import ALWAYS

if TYPE_CHECKING:
    Floats = npt.NDArray[np.float32]
Picture = Union[npt.ArrayLike, bytes]

_MOST_BYTES = 32 << 20
_WAIT_MS = (100, 1000)  # between attempts to connect: the first, the longest


class EngineError(Exception):
    """The server refused a call, failed, or cannot be reached. One line that says why."""


class ConnectionLost(EngineError):
    """The server cannot be reached, or knows the rollout no more, and `reconnect_s` have passed."""


class Model(NamedTuple):
    """The model on the server."""

    name: str
    family: str
    """For example "MPT-1b"."""
    note: str
    fingerprint: str
    """Of its files, 40 hexadecimal digits; empty if the server does not say."""
    exit_layers: Tuple[int, ...]
    """Zero-based decoder layers after which the exits sit, shallow to deep."""
    layers: int
    """Decoder layers in memory."""
    d_model: int
    """Numbers in a feature."""
    image_size: int
    """Pixels, square, to which pictures are resized."""
    parameters: int
    device: str
    dtype: str


class Health(NamedTuple):
    """How the server is."""

    version: str
    uptime_s: float
    rollouts: int
    """Open ones."""
    rollouts_most: int
    steps: int
    """Run since it started."""
    waiting: int
    """Calls that wait for the model."""


class Exit(NamedTuple):
    """What an evaluated exit said."""

    layer: int
    """Zero-based decoder layer after which it sits."""
    action: Floats
    """[7]: x y z and the turns about them, relative and scaled as CALVIN's rel_actions; the gripper's probability of
    opening."""
    delta: float
    """The criterion's value against the exit before; NaN if there is none."""
    threshold: float
    """NaN if there is none."""
    feature: Optional[Floats]
    """Pooled hidden state, [d_model]; None unless asked for."""
    by_policy: bool
    """False: evaluated only because of `probe`."""


class Step(NamedTuple):
    """One step of the policy."""

    command: Floats
    """[7], for the robot: the arm as in `Exit.action`, the gripper exactly +1 (open) or -1 (close)."""
    action: Floats
    """[7], as in `Exit.action`."""
    exit_layer: int
    """Zero-based decoder layer at which the frame exited."""
    exit_index: int
    """Its index among the exits, from 0; -1 for a layer that is not an exit."""
    reason: str
    """"within_threshold", "deepest_allowed", "held", "scheduled", "fixed", "forced" or "repeated"."""
    step: int
    """Executed steps since the rollout was reset."""
    exits: Tuple[Exit, ...]
    """Evaluated exits, shallow to deep."""
    previous: Optional[Exit]
    """The layer below the first exit, with which that one is compared."""
    prompt_tokens: int
    gflops: Dict[str, float]
    """Billions of multiply-adds: "vision", "resampler", "llm", "head", "gate" and "total"."""
    times_ms: Dict[str, float]
    """Milliseconds: "preprocess", "vision", "resampler", "llm", "head"; "waited" for other clients; "server", all of
    it."""

    @property
    def depth(self) -> int:
        """Layers run."""
        return self.exit_layer + 1


class Attention(NamedTuple):
    """Where an exit looked in a frame."""

    static: Floats
    """[heads, rows, columns], rows from the top. For each head the weights of both cameras add up to 1."""
    gripper: Floats
    """The same."""
    static_area: Tuple[float, float, float, float]
    """x, y, width and height of what the patches cover, in the picture's pixels."""
    gripper_area: Tuple[float, float, float, float]
    cross_layer: int
    """Decoder layer after the cross-attention."""
    learnt_share: float
    """Share of attention on the latents' own values, which is in neither."""


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
        address: "HOST:PORT", "[IPV6]:PORT" or "unix:PATH". Addresses that are not of this machine are reached by TLS.
        token: the server's.
        tls_ca: path of certificates (PEM) that vouch for the server; by default the system's.
        deadline_s: seconds that the server has for an answer.
        reconnect_s: seconds for which a lost connection is tried again; 0: not at all.

        Raises ImportError without grpcio or protobuf, EngineError if no server answers or it is of another version.
        """
        self._grpc = _import_grpc()
        self._messages = _proto.messages()
        self._address = address
        self._metadata = [] if token is None else [("authorization", f"Bearer {token}")]
        self._deadline_s = float(deadline_s)
        self._reconnect_s = float(reconnect_s)
        self._channel = self._open_channel(address, tls_ca)
        self._lock = threading.RLock()
        self._state = self._messages["RolloutState"]()
        self._rollout = ""
        self._replaced = ""
        self._reconnects = 0
        self._closed = False
        try:
            described = self._call("Describe", self._messages["DescribeRequest"]())
            self._check_protocol(described)
            self._model = _model(described)
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
        """A copy of the policy that decides where frames exit, as JSON; see docs/serve.md."""
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

        static, gripper: RGB, uint8 [height, width, 3], at most 4096 pixels each, or the bytes of a PNG or JPEG file.
            The published models need both.
        robot_obs, scene_obs: CALVIN's, [15] and [24]; DeeR's models do not look at them.
        probe: evaluate every exit; the policy decides all the same.
        features: return the pooled hidden states of the evaluated exits.
        frame: index in its episode, for forced exits; by default the number of the step.

        Raises ValueError or TypeError for unusable arguments, EngineError if the call fails; the rollout is then as it
        was.
        """
        request = self._messages["StepRequest"](probe=probe, features=features, state=True)
        with self._lock:
            number = self._state.steps if frame is None else int(frame)
            self._observe(request.observation, number, static, gripper, instruction, robot_obs, scene_obs)
            reply = self._on_rollout("Step", request)
            self._state = reply.state
        return _step(reply, features)

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
        """Uses a policy from the next step on: JSON as `policy` gives it; fields left out have their defaults.

        Raises EngineError, keeping the previous one, if it does not fit the model.
        """
        request = self._messages["SetPolicyRequest"](policy=json.dumps(dict(policy)))
        with self._lock:
            self._policy = json.loads(self._on_rollout("SetPolicy", request).policy)

    def set_thresholds(self, thresholds: Sequence[float]) -> None:
        """Thresholds of the exits, shallow to deep, for the present policy: one per exit, or all but the deepest.
        `deerscope.ALWAYS` and `deerscope.NEVER` are allowed. Raises EngineError."""
        values = [float(one) for one in thresholds]
        if len(values) == len(self._model.exit_layers) - 1:
            values.append(ALWAYS)
        changed = self.policy
        changed["thresholds"] = values
        if changed.get("criterion") in ("fixed_exit", "time_step"):
            changed["criterion"] = "action_delta"
        self.set_policy(changed)

    def attend(self, static: Picture, gripper: Picture, instruction: str, exit_layer: int) -> Attention:
        """Where the exit after `exit_layer` looks in a frame; pictures as for `step`. Does not change the rollout.

        Raises EngineError, also if there is no such exit.
        """
        request = self._messages["AttendRequest"](exit_layer=exit_layer)
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
        if not isinstance(instruction, str):
            raise TypeError(f"the instruction is of type {type(instruction).__name__}, expected str")
        out.frame = frame
        out.instruction = instruction
        _put_picture(out.rgb_static, static, "static")
        if gripper is not None:
            _put_picture(out.rgb_gripper, gripper, "gripper")
        for values, count, field, name in (
            (robot_obs, 15, out.robot_obs, "robot_obs"),
            (scene_obs, 24, out.scene_obs, "scene_obs"),
        ):
            if values is not None:
                array = np.asarray(values, np.float64)
                if array.shape != (count,):
                    raise ValueError(f"{name} has the shape {list(array.shape)}, expected [{count}]")
                field.extend(array.tolist())

    # Calls.

    def _open_channel(self, address: str, tls_ca: Optional[str]) -> Any:
        options = [
            ("grpc.max_receive_message_length", _MOST_BYTES),
            ("grpc.max_send_message_length", _MOST_BYTES),
            ("grpc.enable_http_proxy", 0),
            ("grpc.initial_reconnect_backoff_ms", _WAIT_MS[0]),
            ("grpc.min_reconnect_backoff_ms", _WAIT_MS[0]),
            ("grpc.max_reconnect_backoff_ms", _WAIT_MS[1]),
            ("grpc.use_local_subchannel_pool", 1),
        ]
        if _is_local(address) and tls_ca is None:
            return self._grpc.insecure_channel(address, options)
        roots = None
        if tls_ca is not None:
            with open(tls_ca, "rb") as file:
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
        if _model(described) != self._model:
            raise EngineError(
                f"the server at {self._address} came back with another model, {described.name}: the rollout cannot be "
                "continued"
            )

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise ValueError("the engine is closed")


def _import_grpc() -> Any:
    try:
        import google.protobuf  # noqa: F401
        import grpc
    except ImportError as error:
        raise ImportError(
            f"deerscope.Engine needs grpcio and protobuf ({error}): install python3-grpcio and python3-protobuf, or "
            "pip install 'deerscope[engine]'"
        ) from error
    return grpc


def _is_local(address: str) -> bool:
    if address.startswith("unix:"):
        return True
    host, separator, port = address.rpartition(":")
    if not separator or not host or not port.isdigit():
        raise ValueError(f"address is {address!r}, expected HOST:PORT, [IPV6]:PORT or unix:PATH")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _put_picture(out: Any, picture: Picture, name: str) -> None:
    if isinstance(picture, (bytes, bytearray)):
        out.data = bytes(picture)
        return
    array = np.asarray(picture)
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or 0 in array.shape:
        raise ValueError(
            f"{name} is {array.dtype} {list(array.shape)}, expected uint8 [height, width, 3] or the bytes of a PNG or "
            "JPEG file"
        )
    out.height, out.width = array.shape[:2]
    out.data = array.tobytes()


def _model(described: Any) -> Model:
    return Model(
        described.name,
        described.family,
        described.note,
        described.fingerprint,
        tuple(described.exit_layers),
        described.layers,
        described.d_model,
        described.image_size,
        described.parameters,
        described.device,
        described.dtype,
    )


def _exit(message: Any, features: bool) -> Exit:
    return Exit(
        message.layer,
        np.array(message.action, np.float32),
        message.delta,
        message.threshold,
        np.array(message.feature, np.float32) if features else None,
        message.evaluated_by_policy,
    )


def _step(reply: Any, features: bool) -> Step:
    gflops: Dict[str, float] = {}
    times: Dict[str, float] = {}
    for message, into in ((reply.gflops, gflops), (reply.times_ms, times)):
        for field in message.DESCRIPTOR.fields:
            into[field.name] = getattr(message, field.name)
    return Step(
        np.array(reply.command, np.float32),
        np.array(reply.action, np.float32),
        reply.exit_layer,
        reply.exit_index,
        reply.reason,
        reply.step,
        tuple(_exit(one, features) for one in reply.exits),
        _exit(reply.predecessor, features) if reply.HasField("predecessor") else None,
        reply.prompt_tokens,
        gflops,
        times,
    )
