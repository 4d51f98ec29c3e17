# SPDX-License-Identifier: GPL-3.0-or-later
import os
import re
import sys

import numpy as np
import pytest

import deerscope

from conftest import SOURCE, converging


@pytest.fixture
def recorder(tmp_path, random):
    with deerscope.Recorder(
        tmp_path / "run.h5", range(1, 20, 2), deerscope.ActionLayout(14, 8), thresholds=[0.1] * 9
    ) as one:
        for instruction in ("first", "second"):
            one.start_episode(instruction)
            for _ in range(7):
                actions = converging(random)
                one.log(list(actions[1:]), previous_action=actions[0])
        yield one


@pytest.fixture
def window(tmp_path):
    """A program in the place of the window that writes down its arguments."""
    script = tmp_path / "bin" / "deerscope"
    script.parent.mkdir()
    script.write_text(
        f'#!{sys.executable}\nimport sys\nopen(r"{tmp_path}/called", "w").write("\\n".join(sys.argv[1:]))\n'
    )
    script.chmod(0o755)
    return script


def called(process, tmp_path):
    assert process.wait(timeout=60) == 0
    return (tmp_path / "called").read_text().split("\n")


def test_show(tmp_path, recorder, window, monkeypatch):
    path = str(tmp_path / "run.h5")
    monkeypatch.setenv("DEERSCOPE", str(window))
    assert called(deerscope.show(recorder, ["--index", "1"]), tmp_path) == ["--trace", path, "--index", "1"]
    assert len(deerscope.read(path)) == 14  # flushed for the window
    assert called(deerscope.show(deerscope.read(path)), tmp_path) == ["--trace", path]
    monkeypatch.delenv("DEERSCOPE")
    monkeypatch.setenv("PATH", f"{window.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    assert called(deerscope.show("run.h5"), tmp_path) == ["--trace", path]


def test_show_without_a_program(tmp_path, recorder, monkeypatch):
    monkeypatch.setenv("DEERSCOPE", str(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError, match="DEERSCOPE is .*nowhere"):
        deerscope.show(recorder)
    monkeypatch.delenv("DEERSCOPE")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="deerscope is not on PATH.*DEERSCOPE"):
        deerscope.show(recorder)
    with pytest.raises(FileNotFoundError, match="none.h5: does not exist"):
        deerscope.show(tmp_path / "none.h5")


def test_figure(tmp_path, recorder):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    figure = deerscope.figure(recorder)  # the last episode
    trace = deerscope.read(recorder.path)
    above, below = figure.axes
    assert above.get_title() == "second"
    np.testing.assert_array_equal(above.lines[0].get_ydata(), trace.depth[7:])
    np.testing.assert_array_equal(below.lines[0].get_ydata(), trace.deltas[7:, 0])
    assert len(below.lines) == 19  # deltas of ten exits, nine thresholds
    colors = [line.get_color() for line in below.lines if line.get_linestyle() == "-"]
    assert [one.get_text() for one in below.texts] == [str(i) for i in range(10, 0, -1)]  # at the lines' ends
    for text in below.texts:
        assert text.get_color() == colors[int(text.get_text()) - 1]
    # As the window's, in a light theme: exit_rgb in core/study/exit_colors.cpp.
    np.testing.assert_allclose(colors[-1][:3], np.array([0x44, 0x01, 0x54]) / 255, atol=0.01)
    figure.savefig(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000
    assert deerscope.figure(trace, episode=0).axes[0].get_title() == "first"
    with pytest.raises(ValueError, match="no episode 2, expected 0 to 1"):
        deerscope.figure(trace, episode=2)


def test_version():
    with open(os.path.join(SOURCE, "CMakeLists.txt"), encoding="utf-8") as file:
        assert re.search(r"project\(deerscope VERSION (\S+)", file.read()).group(1) == deerscope.__version__
