# SPDX-License-Identifier: GPL-3.0-or-later
"""Arguments of the wrong kind are refused by name, before anything is written or sent."""

import re

import numpy as np
import pytest

import deerscope
import deerscope.calvin
from deerscope import _checks

from conftest import EXITS, TWO_ARMS

GOOD = np.zeros((10, 8, 14), np.float32)
NAN, INF = float("nan"), float("inf")


def refused(message):
    return pytest.raises((ValueError, TypeError), match=re.escape(message))


@pytest.mark.parametrize(
    "arguments, message",
    [
        (dict(taken="x"), "taken is 'x', expected the index of an evaluated exit"),
        (dict(taken=NAN), "taken is nan, expected the index of an evaluated exit"),
        (dict(taken=1.5), "taken is 1.5, expected the index"),
        (dict(prompt_tokens="x"), "prompt_tokens is 'x', expected a whole number from 0"),
        (dict(prompt_tokens=NAN), "prompt_tokens is nan, expected a whole number from 0"),
        (dict(prompt_tokens=10**9), "prompt_tokens is 1000000000, expected a whole number from 0 to 1048576"),
        (dict(thresholds="x"), "thresholds is not an array of numbers"),
        (dict(thresholds=["0.1"] * 9), "thresholds is not an array of numbers"),
        (dict(deltas=["0.1"] * 10), "deltas[0] is '0.1', expected a number from 0, or NaN or None"),
        (dict(deltas=[-1.0] * 10), "deltas[0] is -1, expected a number from 0"),
        (dict(deltas=[None, INF] + [0.1] * 8), "deltas[1] is inf, expected a number from 0"),
        (dict(deltas=[1e39] * 10), "deltas[0] is 1e+39, expected a number from 0"),
        (dict(features=["x"] * 10), "features[0] is not an array of numbers"),
        (dict(features=np.full((10, 32), NAN)), "features[0] holds NaN or infinity, expected finite numbers"),
        (dict(features=np.full((10, 32), INF)), "features[0] holds NaN or infinity, expected finite numbers"),
        (dict(features=np.full((10, 32), 1e39)), "features[0] holds 1e+39, expected numbers from -3.40282e+38 to"),
        (dict(actions=GOOD.astype(np.float64) + 1e39), "actions[0] holds 1e+39, expected numbers from -3.40282e+38 to"),
        (dict(actions=np.zeros((10, 8, 14), complex)), "actions[0] is not an array of numbers"),
        (dict(state="x"), "state is not an array of numbers"),
        (dict(scene=["x"] * 24), "scene is not an array of numbers"),
        (dict(recorded_action="x"), "recorded_action is not an array of numbers"),
        (dict(images=[[1, 2], [3]]), "images['static'] is"),
        (dict(images={"static": np.zeros((2, 2, 3), np.uint8), 1: None}), "images has the camera 1, expected a name"),
        (dict(times_ms=5), "times_ms is 5, expected a dict of milliseconds by stage"),
        (dict(times_ms={"llm": None}), "times_ms['llm'] is None, expected milliseconds from 0"),
        (dict(times_ms={"llm": NAN}), "times_ms['llm'] is nan, expected milliseconds from 0"),
        (dict(reason=5), "reason is 5, expected one of within_threshold"),
    ],
)
@pytest.mark.filterwarnings("ignore:Creating an ndarray from ragged")
def test_log(tmp_path, arguments, message):
    path = tmp_path / "run.h5"
    with deerscope.Recorder(path, EXITS, TWO_ARMS, feature_size=32) as recorder:
        recorder.start_episode()
        with refused(message):
            recorder.log(**{"actions": GOOD, **arguments})
        assert recorder.frames == 0


