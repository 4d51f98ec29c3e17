#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Results of `deer eval` kept in docs/benchmark: all statistics, and for each chain how many instructions were solved.

Usage: kept.py has KEPT MODEL CHAINS SEED      exits 0 if KEPT is of this model, number of chains and seed
       kept.py put RESULT KEPT                 writes KEPT from the JSON file of deer eval
"""

import hashlib
import json
import pathlib
import sys

# Of one run on one machine only.
DROPPED = ["results", "jobs", "peak_memory_bytes", "seconds"]


def has(kept, model, chains, seed):
    if not kept.is_file():
        return False
    data = json.loads(kept.read_text())
    settings = data["settings"]
    weights = hashlib.sha1((model / "model.safetensors").read_bytes()).hexdigest()
    return (settings["model_sha1"]["model.safetensors"], data["chains"], settings["seed"]) == (weights, chains, seed)


def put(result, kept):
    data = json.loads(result.read_text())
    chains = sorted(data["results"], key=lambda chain: chain["chain"])
    if [chain["chain"] for chain in chains] != list(range(data["chains"])):
        sys.exit(f"{result}: does not hold the chains 0 to {data['chains'] - 1}")
    for name in DROPPED:
        data.pop(name, None)
    for name in ["model", "tasks"]:  # a path, and a list that the suite's name says
        data["settings"].pop(name, None)
    data["solved"] = [sum(subtask["success"] for subtask in chain["subtasks"]) for chain in chains]
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(rounded(data), separators=(",", ":"), sort_keys=True) + "\n")


def rounded(value):
    """Six significant digits: enough for every table, and half the size."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {name: rounded(entry) for name, entry in value.items()}
    return [rounded(entry) for entry in value] if isinstance(value, list) else value


def main():
    match sys.argv[1:]:
        case ["has", kept, model, chains, seed]:
            sys.exit(not has(pathlib.Path(kept), pathlib.Path(model), int(chains), int(seed)))
        case ["put", result, kept]:
            put(pathlib.Path(result), pathlib.Path(kept))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
