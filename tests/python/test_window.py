# SPDX-License-Identifier: GPL-3.0-or-later
"""deerscope.connect against a stand-in for the window, which takes the same messages."""

import queue
import threading
from concurrent import futures

import numpy as np
import pytest

import deerscope
from deerscope import _proto

from conftest import EXITS, TWO_ARMS, converging, picture
from served import Served

grpc = pytest.importorskip("grpc")
pytest.importorskip("google.protobuf")


class Window:
    """Takes runs as `deerscope --listen` does. `requests`: what came, in order."""

    def __init__(self):
        self._messages = _proto.messages()
        self.requests = queue.Queue()
        self.open = threading.Event()
        self.open.set()
        self.refuse = None
        self.code = grpc.StatusCode.ABORTED
        show = grpc.stream_unary_rpc_method_handler(
            self._show,
            request_deserializer=self._messages["ShowRequest"].FromString,
            response_serializer=lambda message: message.SerializeToString(),
        )
        self._server = grpc.server(futures.ThreadPoolExecutor(4))
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("deerscope.v1.Window", {"Show": show}),)
        )
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def _show(self, requests, context):
        reply = self._messages["ShowReply"]()
        for request in requests:
            self.open.wait(30)
            if self.refuse is not None:
                context.abort(self.code, self.refuse)
            self.requests.put(request)
            reply.frames += request.HasField("frame")
        return reply

    def take(self, count):
        return [self.requests.get(timeout=30) for _ in range(count)]

    def close(self):
        self.open.set()
        self._server.stop(0).wait()


@pytest.fixture
def window():
    out = Window()
    yield out
    out.close()


def test_frames_arrive(window, random):
    features = random.normal(size=(10, 5)).astype(np.float32)
    static, gripper = picture(random), picture(random, 20, 30)
    actions = [converging(random) for _ in range(3)]
    with deerscope.connect(
        window.address, EXITS, TWO_ARMS, feature_size=5, thresholds=[0.2] * 9, model_name="mine", device="cuda"
    ) as recorder:
        recorder.start_episode("fold the towel")
        logged = [
            recorder.log(
                list(one[1:]),
                previous_action=one[0],
                features=list(features),
                images={"static": static, "gripper": gripper},
                state=np.arange(15.0),
                scene=np.arange(24.0),
                recorded_action=one[-1][0],
                times_ms={"llm": 2.5},
                prompt_tokens=7,
            )
            for one in actions
        ]
        recorder.start_episode("and again")
        recorder.log([None, actions[0][2]] + [None] * 8, taken=1, reason="fixed")
        assert (recorder.frames, recorder.dropped, recorder.connected) == (4, 0, True)
    described, *frames = window.take(5)
    run = described.run
    assert (run.name, run.device, run.protocol, list(run.exit_layers)) == ("mine", "cuda", 1, EXITS)
    assert (run.layers, run.d_model, run.action_steps, len(run.dimensions)) == (20, 5, 8, 14)
    for i, (request, one, decided) in enumerate(zip(frames, actions, logged)):
        seen, result = request.frame.observation, request.frame.result
        assert request.frame.starts_episode == (i == 0) and decided.frame == i
        assert (seen.frame, seen.instruction) == (i, "fold the towel")
        assert (seen.rgb_static.height, seen.rgb_static.width) == static.shape[:2]
        assert seen.rgb_static.data == static.tobytes() and seen.rgb_gripper.data == gripper.tobytes()
        assert list(seen.robot_obs) == list(range(15)) and list(seen.scene_obs) == list(range(24))
        assert (result.exit_index, result.exit_layer) == (decided.exit_index, decided.exit_layer)
        np.testing.assert_array_equal(np.array(result.action, np.float32), decided.action.reshape(-1))
        assert [probe.layer for probe in result.exits] == EXITS and result.probe
        for j, probe in enumerate(result.exits):
            np.testing.assert_array_equal(np.array(probe.action, np.float32), one[j + 1].reshape(-1))
            np.testing.assert_array_equal(np.array(probe.feature, np.float32), features[j])
            assert probe.delta == pytest.approx(float(decided.deltas[j]))
            assert probe.evaluated_by_policy == (j <= decided.exit_index)
        assert result.predecessor.layer == 0 and len(result.predecessor.action) == 14 * 8
        np.testing.assert_allclose(request.frame.recorded_action, one[-1][0])
        assert result.times_ms.llm == 2.5 and result.prompt_tokens == 7
    last = frames[3].frame
    assert last.starts_episode and last.observation.instruction == "and again"
    assert [probe.layer for probe in last.result.exits] == [3] and last.result.reason == "fixed"
    assert not last.observation.HasField("rgb_static") and not last.recorded_action