RUN = [
    (dict(exits=["a"]), "exits[0] is 'a', expected a whole number from 0 to 65535"),
    (dict(exits=[1.5, 3]), "exits[0] is 1.5, expected a whole number"),
    (dict(exits=[1, 2, 10**10]), "exits[2] is 10000000000, expected a whole number from 0 to 65535"),
    (dict(exits=None), "exits is None, expected the zero-based layers"),
    (dict(layers="x"), "layers is 'x', expected a whole number from 1 to 65536"),
    (dict(layers=10**12), "layers is 1000000000000, expected a whole number from 1 to 65536"),
    (dict(layers=65537), "layers is 65537, expected a whole number from 1 to 65536"),
    (dict(feature_size="x"), "feature_size is 'x', expected a whole number from 0 to 65536"),
    (dict(feature_size=None), "feature_size is None, expected a whole number"),
    (dict(feature_size=8.5), "feature_size is 8.5, expected a whole number"),
    (dict(actions=2.5), "actions is 2.5, expected an ActionLayout, the number of values"),
    (dict(actions=None), "actions is None, expected an ActionLayout"),
    (dict(actions=10**9), "an action has 1000000000 dimensions, expected 1 to 256"),
    (dict(thresholds="x"), "thresholds is not an array of numbers"),
    (dict(thresholds=["x"] * 9), "thresholds is not an array of numbers"),
    (dict(model_name=5), "model_name is 5, expected a text (str)"),
    (dict(model_name=b"x.h5"), "model_name is b'x.h5', expected a text (str)"),
    (dict(model_name="x" * 5000), "model_name has 5000 bytes, expected at most 4096"),
    (dict(family=None), "family is None, expected a text"),
    (dict(device=0), "device is 0, expected a text"),
    (dict(dtype=np.float32), "dtype is <class 'numpy.float32'>, expected a text"),
    (dict(delta_type=2), "delta_type is 2, expected one of L2"),
]


@pytest.mark.parametrize(
    "arguments, message",
    RUN
    + [
        (dict(path=b"x.h5"), "path is b'x.h5', expected a path (str or os.PathLike)"),
        (dict(path=None), "path is None, expected a path"),
        (dict(path=""), "path is '', expected a path"),
        (dict(overwrite="no"), "overwrite is 'no', expected True or False"),
        (dict(half_features="no"), "half_features is 'no', expected True or False"),
    ],
)
def test_recorder(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    with refused(message):
        deerscope.Recorder(**{"path": tmp_path / "run.h5", "exits": EXITS, "actions": TWO_ARMS, **arguments})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments, message",
    RUN
    + [
        (dict(address=None), "address is None, expected HOST:PORT"),
        (dict(address="127.0.0.1:99999"), "address is '127.0.0.1:99999', expected HOST:PORT"),
        *((dict(connect_s=wrong), f"connect_s is {wrong}, expected seconds") for wrong in (-1, 0, NAN, INF, 1e300)),
    ],
)
def test_connect(arguments, message):
    with refused(message):
        deerscope.connect(**{"address": "127.0.0.1:1", "exits": EXITS, "actions": TWO_ARMS, **arguments})


def test_largest_that_the_program_reads(deer, tmp_path):
    path = tmp_path / "run.h5"
    with deerscope.Recorder(path, np.arange(65280, 65536), 1, layers=65536.0, feature_size=65536) as recorder:
        recorder.start_episode()
        recorder.log(np.zeros((256, 1)), prompt_tokens=1 << 20, deltas=[-1e-8] + [None] * 255)
    info = deer.info(path)
    assert (info["frames"], len(info["exit_layers"]), info["d_model"]) == (1, 256, 65536)


def test_half_features(tmp_path):
    with deerscope.Recorder(tmp_path / "run.h5", [1], 1, feature_size=2, half_features=True) as recorder:
        recorder.start_episode()
        with refused("features[0] holds 70000, expected numbers from -65504 to 65504 (float16)"):
            recorder.log([[0.0]], features=[[1, 70000]])


def test_commands_of_deer_s_actions(tmp_path):
    with deerscope.Recorder(tmp_path / "run.h5", [1], deerscope.DEER_ACTIONS, feature_size=2) as recorder:
        recorder.start_episode()
        with refused("holds 70000, which has no half precision"):
            recorder.log([[70000, 0, 0, 0, 0, 0, 1]])


