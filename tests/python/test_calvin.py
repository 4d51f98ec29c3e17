# SPDX-License-Identifier: GPL-3.0-or-later
"""deerscope.calvin against the built `deer serve`, in a stand-in for CALVIN with its interface: what the environment
gives, what it takes, and how `evaluate_policy` calls a custom model."""

import signal
import sys
import types

import numpy as np
import pytest

import deerscope
import deerscope.calvin

from served import Served, frames

pytest.importorskip("grpc")
pytest.importorskip("google.protobuf")

CHAINS = [["open_drawer", "push_button"], ["open_drawer"]]
SENTENCES = {"open_drawer": ["pull the handle"], "push_button": ["press the button"]}
EPISODE_STEPS = 4


class PlayTable:
    """Steps as PlayTableSimEnv does, with noise for pictures."""

    def __init__(self):
        self._random = np.random.default_rng(5)
        self._pictures = frames(40, seed=11)
        self.actions = []
        self.observations = []

    def reset(self, robot_obs=None, scene_obs=None):
        return self.get_obs()

    def get_obs(self):
        static, gripper = self._pictures[len(self.actions) % len(self._pictures)]
        return {
            "rgb_obs": {"rgb_static": static, "rgb_gripper": gripper},
            "depth_obs": {"depth_static": np.zeros((200, 200), np.float32)},
            "robot_obs": self._random.normal(size=15),
            "scene_obs": self._random.normal(size=24),
        }

    def get_info(self):
        return {}

    def step(self, action):
        # The environment takes no other gripper.
        assert action.shape == (7,) and action[6] in (-1.0, 1.0)
        assert np.abs(action[:6]).max() <= 1
        self.actions.append(action)
        return self.get_obs(), 0, False, {}


def evaluate_policy(model, env, epoch, eval_log_dir=None, debug=False, create_plan_tsne=False):
    """The order of calls of CALVIN's function of this name."""
    assert epoch == 0
    for chain in CHAINS[: stand_in().NUM_SEQUENCES]:
        env.reset(robot_obs=np.zeros(15), scene_obs=np.zeros(24))
        for subtask in chain:
            obs = env.get_obs()
            sentence = SENTENCES[subtask][0]
            model.reset()
            for _ in range(EPISODE_STEPS):
                env.observations.append(obs)
                action = model.step(obs, sentence)
                obs, _, _, _ = env.step(action)


def stand_in():
    return sys.modules["calvin_agent.evaluation.evaluate_policy"]


@pytest.fixture
def calvin(monkeypatch):
    """CALVIN, as `import` finds it."""
    evaluation = types.ModuleType("calvin_agent.evaluation.evaluate_policy")
    evaluation.NUM_SEQUENCES = 1000
    evaluation.environments = []
    evaluation.seeds = []
    evaluation.seed_everything = lambda seed, workers: evaluation.seeds.append(seed)
    evaluation.evaluate_policy = evaluate_policy

    def make_env(dataset_path):
        evaluation.dataset_path = dataset_path
        evaluation.environments.append(PlayTable())
        return evaluation.environments[-1]

    evaluation.make_env = make_env
    package = types.ModuleType("calvin_agent")
    folder = types.ModuleType("calvin_agent.evaluation")
    package.evaluation = folder
    folder.evaluate_policy = evaluation
    for module in (package, folder, evaluation):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    return evaluation


@pytest.fixture(scope="module")
def server():
    with Served("--thresholds", "0.08,0.1,always") as served:
        yield served


@pytest.mark.parametrize("probe", [False, True])
def test_the_evaluation_is_recorded(calvin, server, deer, tmp_path, probe):
    path = tmp_path / "rollouts.h5"
    options = ["--probe"] if probe else []
    done = deerscope.calvin.main(
        ["--dataset_path", "task_D_D", "--engine", server.address, "--record", str(path), *options]
    )
    assert done == 0 and calvin.dataset_path == "task_D_D" and calvin.seeds == [0]
    env = calvin.environments[0]
    assert len(env.actions) == 12

    info = deer.info(path)
    assert (info["frames"], info["episodes"], info["exit_layers"]) == (12, 3, [1, 3, 5])
    trace = deerscope.read(path)
    assert trace.instruction[0] == "pull the handle" and trace.instruction[4] == "press the button"
    assert bool(trace.evaluated.all()) == probe and len(set(trace.exit_index)) > 1
    for i in range(12):
        seen = trace.observation(i)
        np.testing.assert_array_equal(seen["rgb_static"], env.observations[i]["rgb_obs"]["rgb_static"])
        np.testing.assert_array_equal(seen["rgb_gripper"], env.observations[i]["rgb_obs"]["rgb_gripper"])
        np.testing.assert_array_equal(seen["robot_obs"], env.observations[i]["robot_obs"])
        np.testing.assert_array_equal(seen["scene_obs"], env.observations[i]["scene_obs"])
    lines = deer.lines(path)
    np.testing.assert_allclose([line["command"] for line in lines], env.actions, atol=1e-6)


