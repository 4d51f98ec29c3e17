# SPDX-License-Identifier: GPL-3.0-or-later
"""Recording PyTorch models."""

import importlib.util
import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

import deerscope

from conftest import SOURCE, picture

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

EXAMPLES = os.path.join(SOURCE, "packaging", "python", "examples")


class Layer(torch.nn.Module):
    """Adds to its hidden state; returns a tuple, as many decoders do."""

    def __init__(self, width):
        super().__init__()
        self.linear = torch.nn.Linear(width, width)

    def forward(self, hidden):
        return hidden + torch.tanh(self.linear(hidden)), None


class Decoder(torch.nn.Module):
    def __init__(self, layers=6, width=12):
        super().__init__()
        self.layers = torch.nn.ModuleList(Layer(width) for _ in range(layers))

    def forward(self, hidden, layers=None):
        states = []
        for layer in self.layers[:layers]:
            hidden = layer(hidden)[0]
            states.append(hidden)
        return states


class VisionAndDecoder(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.vision = Decoder(8)
        self.text = Decoder(6)


@pytest.fixture
def model():
    torch.manual_seed(3)
    return Decoder().eval()


@pytest.fixture
def head():
    torch.manual_seed(4)
    return torch.nn.Linear(12, 8)


def tokens(seed=0, batch=1):
    return torch.randn(batch, 5, 12, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    "pool, pooled",
    [
        ("last", lambda h: h[-1]),
        ("mean", lambda h: h.mean(0)),
        ("max", lambda h: h.max(0).values),
        (lambda h: h[1] - h[0], lambda h: h[1] - h[0]),
    ],
)
def test_features_actions_and_deltas(deer, tmp_path, model, head, pool, pooled):
    path = tmp_path / "run.h5"
    layout = deerscope.ActionLayout(["a", "b", "c", deerscope.Dimension("g", kind="gripper")], steps=2)
    attached = deerscope.attach(
        model, [1, 3, 5], head, path=path, actions=layout, pool=pool, thresholds=[0.3, 0.3], model_name="six layers"
    )
    attached.start_episode("push")
    with torch.no_grad():
        for frame in range(4):
            states = model(tokens(frame))
            logged = attached.log()
            features = [pooled(states[layer][0]) for layer in (0, 1, 3, 5)]
            actions = np.stack([head(one).numpy().reshape(2, 4) for one in features])
            rms = np.sqrt(((actions[1:, :, :3] - actions[:-1, :, :3]) ** 2).mean(axis=(1, 2)))
            np.testing.assert_allclose(logged.deltas, rms, atol=1e-6)
            within = np.flatnonzero(rms <= 0.3)
            assert logged.exit_index == (within[0] if len(within) else 2)
            np.testing.assert_allclose(logged.action, actions[logged.exit_index + 1], atol=1e-6)
            written = attached.recorder.frames
    attached.close()
    assert written == 4
    trace = deerscope.read(path)
    np.testing.assert_allclose(trace.features[3], [one.numpy() for one in features[1:]], atol=1e-6)
    np.testing.assert_allclose(trace.actions[3], actions[1:], atol=1e-6)
    np.testing.assert_allclose(trace.previous_action[3], actions[0], atol=1e-6)
    assert (trace.times_ms[:, 3:] > 0).all()
    info = deer.info(path)
    assert (info["model"]["name"], info["d_model"], info["exit_layers"]) == ("six layers", 12, [1, 3, 5])
    assert [line["exit_index"] for line in deer.lines(path)] == list(trace.exit_index)
    # The hooks are gone.
    model(tokens())
    with pytest.raises(ValueError, match="has not run"):
        attached.log()


def test_a_model_that_exits_by_itself(tmp_path, model, head):
    with deerscope.attach(model, [1, 3, 5], head, path=tmp_path / "run.h5", actions=8) as attached:
        attached.start_episode()
        for layers in (6, 4, 2):
            model(tokens(), layers)
            assert attached.log().exit_index == layers // 2 - 1
    np.testing.assert_array_equal(
        deerscope.read(tmp_path / "run.h5").evaluated, [[True] * 3, [True, True, False], [True, False, False]]
    )


@pytest.mark.parametrize("passes, which", [("first", 0), ("last", 2)])
def test_generated_tokens(tmp_path, model, head, passes, which):
    with deerscope.attach(model, [1, 5], head, path=tmp_path / "run.h5", actions=8, passes=passes) as attached:
        attached.start_episode()
        states = [model(tokens(seed)) for seed in range(3)]
        attached.log()
        states[which] = model(tokens(9))
        attached.log()
    trace = deerscope.read(tmp_path / "run.h5")
    np.testing.assert_allclose(trace.features[1, 1], states[which][5][0, -1].detach(), atol=1e-6)
    wanted = model(tokens(which))[5][0, -1].detach()
    np.testing.assert_allclose(trace.features[0, 1], wanted, atol=1e-6)


def test_a_head_for_each_exit_in_half_precision(tmp_path, model):
    model = model.bfloat16()
    heads = torch.nn.ModuleList(torch.nn.Linear(12, 3).bfloat16() for _ in range(2))
    with deerscope.attach(model, [2, 5], heads, path=tmp_path / "run.h5", actions=3, previous=False) as attached:
        attached.start_episode()
        states = model(tokens().bfloat16())
        logged = attached.log()
    assert np.isnan(logged.deltas[0]) and logged.deltas[1] > 0
    trace = deerscope.read(tmp_path / "run.h5")
    for i, layer in enumerate((2, 5)):
        wanted = heads[i](states[layer][:, -1])[0].float().detach()
        np.testing.assert_allclose(trace.actions[0, i, 0], wanted, atol=1e-6)


def test_the_decoder_is_found_or_asked_for(tmp_path, head):
    both = VisionAndDecoder()
    options = dict(path=tmp_path / "run.h5", actions=8)
    with pytest.raises(
        ValueError, match="2 lists of layers .* decoder=.*vision.layers with 8 layers, text.layers with 6"
    ):
        deerscope.attach(both, [1, 5], head, **options)
    with deerscope.attach(both, [1, 5], head, decoder="text.layers", **options) as attached:
        attached.start_episode()
        states = both.text(tokens())
        attached.log()
    np.testing.assert_allclose(deerscope.read(options["path"]).features[0, 1], states[5][0, -1].detach(), atol=1e-6)
    with deerscope.attach(both, [7], head, overwrite=True, **options):
        pass  # only one list is long enough
    with pytest.raises(ValueError, match="no ModuleList 'llm'"):
        deerscope.attach(both, [1], head, decoder="llm", **options)
    with pytest.raises(ValueError, match="no exit after layer 6: expected layers 1 to 5"):
        deerscope.attach(both, [6], head, decoder="text.layers", **options)


def test_wrong_shapes(tmp_path, model, head):
    options = dict(path=tmp_path / "run.h5")
    with deerscope.attach(model, [1, 5], head, actions=7, **options) as attached:
        attached.start_episode()
        with pytest.raises(ValueError, match="has not run since"):
            attached.log()
        model(tokens())
        with pytest.raises(ValueError, match=r"the head returned \[1, 8\], expected 1 x 7 = 7 numbers"):
            attached.log()
        with pytest.raises(ValueError, match=r"shape \[2, 5, 12\], expected \[1, tokens, width\]"):
            model(tokens(batch=2))
    assert not (tmp_path / "run.h5").exists()
    for wrong, message in (
        (dict(pool="median"), "pool is 'median'"),
        (dict(passes="all"), "passes is 'all'"),
        (dict(head=[head] * 3), "3 heads, expected one, or 2"),
        (dict(head=None), "head is None, expected a function or module"),
        (dict(head=[head, None]), "head is None, expected a function or module"),
        (dict(model=None), "model is None, expected a torch.nn.Module"),
        (dict(layers=["a"]), r"layers\[0\] is 'a', expected a whole number"),
        (dict(layers=[1.5]), r"layers\[0\] is 1.5, expected a whole number"),
        (dict(path=None), "path is None, expected a path"),
        (dict(actions=2.5), "actions is 2.5, expected an ActionLayout"),
        # Options of the recorder, which is made later.
        (dict(threshold=[0.1]), "no argument 'threshold', expected one of .*thresholds"),
        (dict(feature_size=3), "no argument 'feature_size'"),
        (dict(thresholds="x"), "thresholds is not an array of numbers"),
        (dict(overwrite="no"), "overwrite is 'no', expected True or False"),
        (dict(dtype=torch.float32), "dtype is torch.float32, expected a text"),
    ):
        with pytest.raises((ValueError, TypeError), match=message):
            deerscope.attach(**{"model": model, "layers": [1, 5], "head": head, "actions": 8, **options, **wrong})
    with pytest.raises(TypeError, match="instruction is of type int"):
        deerscope.attach(model, [1, 5], head, actions=8, **options).start_episode(5)


def test_the_hugging_face_example(deer, tmp_path):
    path = tmp_path / "run.h5"
    script = os.path.join(EXAMPLES, "hugging_face_decoder.py")
    subprocess.run([sys.executable, script, path, "--frames", "5"], check=True, cwd=tmp_path)
    info = deer.info(path)
    assert (info["frames"], info["episodes"], info["action"]["steps"]) == (10, 2, 8)
    assert len(info["action"]["dimensions"]) == 14 and len(info["exit_layers"]) == 10
    trace = deerscope.read(path)
    lines = deer.lines(path)
    assert [line["exit_index"] for line in lines] == list(trace.exit_index)
    assert trace.observation(0)["rgb_static"].shape == (120, 160, 3)


class ValueNet(torch.nn.Module):
    """As ActionValueNet of the authors' evaluation: called for one exit after the other."""

    threshold_type = "max"

    def __init__(self):
        super().__init__()
        self.action_list = []

    def forward(self, action, previous):
        self.action_list.append(action)
        return (action[0] - previous[0]).abs().max(-1)[0]


def head_outputs(seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(1, 1, 6, generator=generator), torch.rand(1, 1, 1, generator=generator)


def test_the_example_for_the_authors_evaluation(deer, tmp_path, random):
    """Against a stand-in with the attributes of DeeR's ModelWrapper that the example uses."""
    spec = importlib.util.spec_from_file_location("deer_evaluation", os.path.join(EXAMPLES, "deer_evaluation.py"))
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)

    exits = [1, 3, 5]
    net = ValueNet()
    controller = SimpleNamespace(value_net=net, thresholds={1: torch.tensor(0.1), 3: torch.tensor(0.2), 5: 1e8})
    flamingo = SimpleNamespace(get_all_exit_idx=lambda: exits, lang_dim=12, llm_inference_time=-1.0)
    wrapper = SimpleNamespace(
        model=SimpleNamespace(module=flamingo), exit_controller=SimpleNamespace(module=controller)
    )
    trace = example.EvaluationTrace(wrapper, str(tmp_path / "deer.h5"))
    wanted = []
    for _ in range(2):
        trace.reset()
        for frame, taken in enumerate((2, 0, 1)):
            hidden = [torch.randn(1, 4, 12) for _ in range(exits[taken] + 1)]
            made = [head_outputs(10 * frame + i) for i in range(taken + 2)]
            deltas = [float(net(now, before)) for before, now in zip(made, made[1:])]
            output = SimpleNamespace(hidden_states=hidden, logits=head_outputs(99), exit_layer=exits[taken])
            trace.keep(output)
            obs = {
                "rgb_obs": {"rgb_static": picture(random, 200, 200), "rgb_gripper": picture(random, 84, 84)},
                "robot_obs": random.normal(size=15),
                "scene_obs": random.normal(size=24),
            }
            command = np.float16([[0.1, 0.2, 0.3, 0, 0, 0, 1]])
            trace.log(obs, "lift the red block", command)
            wanted.append((taken, made[1:], deltas, hidden, obs))
    trace.close()

    read = deerscope.read(tmp_path / "deer.h5")
    assert (len(read), read.episodes, read.layout) == (6, 2, deerscope.DEER_ACTIONS)
    for row, (taken, made, deltas, hidden, obs) in enumerate(wanted):
        assert read.exit_index[row] == taken
        np.testing.assert_allclose(read.deltas[row, : taken + 1], deltas, atol=1e-6)
        assert np.isnan(read.deltas[row, taken + 1 :]).all()
        for i in range(taken + 1):
            np.testing.assert_allclose(read.actions[row, i, 0], torch.cat(made[i], -1)[0, 0], atol=1e-6)
            np.testing.assert_allclose(read.features[row, i], hidden[exits[i]].amax(1)[0], atol=1e-6)
        np.testing.assert_allclose(read.action[row, 0], torch.cat(head_outputs(99), -1)[0, 0], atol=1e-6)
        np.testing.assert_allclose(read.thresholds[row], [0.1, 0.2, 1e8], rtol=1e-6)
        np.testing.assert_array_equal(read.observation(row)["robot_obs"], obs["robot_obs"])
    info = deer.info(tmp_path / "deer.h5")
    assert info["policy"]["delta_type"] == "max" and info["frames"] == 6