def test_layouts():
    for wrong, message in (
        (dict(dimensions=10**9), "an action has 1000000000 dimensions"),
        (dict(dimensions=10**5000), "dimensions, expected 1 to 256"),
        (dict(dimensions=2.5), "dimensions are 2.5, expected a number or a list of names"),
        (dict(dimensions=2, steps="x"), "steps of an action is 'x', expected a whole number from 1 to 1024"),
        (dict(dimensions=2, steps=1.5), "steps of an action is 1.5, expected a whole number"),
        (dict(dimensions=2, steps=10**9), "steps of an action is 1000000000, expected a whole number"),
        (dict(dimensions=["\ud800", "\ud801"]), "two dimensions of an action are called"),
    ):
        with refused(message):
            deerscope.ActionLayout(**wrong)
    with refused("scale of dimension 'x' is '2', expected a finite number"):
        deerscope.Dimension("x", scale="2")
    assert deerscope.ActionLayout(name for name in "abc").width == 3
    # Only grippers open: a trace does not say it of others.
    same = [deerscope.Dimension(d.name, d.unit, d.kind, d.scale, 0.5) for d in deerscope.DEER_ACTIONS.dimensions]
    same[0] = deerscope.Dimension(same[0].name, same[0].unit, same[0].kind, same[0].scale, 0.7)
    assert deerscope.ActionLayout(same).is_deer


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1:99999", "127.0.0.1:65536", "127.0.0.1:0", "127.0.0.1:²", "127.0.0.1:٣", "127.0.0.1:-1", "127.0.0.1:"]
    + ["127.0.0.1:" + "9" * 5000, "::1:80", "[127.0.0.1]:80", "a b:80", "http://a:80", "unix:", "unix:/" + "x" * 200]
    + ["127.0.0.1: 80", "127.0.0.1:80\n", 8477, b"127.0.0.1:80", None],
)
def test_wrong_addresses(address):
    pytest.importorskip("grpc")
    for call in (
        lambda: deerscope.Engine(address),
        lambda: deerscope.connect(address, [1], 1),
        lambda: deerscope.calvin.Policy(address),
    ):
        with pytest.raises((ValueError, TypeError), match="^address is ") as raised:
            call()
        assert "expected" in str(raised.value) and len(str(raised.value)) < 250


def test_addresses():
    for address in ("127.0.0.1:1", "127.9.9.9:65535", "localhost:80", "[::1]:80", "unix:relative", "unix:///run/deer"):
        assert _checks.checked_address(address) == (address, True)
    for address in ("gpu-server:8477", "10.0.0.2:8477", "[2001:db8::1]:80", "[fe80::1%eth0]:80", "127.0.0.1.nip.io:80"):
        assert _checks.checked_address(address) == (address, False)


@pytest.mark.parametrize(
    "arguments, message",
    [
        *((dict(deadline_s=wrong), f"deadline_s is {wrong}, expected seconds, more than 0") for wrong in (-1, 0, NAN)),
        (dict(deadline_s=1e300), "deadline_s is 1e+300, expected seconds"),
        (dict(deadline_s="x"), "deadline_s is 'x', expected seconds"),
        *((dict(reconnect_s=wrong), f"reconnect_s is {wrong}, expected seconds, 0 to") for wrong in (-1, NAN, INF)),
        (dict(reconnect_s=1e300), "reconnect_s is 1e+300, expected seconds"),
        (dict(token=b"x"), "token is of type bytes, expected a text"),
        (dict(token="secret\n"), "token is empty or holds other characters than printable ASCII"),
        (dict(tls_ca=5), "tls_ca is 5, expected a path"),
    ],
)
def test_engine(arguments, message):
    pytest.importorskip("grpc")
    with refused(message) as raised:
        deerscope.Engine("127.0.0.1:1", **arguments)
    assert "secret" not in str(raised.value)


def test_calvin(capsys):
    for wrong in (dict(probe="no"), dict(overwrite="no")):
        with refused("is 'no', expected True or False"):
            deerscope.calvin.Policy("127.0.0.1:1", **wrong)
    with pytest.raises(SystemExit):
        deerscope.calvin.main(["--dataset_path", "x", "--engine", "127.0.0.1:²"])
    assert "--engine: address is '127.0.0.1:²', expected HOST:PORT" in capsys.readouterr().err
