#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the tables of docs/benchmark.md and the plot beside it from the results of benchmark.sh.

Usage: table.py [RESULTS [DOCS]]      (build/demo/benchmark, docs; needs python3-matplotlib)
"""

import json
import pathlib
import random
import re
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

ROOT = pathlib.Path(__file__).resolve().parents[2]
GROUPS = [
    ("full", r"full", "full depth"),
    ("fixed", r"exit_(\d+)", "always exit after layer {}"),
    ("dynamic", r"dynamic_([\d.]+)", "dynamic, solved for {} layers"),
    ("experts", r"experts_([\d.]+)", "dynamic, solved for {} layers on the experts' states"),
    ("tuned", r"tuned_([\d.]+)", "dynamic, those for {} layers tuned in closed loop"),
    ("similarity", r"similarity_([\d.]+)", "feature similarity, solved for {} layers"),
    ("time", r"time_(\d+)", "time: an exit deeper every {} steps"),
]
COLOURS = {"full": "#444444", "fixed": "#7a7a7a", "dynamic": "#0072b2", "experts": "#56b4e9", "tuned": "#cc79a7",
           "similarity": "#d55e00", "time": "#009e73"}
LABELS = {
    "full": "full depth",
    "fixed": "fixed exit",
    "dynamic": "dynamic: action consistency (the paper's)",
    "experts": "the same, solved on the experts' states",
    "tuned": "the same, tuned in closed loop",
    "similarity": "dynamic: feature similarity",
    "time": "dynamic: time step",
}


def read(folder):
    rows = []
    for order, (group, pattern, label) in enumerate(GROUPS):
        for file in folder.glob("*.json"):
            match = re.fullmatch(pattern, file.stem)
            if not match:
                continue
            value = match.groups()[0] if match.groups() else ""
            rows.append({"group": group, "label": label.format(value), "data": json.loads(file.read_text()),
                         "key": (order, float(value or 0))})
    rows.sort(key=lambda row: row["key"])
    if not rows or rows[0]["group"] != "full":
        sys.exit(f"{folder}: holds no full.json; run benchmark.sh first")
    return rows


def solved(data):
    """Instructions in a row, by chain."""
    out = {}
    for chain in data["results"]:
        count = 0
        for subtask in chain["subtasks"]:
            if not subtask["success"]:
                break
            count += 1
        out[chain["chain"]] = count
    return out


def paired_ratio(row, full):
    """Average length against full depth on the same chains, with a 95 % bootstrap interval over chains."""
    ours, theirs = solved(row["data"]), solved(full["data"])
    chains = sorted(ours.keys() & theirs.keys())
    if len(chains) != len(theirs):
        sys.exit(f"{row['label']}: has other chains than full depth")
    ratio = sum(ours[c] for c in chains) / max(1, sum(theirs[c] for c in chains))
    draw = random.Random(0)
    ratios = []
    for _ in range(4000):
        sample = draw.choices(chains, k=len(chains))
        ratios.append(sum(ours[c] for c in sample) / max(1, sum(theirs[c] for c in sample)))
    ratios.sort()
    return ratio, ratios[100], ratios[3899]


def main_table(rows):
    full = rows[0]
    full_llm = full["data"]["mean_llm_gflops"]
    lines = ["| policy | average length (95 %) | of full depth (95 %, paired) | 1 · 2 · 3 · 4 · 5 in a row | depth | LLM GFLOPs | LLM saving | total GFLOPs |",
             "|---|---|---|---|---|---|---|---|"]
    for row in rows:
        d = row["data"]
        ratio, low, high = paired_ratio(row, full)
        rates = " · ".join(f"{100 * r:.0f}" for r in d["success_rate"])
        interval = d["average_length_95"]
        lines.append(
            f"| {row['label']} | {d['average_length']:.2f} ({interval[0]:.2f}–{interval[1]:.2f}) "
            f"| {100 * ratio:.1f} % ({100 * low:.1f}–{100 * high:.1f}) | {rates} | {d['mean_depth']:.2f} "
            f"| {d['mean_llm_gflops']:.4f} | {full_llm / d['mean_llm_gflops']:.2f} × | {d['mean_total_gflops']:.4f} |")
    return lines


def task_table(rows):
    best = [row for row in rows if row["group"] in ("full", "dynamic")]
    lines = ["| task | " + " | ".join(row["label"] for row in best) + " |", "|---" * (len(best) + 1) + "|"]
    for task in sorted(best[0]["data"]["per_task"]):
        cells = []
        for row in best:
            t = row["data"]["per_task"].get(task)
            cells.append(f"{t['successes']} of {t['tries']}, {t['mean_depth']:.1f} layers" if t else "–")
        lines.append(f"| `{task}` | " + " | ".join(cells) + " |")
    return lines


def plot(rows, file):
    plt.rcParams.update({"font.size": 10, "svg.hashsalt": "deerscope", "svg.fonttype": "none"})
    figure, axes = plt.subplots(figsize=(7.2, 4.2), layout="constrained")
    for group in LABELS:
        points = [row["data"] for row in rows if row["group"] == group]
        points.sort(key=lambda d: d["mean_llm_gflops"])
        if not points:
            continue
        x = [d["mean_llm_gflops"] for d in points]
        y = [d["average_length"] for d in points]
        low = [d["average_length"] - d["average_length_95"][0] for d in points]
        high = [d["average_length_95"][1] - d["average_length"] for d in points]
        axes.errorbar(x, y, yerr=[low, high], color=COLOURS[group], label=LABELS[group], marker="o",
                      markersize=5, linewidth=1.4 if group != "full" else 0, elinewidth=0.8, capsize=2)
    axes.set_xlabel("language model, GFLOPs a step (a multiply-add is one)")
    axes.set_ylabel("instructions in a row, of 5")
    axes.set_ylim(0, 5)
    axes.set_xlim(left=0)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="lower right")
    figure.savefig(file, metadata={"Date": None})


def replace(text, name, lines):
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    if begin not in text or end not in text:
        sys.exit(f"docs/benchmark.md has no place for {name}: {begin} … {end}")
    head, rest = text.split(begin, 1)
    return head + begin + "\n" + "\n".join(lines) + "\n" + end + rest.split(end, 1)[1]


def main():
    results = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build/demo/benchmark"
    docs = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else ROOT / "docs"
    rows = read(results)
    page = docs / "benchmark.md"
    text = page.read_text()
    text = replace(text, "table", main_table(rows))
    text = replace(text, "tasks", task_table(rows))
    page.write_text(text)
    plot(rows, docs / "benchmark.svg")


if __name__ == "__main__":
    main()
