# SPDX-License-Identifier: GPL-3.0-or-later
"""deerscope.Engine against the built `deer serve`."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

import deerscope
from deerscope import _proto
from deerscope._png import png

from conftest import SOURCE
from served import MODEL, Served, frames

grpc = pytest.importorskip("grpc")
pytest.importorskip("google.protobuf")

WORDS = "open the drawer"


@pytest.fixture(scope="module")
def server():
    with Served() as served:
        yield served


def same(a, b):
    np.testing.assert_allclose(a.command, b.command, atol=1e-6)
    np.testing.assert_allclose(a.action, b.action, atol=1e-6)
    assert (a.exit_layer, a.reason, a.step) == (b.exit_layer, b.reason, b.step)


def test_a_step(server):
    with deerscope.Engine(server.address) as engine:
        assert engine.model.name == "deer-tiny" and engine.model.exit_layers == (1, 3, 5)
        assert len(engine.model.fingerprint) == 40
        static, gripper = frames(1)[0]
        step = engine.step(static, gripper, WORDS, robot_obs=np.zeros(15), scene_obs=np.zeros(24))
        assert step.step == 0 and step.depth == step.exit_layer + 1
        assert step.command.shape == (7,) and step.command[6] in (-1, 1)
        assert step.exits[-1].feature is None
        assert step.gflops["total"] > step.gflops["llm"] > 0
        assert step.times_ms["server"] >= step.times_ms["vision"] > 0
        probed = engine.step(static, gripper, WORDS, probe=True, features=True)
        assert [one.layer for one in probed.exits] == [1, 3, 5] and probed.step == 1
        assert all(one.feature.shape == (engine.model.d_model,) for one in probed.exits)
        assert probed.previous.layer == 0 and np.isfinite(probed.exits[0].delta)
        assert engine.health().steps >= 2
        engine.reset()
        same(engine.step(static, gripper, WORDS), step)


def test_it_is_deer_run(server, deer, tmp_path):
    """The same pictures, as a dataset for the program and as arrays for the server."""
    made = frames(6)
    exits = [1, 3, 5]
    with deerscope.Recorder(tmp_path / "run.h5", exits, deerscope.DEER_ACTIONS, feature_size=4) as recorder:
        recorder.start_episode(WORDS)
        for static, gripper in made:
            recorder.log(np.zeros((3, 7)), images={"static": static, "gripper": gripper}, state=np.zeros(15))
    lines = deer.run("run", MODEL, tmp_path / "run.frames", "--instruction", WORDS, "--probe").splitlines()
    with deerscope.Engine(server.address) as engine:
        for (static, gripper), line in zip(made, map(json.loads, lines)):
            step = engine.step(static, gripper, WORDS, probe=True)
            np.testing.assert_allclose(step.command, line["command"], atol=1e-6)
            assert (step.exit_layer, step.exit_index, step.reason) == (
                line["exit_layer"],
                line["exit_index"],
                line["reason"],
            )
            for one, there in zip(step.exits, line["exits"]):
                np.testing.assert_allclose(one.action[:6], there["action"], atol=1e-6)
    assert len(lines) == 6


def test_encoded_pictures_are_the_same(server):
    static, gripper = frames(1)[0]
    with deerscope.Engine(server.address) as raw, deerscope.Engine(server.address) as encoded:
        same(raw.step(static, gripper, WORDS), encoded.step(png(static), png(gripper), WORDS))


def test_policies(server):
    with deerscope.Engine(server.address) as engine:
        engine.set_thresholds([deerscope.ALWAYS, 0.1])
        static, gripper = frames(1)[0]
        assert engine.step(static, gripper, WORDS).exit_layer == 1
        engine.set_thresholds([deerscope.NEVER, deerscope.NEVER, deerscope.ALWAYS])
        assert engine.step(static, gripper, WORDS).exit_layer == 5
        engine.set_policy({"criterion": "fixed_exit", "fixed_layer": 3})
        assert engine.step(static, gripper, WORDS).exit_layer == 3
        assert engine.policy["fixed_layer"] == 3
        with pytest.raises(deerscope.EngineError, match="threshold"):
            engine.set_policy({"thresholds": [1]})
        with pytest.raises(deerscope.EngineError, match="fingerprint"):
            engine.set_policy({"criterion": "learned_gate", "gate": {"path": "/etc/passwd"}})
        assert engine.policy["fixed_layer"] == 3


def test_policies_that_are_none(server):
    """Infinity is what `always` and `never` mean, as for `Recorder`; what is no JSON is not sent."""
    with deerscope.Engine(server.address) as engine:
        engine.set_thresholds([-np.inf, np.inf])
        assert engine.policy["thresholds"] == [deerscope.NEVER, deerscope.ALWAYS, deerscope.ALWAYS]
        before = engine.policy
        for wrong in ([np.nan, 1], "x", ["x", 1], [[1, 2]]):
            with pytest.raises((ValueError, TypeError), match="^thresholds is "):
                engine.set_thresholds(wrong)
        for wrong in (5, "x", {"thresholds": [np.inf]}, {"thresholds": np.zeros(3)}):
            with pytest.raises((ValueError, TypeError), match="^policy is .*expected a dict"):
                engine.set_policy(wrong)
        with pytest.raises(deerscope.EngineError, match="0 thresholds given"):  # as the docstring says
            engine.set_policy({})
        engine.set_policy({"criterion": "time_step"})
        engine.set_policy(before)
        assert engine.policy == before


def test_attention(server):
    static, gripper = frames(1)[0]
    with deerscope.Engine(server.address) as engine:
        map_ = engine.attend(static, gripper, WORDS, 5)
        assert map_.static.shape == map_.gripper.shape and map_.static.ndim == 3
        np.testing.assert_allclose(map_.static.sum(axis=(1, 2)) + map_.gripper.sum(axis=(1, 2)), 1, atol=1e-4)
        with pytest.raises(deerscope.EngineError, match="77"):
            engine.attend(static, gripper, WORDS, 77)
        for wrong in ("x", 1.5, 1 << 40):
            with pytest.raises((ValueError, TypeError), match="^exit_layer is .*expected a whole number"):
                engine.attend(static, gripper, WORDS, wrong)


@pytest.mark.parametrize("executions", [1, 3])
def test_a_killed_server(tmp_path, executions):
    """Killed between any two steps, and restarted while the client waits: as if nothing had happened."""
    address = f"unix:{tmp_path}/socket"
    made = frames(9)
    policy = {"criterion": "action_delta", "thresholds": [0.02, 0.05, 1e8], "executions": executions}
    server = Served(address=address)
    try:
        with deerscope.Engine(address) as whole, deerscope.Engine(address) as engine:
            for one in (whole, engine):
                one.set_policy(policy)
            expected = [whole.step(*pictures, WORDS) for pictures in made]
            for i, pictures in enumerate(made):
                if i % 3 == 1:
                    server.stop(signal.SIGKILL)
                    started = []
                    thread = threading.Thread(target=lambda: started.append(Served(address=address)))
                    thread.start()
                    same(engine.step(*pictures, WORDS), expected[i])
                    thread.join()
                    server = started[0]
                else:
                    same(engine.step(*pictures, WORDS), expected[i])
            assert engine.reconnects == 3
    finally:
        server.stop(signal.SIGKILL)


def test_a_server_that_stays_away(tmp_path):
    address = f"unix:{tmp_path}/socket"
    static, gripper = frames(1)[0]
    with Served(address=address) as server:
        engine = deerscope.Engine(address, reconnect_s=0.3)
        impatient = deerscope.Engine(address, reconnect_s=0)
        server.stop(signal.SIGKILL)
        with pytest.raises(deerscope.EngineError, match="did not come back"):
            engine.step(static, gripper, WORDS)
        with pytest.raises(deerscope.EngineError, match="no server answers"):
            impatient.step(static, gripper, WORDS)
        engine.close()
        impatient.close()
        with pytest.raises(ValueError, match="closed"):
            engine.health()
    with pytest.raises(deerscope.EngineError, match="no server answers"):
        deerscope.Engine("127.0.0.1:1")


def test_states_go_elsewhere(server):
    made = frames(4)
    with deerscope.Engine(server.address) as engine, Served() as other, deerscope.Engine(other.address) as there:
        for pictures in made[:3]:
            engine.step(*pictures, WORDS)
        state = engine.state()
        there.restore(state)
        same(engine.step(*made[3], WORDS), there.step(*made[3], WORDS))
        with pytest.raises(deerscope.EngineError, match="numbers"):
            engine.restore(_proto.messages()["RolloutState"](steps=1, state_layers=1, h=[1], c=[1]).SerializeToString())
        with pytest.raises(ValueError, match="Engine.state"):
            engine.restore(b"not a state")
        assert engine.step(*made[0], WORDS).step == 4


def test_the_token(tmp_path):
    token = tmp_path / "token"
    token.write_text("s3cret\n")
    token.chmod(0o600)
    with Served("--token-file", token) as server:
        with pytest.raises(deerscope.EngineError, match="token"):
            deerscope.Engine(server.address)
        with pytest.raises(deerscope.EngineError, match="token"):
            deerscope.Engine(server.address, "s3cret ")
        with deerscope.Engine(server.address, "s3cret") as engine:
            assert engine.health().rollouts == 1
        assert server.stop() == 0


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        (
            dict(static=np.zeros((3, 20, 20), np.uint8)),
            ValueError,
            "static is uint8 [3, 20, 20], expected uint8 [height",
        ),
        (dict(gripper=np.zeros((20, 20, 3))), ValueError, "gripper is float64 [20, 20, 3]"),
        (dict(static=b"GIF89a"), deerscope.EngineError, "rgb_static: found 6 bytes of another kind"),
        (dict(static=np.zeros((1, 5000, 3), np.uint8)), deerscope.EngineError, "5000 x 1"),
        (dict(gripper=None), deerscope.EngineError, "no gripper camera image"),
        (dict(instruction=3), TypeError, "of type int, expected str"),
        (
            dict(static=np.zeros((4000, 4000, 3), np.uint8)),
            ValueError,
            "the observation has 48021",
        ),
        (dict(static=None), ValueError, "static is object [], expected uint8 [height, width, 3]"),
        (dict(probe="no"), TypeError, "probe is 'no', expected True or False"),
        (dict(frame="x"), TypeError, "frame is 'x', expected a whole number"),
        (dict(robot_obs="x"), TypeError, "robot_obs is not an array of numbers"),
        (dict(robot_obs=np.zeros(14)), ValueError, "robot_obs has the shape [14], expected [15]"),
        (dict(scene_obs=np.full(24, np.nan)), deerscope.EngineError, "scene_obs"),
    ],
)
def test_wrong_arguments(server, arguments, error, message):
    static, gripper = frames(1)[0]
    good = dict(static=static, gripper=gripper, instruction=WORDS)
    with deerscope.Engine(server.address) as engine:
        with pytest.raises(error) as caught:
            engine.step(**{**good, **arguments})
        assert message in str(caught.value)
        assert engine.step(**good).step == 0  # the rollout is as it was


def test_addresses():
    for wrong in ("localhost", ":80", "host:port", ""):
        with pytest.raises(ValueError, match="expected HOST:PORT"):
            deerscope.Engine(wrong)
    # Not of this machine: in the clear to nobody.
    with pytest.raises(deerscope.EngineError, match="no server answers|in time"):
        deerscope.Engine("127.0.0.1.example.invalid:1", deadline_s=2)


def test_without_grpcio():
    """The package is there, and says what is missing."""
    code = (
        "import sys; sys.modules['grpc'] = None\n"
        "import deerscope\n"
        "try: deerscope.Engine('127.0.0.1:1')\n"
        "except ImportError as error: print(error)\n"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "deerscope.Engine needs grpcio and protobuf" in out and "python3-grpcio" in out


@pytest.mark.skipif(shutil.which("protoc") is None, reason="no protoc")
def test_the_messages_are_those_of_protoc(tmp_path):
    from google.protobuf import descriptor_pb2

    compiled = tmp_path / "set"
    path = "core/serve/engine.proto"
    subprocess.run(["protoc", f"--proto_path={SOURCE}", f"--descriptor_set_out={compiled}", path], check=True)
    expected = descriptor_pb2.FileDescriptorSet.FromString(compiled.read_bytes()).file[0]
    with open(f"{SOURCE}/{path}", encoding="utf-8") as file:
        found = _proto.describe(file.read(), descriptor_pb2)
    for message in (*expected.message_type, *found.message_type):
        for field in message.field:
            field.ClearField("json_name")
    assert list(found.message_type) == list(expected.message_type)
    assert found.package == expected.package and len(found.message_type) > 10


def test_the_package_can_be_copied(tmp_path):
    """It holds the messages itself, and they are those that the program is built with."""
    package = os.path.dirname(deerscope.__file__)
    shutil.copytree(package, tmp_path / "deerscope", symlinks=True)
    code = "from deerscope import _proto; assert _proto.messages()['StepRequest'](); print(_proto.__file__)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert out.stdout.startswith(str(tmp_path))
    with open(f"{SOURCE}/core/serve/engine.proto", encoding="utf-8") as built:
        assert (tmp_path / "deerscope" / "engine.proto").read_text(encoding="utf-8") == built.read(), (
            "copy core/serve/engine.proto to packaging/python/deerscope"
        )
