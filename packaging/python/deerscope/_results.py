# SPDX-License-Identifier: GPL-3.0-or-later
"""What `deerscope.Engine` returns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, NamedTuple, Optional, Tuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    Floats = npt.NDArray[np.float32]


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


def to_model(described: Any) -> Model:
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


def to_step(reply: Any, features: bool) -> Step:
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
