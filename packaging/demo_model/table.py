#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the tables and plots of docs/benchmark.md from docs/benchmark/SUITE/*.json, which benchmark.sh leaves.

Usage: table.py [DOCS]      (docs; needs python3-matplotlib)
"""

import json
import pathlib
import re
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
SUITES = ["referring", "calvin"]
GROUPS = [
    ("full", r"full", "full depth"),
    ("fixed", r"exit_(\d+)", "always exit after layer {}"),
    ("dynamic", r"dynamic_([\d.]+)", "action consistency, solved for {} layers"),
    ("gate", r"gate_([\d.]+)", "learned gate, solved for {} layers"),
    ("tuned", r"tuned_([\d.]+)", "action consistency, that for {} layers tuned in closed loop"),
    ("similarity", r"similarity_([\d.]+)", "feature similarity, solved for {} layers"),
    ("time", r"time_(\d+)", "time: an exit deeper every {} steps"),
]
DYNAMIC = {"dynamic", "gate", "tuned", "similarity", "time"}
COLOURS = {"full": "#444444", "fixed": "#7a7a7a", "dynamic": "#0072b2", "gate": "#e69f00", "tuned": "#cc79a7",
           "similarity": "#d55e00", "time": "#009e73"}
LABELS = {
    "full": "full depth",
    "fixed": "fixed exit",
    "dynamic": "action consistency (the paper's)",
    "gate": "learned gate",
    "tuned": "action consistency, tuned in closed loop",
    "similarity": "feature similarity",
    "time": "time step",
}
DIFFICULTIES = ["direct", "compare", "relation", "order", "condition", "memory"]


def read(folder):
    """The rows of one suite, full depth first."""
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
    for row in rows:
        if chains(row) != chains(rows[0]):
            sys.exit(f"{folder}: {row['label']} has other chains or another model than full depth")
        row["lengths"] = np.array(row["data"]["solved"], dtype=float)
    return rows


def chains(row):
    """What two rows must share to be compared chain by chain."""
    settings = row["data"]["settings"]
    return row["data"]["chains"], settings["seed"], settings["model_sha1"]["model.safetensors"]


def resampled(chains, count=4000):
    """Chain numbers of bootstrap samples; the same for every policy, so that comparisons are paired."""
    return np.random.default_rng(0).integers(0, chains, (count, chains))


def interval(values):
    return np.percentile(values, [2.5, 97.5])


def ratio(row, full):
    """Average length against full depth on the same chains, with a 95 % interval by bootstrap over chains."""
    draws = resampled(len(full["lengths"]))
    ratios = row["lengths"][draws].sum(axis=1) / np.maximum(1, full["lengths"][draws].sum(axis=1))
    return row["lengths"].sum() / max(1, full["lengths"].sum()), *interval(ratios)


def main_table(rows):
    full = rows[0]
    full_llm = full["data"]["mean_llm_gflops"]
    lines = ["| policy | average length (95 %) | of full depth (95 %, paired) | 1 · 2 · 3 · 4 · 5 in a row | depth "
             "| LLM GFLOPs | LLM saving | total GFLOPs | model, ms |", "|---" * 9 + "|"]
    for row in rows:
        d = row["data"]
        share, low, high = ratio(row, full)
        rates = " · ".join(f"{100 * r:.0f}" for r in d["success_rate"])
        of_length = d["average_length_95"]
        lines.append(
            f"| {row['label']} | {d['average_length']:.2f} ({of_length[0]:.2f}–{of_length[1]:.2f}) "
            f"| {100 * share:.1f} % ({100 * low:.1f}–{100 * high:.1f}) | {rates} | {d['mean_depth']:.2f} "
            f"| {d['mean_llm_gflops']:.4f} | {full_llm / d['mean_llm_gflops']:.2f} × | {d['mean_total_gflops']:.4f} "
            f"| {d['milliseconds']['model']:.1f} |")
    return lines


def fixed_table(rows):
    """Each dynamic policy against the best fixed exit that costs no more."""
    lines = ["| policy | depth | best fixed exit of the same or lower cost | longer by (95 %, paired) |", "|---|---|---|---|"]
    for row in rows:
        if row["group"] not in DYNAMIC:
            continue
        cost = row["data"]["mean_llm_gflops"]
        cheaper = [r for r in rows if r["group"] in ("fixed", "full") and r["data"]["mean_llm_gflops"] <= cost]
        if not cheaper:
            continue
        best = max(cheaper, key=lambda r: r["lengths"].mean())
        difference = row["lengths"] - best["lengths"]
        low, high = interval(difference[resampled(len(difference))].mean(axis=1))
        lines.append(f"| {row['label']} | {row['data']['mean_depth']:.2f} "
                     f"| {best['label']} ({best['lengths'].mean():.2f}) "
                     f"| {difference.mean():+.2f} ({low:+.2f} to {high:+.2f}) |")
    return lines


def compared(rows):
    """The policies that the tables by task show: all exits, and two criteria."""
    return [row for row in rows if row["group"] in ("full", "fixed") or row["key"][1] in (3, 4)
            and row["group"] in ("dynamic", "gate")]


def cell(statistics):
    if not statistics:
        return "–"
    return f"{100 * statistics['success_rate']:.0f} % of {statistics['tries']}, {statistics['mean_depth']:.1f}"


def split_table(rows, field, names, title):
    best = compared(rows)
    lines = [f"| {title} | " + " | ".join(row["label"] for row in best) + " |", "|---" * (len(best) + 1) + "|"]
    for name in names:
        cells = [cell(row["data"][field].get(name)) for row in best]
        if any(c != "–" for c in cells):
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def plot(rows, file):
    plt.rcParams.update({"font.size": 10, "svg.hashsalt": "deerscope", "svg.fonttype": "none"})
    figure, axes = plt.subplots(figsize=(7.2, 4.2), layout="constrained")
    for group, label in LABELS.items():
        points = sorted((row["data"] for row in rows if row["group"] == group), key=lambda d: d["mean_llm_gflops"])
        if not points:
            continue
        length = np.array([d["average_length"] for d in points])
        bounds = np.array([d["average_length_95"] for d in points]).T
        axes.errorbar([d["mean_llm_gflops"] for d in points], length, yerr=np.abs(bounds - length),
                      color=COLOURS[group], label=label, marker="o", markersize=5,
                      linewidth=1.4 if group != "full" else 0, elinewidth=0.8, capsize=2)
    axes.set_xlabel("language model, GFLOPs a step (a multiply-add is one)")
    axes.set_ylabel("instructions in a row, of 5")
    axes.set_ylim(0, 5 if max(row["data"]["average_length"] for row in rows) > 2 else None)
    axes.set_xlim(left=0)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="best")
    figure.savefig(file, metadata={"Date": None})
    plt.close(figure)


def replace(text, name, lines):
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    if begin not in text or end not in text:
        sys.exit(f"docs/benchmark.md has no place for {name}: {begin} … {end}")
    head, rest = text.split(begin, 1)
    return head + begin + "\n" + "\n".join(lines) + "\n" + end + rest.split(end, 1)[1]


def main():
    docs = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs"
    results = docs / "benchmark"
    page = docs / "benchmark.md"
    text = page.read_text()
    for suite in SUITES:
        if not (results / suite / "full.json").is_file():
            print(f"{suite}: not measured; run benchmark.sh {suite}")
            continue
        rows = read(results / suite)
        tasks = sorted({task for row in compared(rows) for task in row["data"]["per_task"]})
        parts = {"policies": main_table(rows), "fixed exits": fixed_table(rows),
                 "tasks": split_table(rows, "per_task", tasks, "task")}
        if suite == "referring":
            parts["difficulty"] = split_table(rows, "per_difficulty", DIFFICULTIES, "difficulty")
            parts["new"] = split_table(rows, "per_unseen", ["nothing", "scene", "phrasing", "combination"], "new")
        for title, lines in parts.items():
            text = replace(text, f"{suite}: {title}", lines)
        plot(rows, docs / f"benchmark_{suite}.svg")
    page.write_text(text)


if __name__ == "__main__":
    main()
