#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes episodes/: the validation split of tests/data/calvin_mini and the first play segment of its
training split, in CALVIN's layout.

Usage: make_episodes.py, with `pip install "numpy<2"`. Deterministic for one version of numpy.
"""
import pathlib
import shutil

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parent / "calvin_mini"
TARGET = HERE / "episodes"


def copy_first_segment(source, target):
    for name in ("statistics.yaml", ".hydra/merged_config.yaml"):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, target / name)

    segments = np.load(source / "ep_start_end_ids.npy")[:1]
    first, last = (int(frame) for frame in segments[0])
    np.save(target / "ep_start_end_ids.npy", segments)
    np.save(target / "ep_lens.npy", np.load(source / "ep_lens.npy")[:1])
    for frame in range(first, last + 1):
        shutil.copyfile(source / f"episode_{frame:07d}.npz", target / f"episode_{frame:07d}.npz")

    # The file is our own, written by the script that made calvin_mini: unpickling it is safe.
    annotations = np.load(source / "lang_annotations" / "auto_lang_ann.npy", allow_pickle=True).item()
    language, info = annotations["language"], annotations["info"]
    kept = [i for i, (start, end) in enumerate(info["indx"]) if first <= start and end <= last]
    (target / "lang_annotations").mkdir()
    np.save(
        target / "lang_annotations" / "auto_lang_ann.npy",
        {
            "language": {
                "ann": [language["ann"][i] for i in kept],
                "task": [language["task"][i] for i in kept],
                "emb": language["emb"][kept],
            },
            "info": {"episodes": list(info["episodes"]), "indx": [info["indx"][i] for i in kept]},
        },
    )


def main():
    if TARGET.exists():
        shutil.rmtree(TARGET)
    shutil.copytree(SOURCE / "validation", TARGET / "validation")
    copy_first_segment(SOURCE / "training", TARGET / "training")


if __name__ == "__main__":
    main()
