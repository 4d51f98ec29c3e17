# SPDX-License-Identifier: GPL-3.0-or-later
"""A policy on a server (`deer serve`) in CALVIN's environment and benchmark.

`Policy` is what CALVIN's evaluation calls a custom model. `python -m deerscope.calvin` runs that evaluation with it;
docs/calvin.md has the commands.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any, List, Mapping, Optional, Sequence, Tuple, Type, Union

import numpy as np
import numpy.typing as npt

from ._checks import checked_address, checked_flag
from .actions import DEER_ACTIONS
from .engine import Engine, EngineError, Exit, Step
from .recorder import Recorder

Path = Union[str, "os.PathLike[str]"]


class Policy:
    """CALVIN's `CustomModel`: `reset()` before each task, then `step(obs, goal)` for each of its frames.

    Records each rollout as an episode of a trace, with both pictures, `robot_obs` and `scene_obs`, if `record` is
    given. One thread at a time. Use it in a `with` statement, or call `close()`.
    """

    def __init__(
        self,
        engine: Union[Engine, str] = "127.0.0.1:8477",
        record: Optional[Path] = None,
        *,
        token: Optional[str] = None,
        tls_ca: Optional[str] = None,
        probe: bool = False,
        overwrite: bool = False,
    ) -> None:
        """
        engine: a `deerscope.Engine`, which stays open after `close()`, or the address of one.
        record: path of a trace to write, usually ending in .h5; None: nothing is recorded.
        token, tls_ca: as of `deerscope.Engine`, with an address.
        probe: evaluate every exit of every frame, so that the trace can be replayed with any thresholds. Slower; the
            actions are the same.
        overwrite: replace an existing trace. Otherwise it raises FileExistsError.

        Raises what `deerscope.Engine` and `deerscope.Recorder` raise.
        """
        self._probe = checked_flag("probe", probe)
        checked_flag("overwrite", overwrite)
        self._owns = not isinstance(engine, Engine)
        self._engine = engine if isinstance(engine, Engine) else Engine(engine, token, tls_ca=tls_ca)
        self._recorder: Optional[Recorder] = None
        self._goal: Optional[str] = None
        if record is not None:
            try:
                self._recorder = self._open_recorder(record, overwrite)
            except BaseException:
                self.close()
                raise

    @property
    def engine(self) -> Engine:
        """The rollout on the server."""
        return self._engine

    def reset(self) -> None:
        """A task begins: the policy's history is reset, and what is recorded from now on is a new episode.

        Raises EngineError.
        """
        self._engine.reset()
        self._goal = None

    def step(self, obs: Mapping[str, Any], goal: str) -> npt.NDArray[np.float64]:
        """One frame.

        obs: CALVIN's observation: `rgb_obs` with `rgb_static` [200, 200, 3] and `rgb_gripper` [84, 84, 3], uint8 RGB
            (other sizes are resized by the model); `robot_obs` [15] and `scene_obs` [24] as CALVIN orders them, m and
            rad.
        goal: the instruction, a sentence. Another one than in the frame before resets the history.

        Returns the action as `rel_actions`, [7]: x y z and the turns about them, relative and scaled to [-1, 1], and
        the gripper, exactly +1 (open) or -1 (close).

        Raises KeyError, TypeError or ValueError naming what is missing or wrong in the observation, EngineError, and
        what `deerscope.Recorder.log` raises.
        """
        if not isinstance(goal, str):
            raise TypeError(f"the goal is of type {type(goal).__name__}, expected a sentence (str), not its embedding")
        static, gripper = _pictures(obs)
        robot_obs = None if obs.get("robot_obs") is None else np.asarray(obs["robot_obs"], np.float64)
        scene_obs = None if obs.get("scene_obs") is None else np.asarray(obs["scene_obs"], np.float64)
        step = self._engine.step(
            static,
            gripper,
            goal,
            robot_obs=robot_obs,
            scene_obs=scene_obs,
            probe=self._probe,
            features=self._recorder is not None,
        )
        if self._recorder is not None:
            self._log(step, static, gripper, goal, robot_obs, scene_obs)
        action = step.command.astype(np.float64)
        action[6] = 1.0 if action[6] > 0 else -1.0
        return action

    def close(self) -> None:
        """Closes the trace, and the engine unless it was given. May be called again."""
        if self._recorder is not None:
            self._recorder.close()
        if self._owns:
            self._engine.close()

    def __enter__(self) -> "Policy":
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], *rest: object) -> None:
        self.close()

    def _open_recorder(self, path: Path, overwrite: bool) -> Recorder:
        model = self._engine.model
        policy = self._engine.policy
        thresholds = policy.get("thresholds")
        compares = policy.get("criterion") == "action_delta" and thresholds
        return Recorder(
            path,
            exits=model.exit_layers,
            actions=DEER_ACTIONS,
            layers=model.layers,
            feature_size=model.d_model,
            thresholds=thresholds if compares else None,
            delta_type=policy.get("delta_type", "L2"),
            model_name=model.name,
            family=model.family,
            device=model.device,
            dtype=model.dtype,
            overwrite=overwrite,
        )

    def _log(
        self,
        step: Step,
        static: npt.NDArray[np.uint8],
        gripper: npt.NDArray[np.uint8],
        goal: str,
        robot_obs: Optional[npt.NDArray[np.float64]],
        scene_obs: Optional[npt.NDArray[np.float64]],
    ) -> None:
        assert self._recorder is not None
        if self._goal != goal:
            self._recorder.start_episode(goal)
            self._goal = goal
        exits = self._recorder.exits
        if step.exit_layer not in exits:
            raise ValueError(f"the policy exits after layer {step.exit_layer}, which is not an exit: not recordable")
        by_layer = {one.layer: one for one in step.exits}
        if step.exit_layer not in by_layer:  # a repeated prediction: the network was not called
            by_layer[step.exit_layer] = Exit(step.exit_layer, step.action, np.nan, np.nan, None, False)
        found: List[Optional[Exit]] = [by_layer.get(layer) for layer in exits]
        first = by_layer.get(exits[0])
        previous = step.previous if first is not None else None
        self._recorder.log(
            [None if one is None else one.action for one in found],
            taken=exits.index(step.exit_layer),
            features=[None if one is None else one.feature for one in found],
            deltas=[None if one is None else one.delta for one in found],
            previous_action=None if previous is None else previous.action,
            previous_feature=None if previous is None else previous.feature,
            action=step.action,
            command=step.command,
            images={"static": static, "gripper": gripper},
            state=robot_obs,
            scene=scene_obs,
            times_ms={stage: step.times_ms[stage] for stage in ("preprocess", "vision", "resampler", "llm", "head")},
            prompt_tokens=step.prompt_tokens,
            reason=step.reason,
        )


def _pictures(obs: Mapping[str, Any]) -> Tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    if "rgb_obs" not in obs:
        raise KeyError(f"the observation has {sorted(obs)}, expected rgb_obs")
    cameras = obs["rgb_obs"]
    for name in ("rgb_static", "rgb_gripper"):
        if name not in cameras:
            raise KeyError(f"rgb_obs has {sorted(cameras)}, expected rgb_static and rgb_gripper")
    return np.asarray(cameras["rgb_static"]), np.asarray(cameras["rgb_gripper"])


def _read_token(path: Optional[str]) -> Optional[str]:
    if path is None:
        return None
    with open(path, encoding="ascii") as file:
        return file.readline().strip()


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """`python -m deerscope.calvin`: CALVIN's own evaluation of the policy on a server."""
    parser = argparse.ArgumentParser(
        prog="python -m deerscope.calvin",
        description="Run CALVIN's evaluation (calvin_agent) with the policy of a server (deer serve).",
    )
    parser.add_argument("--dataset_path", required=True, help="the dataset, whose validation/ sets up the environment")
    parser.add_argument("--engine", default="127.0.0.1:8477", help="address of deer serve (default: %(default)s)")
    parser.add_argument("--token-file", help="file whose first line is the server's token")
    parser.add_argument("--tls-ca", help="certificates (PEM) that vouch for the server")
    parser.add_argument("--record", help="trace to write, with every rollout as an episode")
    parser.add_argument("--probe", action="store_true", help="evaluate every exit, for replays with any thresholds")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing trace")
    parser.add_argument("--sequences", type=int, help="chains of five tasks (default: CALVIN's 1000)")
    parser.add_argument("--eval_log_dir", help="where CALVIN writes its results")
    parser.add_argument("--debug", action="store_true", help="CALVIN's camera view and messages")
    given = parser.parse_args(arguments)
    try:
        checked_address(given.engine)
    except ValueError as error:
        parser.error(f"--engine: {error}")
    try:
        from calvin_agent.evaluation import evaluate_policy as evaluation
    except ImportError as error:
        print(f"deerscope.calvin: CALVIN is not installed for this Python ({error})", file=sys.stderr)
        return 1
    if given.sequences is not None:
        evaluation.NUM_SEQUENCES = given.sequences
    # As CALVIN's own main() does.
    seed = getattr(evaluation, "seed_everything", None)
    if seed is not None:
        seed(0, workers=True)
    try:
        with Policy(
            given.engine,
            given.record,
            token=_read_token(given.token_file),
            tls_ca=given.tls_ca,
            probe=given.probe,
            overwrite=given.overwrite,
        ) as policy:
            environment = evaluation.make_env(given.dataset_path)
            evaluation.evaluate_policy(policy, environment, epoch=0, eval_log_dir=given.eval_log_dir, debug=given.debug)
    except (EngineError, OSError, ImportError) as error:
        print(f"deerscope.calvin: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
