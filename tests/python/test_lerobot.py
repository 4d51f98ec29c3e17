# SPDX-License-Identifier: GPL-3.0-or-later
"""LeRobot datasets that deer writes, read with pyarrow as LeRobot reads them."""
import json
import os

import pytest
from conftest import SOURCE

pq = pytest.importorskip("pyarrow.parquet")

EPISODES = os.path.join(SOURCE, "tests", "data", "random_demo", "episodes")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    from conftest import Deer

    deer = Deer()
    out = tmp_path_factory.mktemp("lerobot") / "out"
    try:
        deer.run("export", EPISODES, out, "--index", "0,1")
    except AssertionError as error:
        if "Apache Arrow" in str(error):
            pytest.skip("this build has no Apache Arrow")
        raise
    return out


def info(dataset):
    return json.loads((dataset / "meta" / "info.json").read_text())


def test_rows_are_numbered(dataset):
    facts = info(dataset)
    rows = pq.read_table(dataset / facts["data_path"].format(chunk_index=0, file_index=0))
    assert rows.num_rows == facts["total_frames"]
    assert rows["index"].to_pylist() == list(range(rows.num_rows))
    episodes = pq.read_table(dataset / "meta" / "episodes" / "chunk-000" / "file-000.parquet").to_pylist()
    assert len(episodes) == facts["total_episodes"] == 2
    for episode in episodes:
        part = rows.slice(episode["dataset_from_index"], episode["length"])
        assert set(part["episode_index"].to_pylist()) == {episode["episode_index"]}
        assert part["frame_index"].to_pylist() == list(range(episode["length"]))
        assert part["timestamp"].to_pylist() == pytest.approx([i / facts["fps"] for i in range(episode["length"])])
        assert episode["dataset_to_index"] == episode["dataset_from_index"] + episode["length"]
        key = "videos/observation.images.static/"
        assert episode[key + "to_timestamp"] - episode[key + "from_timestamp"] == pytest.approx(
            episode["length"] / facts["fps"]
        )


def test_features_are_what_the_columns_hold(dataset):
    facts = info(dataset)
    rows = pq.read_table(dataset / "data" / "chunk-000" / "file-000.parquet")
    for name, feature in facts["features"].items():
        if feature["dtype"] == "video":
            video = facts["video_path"].format(video_key=name, chunk_index=0, file_index=0)
            assert (dataset / video).stat().st_size > 1000
            continue
        kind = rows.schema.field(name).type
        (width,) = feature["shape"]
        if width == 1:
            assert str(kind) == {"float32": "float", "int64": "int64"}[feature["dtype"]]
        else:
            assert kind.list_size == width and str(kind.value_type) == "float"
            assert len(feature["names"]) == width
    assert facts["features"]["action"]["names"][-1] == "gripper"


def test_tasks_are_the_index_of_a_table(dataset):
    table = pq.read_table(dataset / "meta" / "tasks.parquet")
    assert table.column_names == ["task_index", "__index_level_0__"]
    assert table["task_index"].to_pylist() == list(range(info(dataset)["total_tasks"]))
    pandas = pytest.importorskip("pandas")
    tasks = pandas.read_parquet(dataset / "meta" / "tasks.parquet")
    assert list(tasks.columns) == ["task_index"]
    episodes = pandas.read_parquet(dataset / "meta" / "episodes" / "chunk-000" / "file-000.parquet")
    assert all(task in tasks.index for row in episodes["tasks"] for task in row)


def test_statistics_are_those_of_the_rows(dataset):
    stats = json.loads((dataset / "meta" / "stats.json").read_text())
    rows = pq.read_table(dataset / "data" / "chunk-000" / "file-000.parquet")
    for name in ("action", "observation.state"):
        columns = list(zip(*rows[name].to_pylist()))
        assert stats[name]["count"] == [rows.num_rows]
        assert stats[name]["min"] == pytest.approx([min(column) for column in columns], abs=1e-6)
        assert stats[name]["max"] == pytest.approx([max(column) for column in columns], abs=1e-6)
        assert stats[name]["mean"] == pytest.approx([sum(column) / len(column) for column in columns], abs=1e-5)
    picture = stats["observation.images.static"]
    assert len(picture["mean"]) == 3 and 0 < picture["mean"][0][0][0] < 1


def test_lerobot_reads_it(dataset):
    """With LeRobot's own package, where it is installed."""
    lerobot = pytest.importorskip("lerobot.datasets.lerobot_dataset")
    facts = info(dataset)
    data = lerobot.LeRobotDataset("deerscope/test", root=dataset, video_backend="pyav")
    assert (data.num_frames, data.num_episodes, data.fps) == (facts["total_frames"], 2, facts["fps"])
    rows = pq.read_table(dataset / "data" / "chunk-000" / "file-000.parquet").to_pylist()
    for place in (0, len(rows) // 2, len(rows) - 1):
        frame = data[place]
        assert frame["action"].tolist() == pytest.approx(rows[place]["action"])
        assert frame["observation.state"].tolist() == pytest.approx(rows[place]["observation.state"])
        assert int(frame["episode_index"]) == rows[place]["episode_index"]
        for camera in ("observation.images.static", "observation.images.gripper"):
            height, width, channels = facts["features"][camera]["shape"]
            assert tuple(frame[camera].shape) == (channels, height, width)
            assert 0 < float(frame[camera].mean()) < 1
        assert frame["task"]
