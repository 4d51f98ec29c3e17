# SPDX-License-Identifier: GPL-3.0-or-later
"""Where recordings go, and what they never replace."""

import os
import socket
import subprocess
import sys

import h5py
import numpy as np
import pytest

import deerscope

from conftest import picture


def record(path, value=1.0, image=None, **options):
    with deerscope.Recorder(path, [1], 1, **options) as recorder:
        recorder.start_episode()
        recorder.log([[value]], images=image)
    return path


def pictures(path):
    return deerscope.read(path).observation(0).get("rgb_static")


def names(folder):
    return sorted(one.name for one in folder.iterdir())


def hdf5(path):
    with h5py.File(path, "w") as file:
        file["frame_count"] = [3]
        file["metadata"] = '{"format": "another"}'


def pipe(path):
    os.mkfifo(path)


def listening(path):
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda path: path.write_text("mine"), "is not a trace, so overwrite=True does not replace it"),
        (lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n frame_count metadata thumb"), "is not a trace"),
        (hdf5, "is not a trace"),
        (lambda path: path.mkdir(), "is a folder, expected a trace to replace"),
        (pipe, "is a pipe, expected a trace to replace"),
        (listening, "is a socket, expected a trace to replace"),
        (lambda path: path.symlink_to("/dev/null"), "is a device, expected a trace to replace"),
        (lambda path: path.symlink_to("nowhere"), "leads nowhere"),
    ],
)
def test_what_is_not_a_trace_stays(tmp_path, monkeypatch, make, message):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "run.h5"
    make(path)
    before = os.lstat(path)
    for overwrite in (False, True):
        with pytest.raises(FileExistsError, match="run.h5") as raised:
            deerscope.Recorder(path, [1], 1, overwrite=overwrite)
    assert message in str(raised.value)
    assert os.path.samestat(os.lstat(path), before) and os.lstat(path).st_size == before.st_size
    assert names(tmp_path) == ["run.h5"]


def test_devices_stay():
    with pytest.raises(FileExistsError, match="/dev/null is a device"):
        deerscope.Recorder("/dev/null", [1], 1, overwrite=True)


def test_traces_are_replaced(tmp_path, random):
    path = record(tmp_path / "run.h5", 1, picture(random))
    for number, damage in enumerate((lambda data: data, lambda data: data[: len(data) // 2], lambda data: b"")):
        path.write_bytes(damage(path.read_bytes()))
        record(path, 2 + number, overwrite=True)
        assert deerscope.read(path).action.ravel() == [2 + number]
    assert names(tmp_path) == ["run.h5"]  # the pictures were the replaced one's
    (tmp_path / "latest.h5").symlink_to("run.h5")
    record(tmp_path / "latest.h5", 9, overwrite=True)
    assert deerscope.read(path).action.ravel() == [4]
    assert deerscope.read(tmp_path / "latest.h5").action.ravel() == [9]


def test_every_trace_has_its_own_pictures(tmp_path, random):
    made = ("exp_0.5", "exp_0.6", "exp_0.h5", "sib.h5", "sib.hdf5", "plain", ".h5")
    images = {name: picture(random) for name in made}
    for name, image in images.items():
        record(tmp_path / name, image=image)
    record(tmp_path / "sib.hdf5", image=images["sib.hdf5"], overwrite=True)
    for name, image in images.items():
        np.testing.assert_array_equal(pictures(tmp_path / name), image)
    folders = [name for name in names(tmp_path) if name.endswith(".frames")]
    assert folders == sorted(
        ["exp_0.5.frames", "exp_0.6.frames", "exp_0.frames", "sib.frames", "sib.hdf5.frames"]
        + ["plain.frames", ".h5.frames"]
    )


@pytest.mark.parametrize("mine, theirs", [("run.h5", "run"), ("run", "run.h5")])
def test_one_folder_for_two_names(tmp_path, random, mine, theirs):
    image = picture(random)
    record(tmp_path / theirs, image=image)
    with pytest.raises(FileExistsError, match="run.frames exists"):
        deerscope.Recorder(tmp_path / mine, [1], 1)
    with pytest.raises(FileExistsError, match=f"run.frames holds the frames of .*/{theirs}: choose another"):
        deerscope.Recorder(tmp_path / mine, [1], 1, overwrite=True)
    np.testing.assert_array_equal(pictures(tmp_path / theirs), image)
    assert names(tmp_path) == sorted([theirs, "run.frames"])


def test_recordings_of_earlier_versions(tmp_path, random, monkeypatch):
    """They cut any suffix from the name of the folder. Their pictures are still found, and stay theirs."""
    image = picture(random)
    with monkeypatch.context() as earlier:
        earlier.setattr(deerscope.recorder, "folder_of", lambda path: os.path.splitext(path)[0] + ".frames")
        record(tmp_path / "run.hdf5", image=image)
    assert names(tmp_path) == ["run.frames", "run.hdf5"]
    np.testing.assert_array_equal(pictures(tmp_path / "run.hdf5"), image)
    with pytest.raises(FileExistsError, match="run.frames holds the frames of .*run.hdf5"):
        deerscope.Recorder(tmp_path / "run.h5", [1], 1, overwrite=True)
    np.testing.assert_array_equal(pictures(tmp_path / "run.hdf5"), image)


def test_two_recorders_at_once(tmp_path, random):
    path = tmp_path / "run.h5"
    with deerscope.Recorder(path, [1], 1) as recorder:
        assert names(tmp_path) == ["run.frames", "run.h5"]
        recorder.start_episode()
        image = picture(random)
        recorder.log([[1.0]], images=image)
        for name in ("run.h5", "run"):
            with pytest.raises(FileExistsError, match="run.frames is in use by a recording: close that one first"):
                deerscope.Recorder(tmp_path / name, [1], 1, overwrite=True)
        code = "import deerscope, sys; deerscope.Recorder(sys.argv[1], [1], 1, overwrite=True)"
        other = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True)
        assert "FileExistsError" in other.stderr and "in use by a recording" in other.stderr
        recorder.log([[2.0]], images=image)
    assert deerscope.read(path).action.ravel().tolist() == [1, 2]
    record(path, 3, overwrite=True)
    assert names(tmp_path) == ["run.h5"]  # an empty folder goes with the recorder


def test_what_a_killed_recorder_leaves(tmp_path):
    (tmp_path / "run.frames").mkdir()  # without pictures: in nobody's way
    record(tmp_path / "run.h5")
    (tmp_path / "other.frames").write_text("mine")
    with pytest.raises(FileExistsError, match="other.frames is no folder"):
        deerscope.Recorder(tmp_path / "other.h5", [1], 1, overwrite=True)
    assert (tmp_path / "other.frames").read_text() == "mine"


def test_a_folder_that_is_a_link(tmp_path, random):
    (tmp_path / "big").mkdir()
    (tmp_path / "run.frames").symlink_to("big")
    record(tmp_path / "run.h5", image=picture(random), overwrite=True)
    assert (tmp_path / "run.frames").is_symlink() and pictures(tmp_path / "run.h5") is not None
