#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes model/config.json and model/model.safetensors from the reference's tiny MPT-1b model.

Usage: make_model.py. The thresholds suggested are those of the reference's run "l2", which spreads
the demo's frames over all exits.
"""
import json
import pathlib
import shutil

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parent / "reference" / "tiny_mpt1b"


def main():
    runs = json.loads((SOURCE / "dynamic.json").read_text(encoding="utf-8"))
    thresholds = next(run["thresholds"] for run in runs if run["name"] == "l2")
    config = json.loads((SOURCE / "config.json").read_text(encoding="utf-8"))
    config["name"] = "deer-tiny"
    config["note"] = "random weights, not trained"
    config["suggested_thresholds"] = thresholds
    target = HERE / "model"
    target.mkdir(exist_ok=True)
    (target / "config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    shutil.copyfile(SOURCE / "model.safetensors", target / "model.safetensors")


if __name__ == "__main__":
    main()