def test_deer_s_own_actions(window, random):
    with deerscope.connect(window.address, [1, 3], deerscope.DEER_ACTIONS, feature_size=4) as recorder:
        recorder.start_episode()
        action = np.append(random.normal(size=6), 0.75).astype(np.float32)
        recorder.log([action, action])
    run, frame = window.take(2)
    assert not run.run.dimensions
    np.testing.assert_array_equal(np.array(frame.frame.result.action, np.float32), action)
    assert frame.frame.result.command[6] == 1
    assert frame.frame.result.gripper_logit == pytest.approx(np.log(3), abs=1e-5)


def test_a_busy_window_does_not_stop_the_robot(window, random):
    big = picture(random, 1000, 1000)
    actions = list(converging(random)[1:])
    with deerscope.connect(window.address, EXITS, TWO_ARMS) as recorder:
        recorder.start_episode()
        window.open.clear()
        for _ in range(150):
            recorder.log(actions, images=big)
        assert recorder.frames == 150 and 0 < recorder.dropped < 150
        window.open.set()
    assert window.requests.qsize() == 151 - recorder.dropped


def test_a_closed_window(window, random):
    actions = list(converging(random)[1:])
    with deerscope.connect(window.address, EXITS, TWO_ARMS) as recorder:
        recorder.start_episode()
        window.refuse = "the window closed the run"
        with pytest.warns(deerscope.WindowClosed, match="the window closed the run"):
            while recorder.connected:
                recorder.log(actions)
        before = recorder.dropped
        assert recorder.log(actions).exit_index == 9  # goes on all the same
        assert recorder.dropped == before + 1
    with pytest.raises(ValueError, match="closed"):
        recorder.log(actions)


@pytest.mark.parametrize(
    "code, text, message",
    [
        ("RESOURCE_EXHAUSTED", "the window shows the run of another program", "shows the run of another program"),
        ("UNIMPLEMENTED", "", "is no window that waits for runs (deerscope --listen)"),
        ("ABORTED", "", "the window ended the run (ABORTED)"),
    ],
)
def test_a_window_that_refuses(window, recwarn, code, text, message):
    window.refuse, window.code = text, getattr(grpc.StatusCode, code)
    with pytest.raises(deerscope.EngineError) as raised:
        deerscope.connect(window.address, EXITS, TWO_ARMS)
    assert window.address in str(raised.value) and message in str(raised.value)
    assert not [one for one in recwarn if one.category is deerscope.WindowClosed]


def test_a_server_is_no_window():
    with Served() as served:
        with pytest.raises(deerscope.EngineError, match="is no window that waits for runs"):
            deerscope.connect(served.address, EXITS, TWO_ARMS)


def test_a_frame_that_no_window_takes(window, random):
    big = np.zeros((4000, 4000, 3), np.uint8)
    with deerscope.connect(window.address, [1], 1, model_name="broken \ud800 text") as recorder:
        with pytest.raises(ValueError, match="the instruction has 5000 bytes, expected at most 4096"):
            recorder.start_episode("x" * 5000)
        recorder.start_episode("broken \ud800 text")
        with pytest.raises(ValueError, match="48000... bytes, expected at most 33554432"):
            recorder.log([[0.0]], images=big)
        assert recorder.log([[0.0]], images=big[:8, :8]).frame == 0
    run, frame = window.take(2)
    assert run.run.name == frame.frame.observation.instruction == "broken ? text"


def test_wrong_arguments(window, random):
    with pytest.raises(deerscope.EngineError, match="no window answers at 127.0.0.1:1: start one with deerscope"):
        deerscope.connect("127.0.0.1:1", EXITS, TWO_ARMS, connect_s=0.5)
    with pytest.raises(ValueError, match="expected one of this machine"):
        deerscope.connect("192.0.2.1:80", EXITS, TWO_ARMS)
    with pytest.raises(ValueError, match="first exit is after layer 0"):
        deerscope.connect(window.address, [0, 1], TWO_ARMS)
    with deerscope.connect(window.address, EXITS, TWO_ARMS) as recorder:
        with pytest.raises(ValueError, match="no episode has been started"):
            recorder.log(list(converging(random)[1:]))
        recorder.start_episode()
        with pytest.raises(ValueError, match="actions has 3 entries"):
            recorder.log([None] * 3)
        with pytest.raises(TypeError, match="no argument 'pictures'"):
            recorder.log(list(converging(random)[1:]), pictures=1)
        assert recorder.frames == 0