def test_a_task_starts_again(server):
    """The history of one task must not reach the next one, even under the same sentence."""
    env = PlayTable()
    obs = [env.get_obs() for _ in range(2)]
    with deerscope.calvin.Policy(server.address) as policy:
        first = [policy.step(one, "pull the handle") for one in obs]
        continued = policy.step(obs[0], "pull the handle")
        policy.reset()
        again = [policy.step(one, "pull the handle") for one in obs]
    np.testing.assert_array_equal(first, again)
    assert first[0].dtype == np.float64
    assert np.abs(continued - first[0]).max() > 0


def test_it_is_the_engine(server):
    obs = PlayTable().get_obs()
    with deerscope.Engine(server.address) as engine, deerscope.calvin.Policy(server.address) as policy:
        pictures = obs["rgb_obs"]["rgb_static"], obs["rgb_obs"]["rgb_gripper"]
        for _ in range(3):
            step = engine.step(*pictures, "press the button")
            np.testing.assert_allclose(policy.step(obs, "press the button"), step.command, atol=1e-6)
        policy.close()
        with deerscope.calvin.Policy(engine) as shared:
            shared.step(obs, "press the button")
        assert engine.health().rollouts >= 1  # a given engine stays open


def test_repeated_predictions_are_recorded(calvin, deer, tmp_path):
    path = tmp_path / "rollouts.h5"
    with Served("--executions", "3") as server:
        done = deerscope.calvin.main(
            ["--dataset_path", "x", "--engine", server.address, "--record", str(path), "--sequences", "1"]
        )
    assert done == 0
    lines = deer.lines(path)
    assert [line["reason"] == "repeated" for line in lines] == [False, True, True, False] * 2
    np.testing.assert_allclose([line["command"] for line in lines], calvin.environments[0].actions, atol=1e-6)


def test_a_server_killed_in_the_middle(tmp_path):
    env = PlayTable()
    observations = [env.get_obs() for _ in range(6)]
    address = f"unix:{tmp_path}/socket"
    server = Served(address=address)
    try:
        with deerscope.calvin.Policy(address, tmp_path / "run.h5") as policy:
            whole = [policy.step(obs, "pull the handle") for obs in observations]
            policy.reset()
            for i, obs in enumerate(observations):
                if i == 3:
                    server.stop(signal.SIGKILL)
                    server = Served(address=address)
                np.testing.assert_array_equal(policy.step(obs, "pull the handle"), whole[i])
        assert len(deerscope.read(tmp_path / "run.h5")) == 12
    finally:
        server.stop(signal.SIGKILL)


def test_wrong_observations(server, tmp_path):
    good = PlayTable().get_obs()
    with deerscope.calvin.Policy(server.address) as policy:
        with pytest.raises(KeyError, match="expected rgb_obs"):
            policy.step({"robot_obs": np.zeros(15)}, "x")
        with pytest.raises(KeyError, match="expected rgb_static and rgb_gripper"):
            policy.step({"rgb_obs": {"rgb_static": good["rgb_obs"]["rgb_static"]}}, "x")
        with pytest.raises(ValueError, match=r"robot_obs has the shape \[3\], expected \[15\]"):
            policy.step({**good, "robot_obs": np.zeros(3)}, "x")
        with pytest.raises(TypeError, match="expected a sentence"):
            policy.step(good, {"lang": np.zeros(384)})
    (tmp_path / "run.h5").write_text("mine")
    with pytest.raises(FileExistsError):
        deerscope.calvin.Policy(server.address, tmp_path / "run.h5")
    assert (tmp_path / "run.h5").read_text() == "mine"


def test_what_is_missing_is_said(capsys, monkeypatch, calvin):
    assert deerscope.calvin.main(["--dataset_path", "x", "--engine", "127.0.0.1:1"]) == 1
    assert "no server answers at 127.0.0.1:1" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "calvin_agent.evaluation", None)
    assert deerscope.calvin.main(["--dataset_path", "x"]) == 1
    assert "CALVIN is not installed" in capsys.readouterr().err
