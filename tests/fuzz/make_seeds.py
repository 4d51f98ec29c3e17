#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small valid inputs of a dataset's fuzz target. Usage: make_seeds.py TARGET FOLDER"""

import json
import pathlib
import struct
import sys

import numpy as np

LEROBOT_INFO = {
    "codebase_version": "v3.0", "robot_type": "so101", "total_episodes": 2, "total_frames": 6, "fps": 30,
    "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
    "video_path": "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4",
    "features": {
        "action": {"dtype": "float32", "shape": [6], "names": ["a", "b", "c", "d", "e", "f"]},
        "observation.state": {"dtype": "float32", "shape": [2], "names": {"motors": ["a", "b"]}},
        "observation.images.front": {"dtype": "video", "shape": [4, 4, 3], "names": ["height", "width", "channel"]},
        "timestamp": {"dtype": "float32", "shape": [1], "names": None}}}
LEROBOT_EPISODES = "".join(json.dumps({"episode_index": i, "tasks": ["open the drawer"], "length": 3}) + "\n"
                           for i in range(2))
MAPPING = {"static_camera": "front", "gripper_camera": "wrist", "flipped": ["front"], "state": ["state"],
           "action": ["action[0:6]", {"series": "action", "column": 6, "name": "gripper", "scale": -1, "offset": 1}],
           "deer_action": True, "instruction": "open the drawer"}


def rlds_feature(kind, **more):
    return {kind: more}


RLDS_FEATURES = {"featuresDict": {"features": {"steps": {"sequence": {"length": "-1", "feature": {"featuresDict": {
    "features": {
        "action": rlds_feature("tensor", shape={"dimensions": ["7"]}, dtype="float32", encoding="none"),
        "is_first": rlds_feature("tensor", shape={}, dtype="bool", encoding="none"),
        "language_instruction": rlds_feature("text"),
        "observation": {"featuresDict": {"features": {
            "image": rlds_feature("image", shape={"dimensions": ["4", "4", "3"]}, dtype="uint8",
                                  encodingFormat="png")}}}}}}}}}}}


def varint(number):
    out = bytearray()
    while True:
        out.append(number & 0x7F | (0x80 if number > 0x7F else 0))
        number >>= 7
        if number == 0:
            return bytes(out)


def field(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content


def tf_example():
    def entry(key, value):
        return field(1, field(1, key.encode()) + field(2, value))

    floats = field(2, field(1, struct.pack("<14f", *range(14))))
    integers = field(3, field(1, b"".join(varint(i) for i in (1, 0, 300))))
    texts = field(1, field(1, b"open the drawer") + field(1, b""))
    return field(1, entry("steps/action", floats) + entry("steps/is_first", integers) +
                 entry("steps/language_instruction", texts) + entry("steps/observation/image", texts))


def masked_crc(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def tf_record(records):
    out = b""
    for data in records:
        length = struct.pack("<Q", len(data))
        out += length + struct.pack("<I", masked_crc(length)) + data + struct.pack("<I", masked_crc(data))
    return out


def hdf5(folder):
    import h5py
    with h5py.File(folder / "robomimic.h5", "w", libver="v108") as file:
        for demo in range(2):
            group = file.create_group(f"data/demo_{demo}")
            group.create_dataset("actions", data=np.zeros((3, 7)))
            group.create_dataset("obs/agentview_image", data=np.zeros((3, 4, 4, 3), np.uint8))
            group.create_dataset("obs/joint_pos", data=np.zeros((3, 7)), chunks=(1, 7), compression="gzip")
    with h5py.File(folder / "act.h5", "w", libver="v108") as file:
        file.create_dataset("action", data=np.zeros((3, 14), np.float32))
        file.create_dataset("observations/qpos", data=np.zeros((3, 14), np.float32))
        file.create_dataset("observations/images/cam_high", data=np.zeros((3, 4, 4, 3), np.uint8))


def parquet(folder):
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        return
    table = pyarrow.table({"action": [[0.0, 1.0]] * 3, "index": [0, 1, 2], "task": ["a", "b", "c"]})
    pyarrow.parquet.write_table(table, folder / "small.parquet", compression="snappy")


def main():
    target, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    texts = {"lerobot_meta": {"info.json": json.dumps(LEROBOT_INFO), "episodes.jsonl": LEROBOT_EPISODES},
             "mapping": {"map.json": json.dumps(MAPPING)},
             "rlds_features": {"features.json": json.dumps(RLDS_FEATURES)},
             "thresholds": {"list.txt": "0.02, 0.003 always", "numpy.txt": "array([0.02, 3e-3], dtype=float32)",
                            "line.sh": "export thresholds=\"0.02 0.003 100000.0\"",
                            "yaml.yaml": "thresholds:\n  - 0.02\n  - inf\n"}}
    for name, text in texts.get(target, {}).items():
        (folder / name).write_text(text)
    if target == "tf_example":
        (folder / "example.pb").write_bytes(tf_example())
    if target == "tf_record":
        (folder / "two.tfrecord").write_bytes(tf_record([tf_example(), b""]))
    if target == "hdf5_dataset":
        hdf5(folder)
    if target == "parquet":
        parquet(folder)


if __name__ == "__main__":
    main()
