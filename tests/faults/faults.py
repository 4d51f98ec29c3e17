#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Disturbs deer and the window at random moments, many times, and counts what was lost.

Every command is run once undisturbed. Then, for each try, it is killed (or its disk fills up, its dataset vanishes,
another program opens its file ...) and run again in the same way. A try fails if a file that the program had finished
cannot be read, if an error is not one line that names a file, or if the result differs from the undisturbed one.

Usage: faults.py BIN [--tries 100] [--seed 1] [--json FILE] [FAULT...]      (BIN: the build's folder bin)
"""

import argparse
import json
import os
import pathlib
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEMO = ROOT / "tests/data/random_demo"
MODEL = DEMO / "model"
EPISODES = DEMO / "episodes"
LONGEST = 300  # seconds that a command may take


class Lost(Exception):
    """What a try lost, in one line."""


class Campaign:
    def __init__(self, programs, seed):
        self.deer = programs / "deer"
        self.window = programs / "deerscope"
        self.random = random.Random(seed)

    def start(self, *arguments, limit=None, **options):
        """A command in a process group of its own. limit: bytes that a file may have, as on a full disk."""

        def prepare():
            os.setsid()
            if limit is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        return subprocess.Popen([self.deer, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True, preexec_fn=prepare, **options)

    def run(self, *arguments, **options):
        process = self.start(*arguments, **options)
        out, err = process.communicate(timeout=LONGEST)
        return process.returncode, out, err

    def succeed(self, *arguments, **options):
        code, out, err = self.run(*arguments, **options)
        if code != 0:
            raise Lost(f"deer {arguments[0]} ended with {code}: {last_line(err)}")
        return out

    def killed_after(self, process, seconds):
        """True if the process was still at work. Raises Lost if it had failed by itself."""
        try:
            _, err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return True
        if process.returncode != 0:
            raise Lost(f"ended by itself with {process.returncode}: {last_line(err)}")
        return False


def last_line(text):
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "(no message)"


def check_error(code, err):
    """A failed command says why in one line, after its progress and warnings."""
    if code not in (0, 1) or (code == 1 and not last_line(err).startswith("deer: ")):
        raise Lost(f"ended with {code}: {last_line(err)}")


def without_times(value):
    """JSON without what differs from run to run."""
    changing = {"seconds", "milliseconds", "jobs", "peak_memory_bytes", "wall_s"}
    if isinstance(value, dict):
        return {k: without_times(v) for k, v in value.items() if k not in changing and not k.endswith("_ms")}
    if isinstance(value, list):
        return [without_times(v) for v in value]
    return value


class Work:
    """A command with an output, which can be interrupted and run again."""

    def __init__(self, campaign, folder):
        self.campaign = campaign
        self.folder = folder

    @classmethod
    def measured(cls, campaign, folder):
        work = cls(campaign, folder)
        work.measure()
        return work

    def arguments(self, out, again):
        raise NotImplementedError

    def result(self, out):
        """What must be equal after an interruption."""
        return out.read_bytes()

    def check_unfinished(self, out):
        """Raises Lost if what is there after an interruption is broken."""

    def measure(self):
        out = self.folder / ("undisturbed" + self.suffix)
        began = time.monotonic()
        self.campaign.succeed(*self.arguments(out, False))
        self.seconds = time.monotonic() - began
        self.expected = self.result(out)

    def is_done(self, out):
        """A command that refuses, or has nothing, to do it again."""
        return False

    def finish(self, out):
        if not self.is_done(out):
            self.campaign.succeed(*self.arguments(out, True))
        if self.result(out) != self.expected:
            raise Lost("the result differs from the undisturbed one")


class Trace(Work):
    suffix = ".h5"

    def arguments(self, out, again):
        resume = ["--resume"] if again and out.exists() else []
        return ["trace", MODEL, EPISODES, "--out", out, "--index", "0,1,0", *resume]

    def result(self, out):
        lines = self.campaign.succeed("replay", out, "--model", MODEL, "--lines").splitlines()
        return [without_times(json.loads(line)) for line in lines]

    def check_unfinished(self, out):
        if out.exists():
            self.campaign.succeed("info", out)


class Calibrate(Work):
    suffix = ".safetensors"

    def arguments(self, out, again):
        return ["calibrate", MODEL, EPISODES, "--samples", 120, "--jobs", 2, "--out", out]

    def check_unfinished(self, out):
        if out.exists():
            self.campaign.succeed("info", out)


class Train(Work):
    suffix = ""

    def arguments(self, out, again):
        out.mkdir(exist_ok=True)
        stage = {"batch": 2, "learning_rate": 0.001, "schedule": "constant"}
        stages = [{"stage": "joint", "steps": 12, **stage}, {"stage": "exit", "steps": 12, **stage}]
        settings = {"output": "run", "seed": 3, "workers": 1, "log_every": 1, "save_every_steps": 1,
                    "data": {"sources": [str(EPISODES)], "window": 4}, "model": {"start": str(MODEL)}, "stages": stages}
        (out / "train.json").write_text(json.dumps(settings))
        return ["train", out / "train.json"]

    def result(self, out):
        return (out / "run/model.safetensors").read_bytes()

    def check_unfinished(self, out):
        if (out / "run/model.safetensors").exists() and (out / "run/config.json").exists():
            self.campaign.succeed("info", out / "run")


class Tune(Work):
    suffix = ".json"

    def measure(self):
        self.start = self.folder / "start.json"
        self.campaign.succeed("solve", calibrated(self.campaign, self.folder), "--average-depth", 3, "--json", self.start)
        super().measure()

    def arguments(self, out, again):
        command = "sleep 0.02; echo 0.8 1.5 #"  # the thresholds follow
        return ["tune", "--command", command, "--thresholds", self.start, "--out", out, "--evaluations", 14,
                "--random", 4]

    def result(self, out):
        return json.loads(out.read_text())["thresholds"]

    def check_unfinished(self, out):
        if out.exists():
            json.loads(out.read_text())


class Demos(Work):
    suffix = ""

    def arguments(self, out, again):
        return ["demos", out, "--episodes", 4, "--shard", 1, "--segment", 1, "--seed", 5, "--jobs", 2, "--tasks",
                "turn_on_led,turn_off_led"]

    def is_done(self, out):
        return (out / "recording.json").exists()

    def result(self, out):
        return {str(file.relative_to(out)): file.read_bytes() for file in sorted(out.rglob("*"))
                if file.is_file() and file.name != "recording.json"}


class Eval(Work):
    suffix = ".json"

    def arguments(self, out, again):
        return ["eval", MODEL, "--chains", 4, "--length", 1, "--max-steps", 12, "--jobs", 2, "--json", out]

    def is_done(self, out):
        return out.exists()

    def result(self, out):
        return without_times(json.loads(out.read_text()))


def calibrated(campaign, folder):
    out = folder / "start.safetensors"
    campaign.succeed("calibrate", MODEL, EPISODES, "--samples", 60, "--jobs", 1, "--out", out)
    return out


# Each fault: (campaign, folder) -> a function that makes one try in an empty folder.


def killed(kind):
    def prepare(campaign, folder):
        work = kind.measured(campaign, folder)

        def attempt(place):
            out = place / ("out" + work.suffix)
            # Twice, since what a killed run left must also bear the next kill.
            for _ in range(2):
                process = campaign.start(*work.arguments(out, True))
                if not campaign.killed_after(process, campaign.random.uniform(0, work.seconds)):
                    break
                work.check_unfinished(out)
                if work.is_done(out):
                    break
            work.finish(out)

        return attempt

    return prepare


def disk_full(kind):
    def prepare(campaign, folder):
        work = kind.measured(campaign, folder)
        top = folder / ("undisturbed" + work.suffix)
        largest = max(file.stat().st_size for file in [top, *top.rglob("*")] if file.is_file())

        def attempt(place):
            out = place / ("out" + work.suffix)
            arguments = work.arguments(out, False)
            code, _, err = campaign.run(*arguments, limit=campaign.random.randrange(512, max(1024, largest)))
            check_error(code, err)
            work.check_unfinished(out)
            work.finish(out)

        return attempt

    return prepare


def read_only(campaign, folder):
    kinds = [Trace(campaign, folder), Calibrate(campaign, folder), Demos(campaign, folder), Eval(campaign, folder)]

    def attempt(place):
        kind = campaign.random.choice(kinds)
        place.chmod(0o555)
        try:
            # The administrator may write everywhere: run as nobody.
            options = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
            code, _, err = campaign.run(*kind.arguments(place / ("out" + kind.suffix), False), **options)
        finally:
            place.chmod(0o755)
        check_error(code, err)
        if code != 1 or str(place) not in last_line(err):
            raise Lost(f"does not name the folder: {last_line(err)}")

    return attempt


def dataset_vanishes(campaign, folder):
    work = Trace.measured(campaign, folder)

    def attempt(place):
        data = place / "data"
        shutil.copytree(EPISODES, data)
        out = place / "out.h5"
        process = campaign.start("trace", MODEL, data, "--out", out, "--index", "0,1,0")
        try:
            process.communicate(timeout=campaign.random.uniform(0, work.seconds))
        except subprocess.TimeoutExpired:
            files = sorted(file for file in data.rglob("*") if file.is_file())
            match campaign.random.randrange(3):
                case 0:
                    shutil.rmtree(data, ignore_errors=True)
                case 1:
                    for file in files:  # cut short
                        os.truncate(file, campaign.random.randrange(0, file.stat().st_size + 1))
                case 2:
                    for file in files:  # written anew with other content
                        file.write_bytes(campaign.random.randbytes(file.stat().st_size))
            _, err = process.communicate(timeout=LONGEST)
            check_error(process.returncode, err)
        if out.exists():
            campaign.succeed("info", out)

    return attempt


def read_while_written(campaign, folder):
    work = Trace.measured(campaign, folder)

    def attempt(place):
        out = place / "out.h5"
        writer = campaign.start(*work.arguments(out, False))
        frames = 0
        while writer.poll() is None:
            if not out.exists():
                time.sleep(0.01)
                continue
            seen = json.loads(campaign.succeed("info", out, "--json"))["frames"]
            if seen < frames:
                raise Lost(f"{frames} frames became {seen}")
            frames = seen
        writer.communicate()
        if writer.returncode != 0 or work.result(out) != work.expected:
            raise Lost("the trace differs from one that nobody read")

    return attempt


def two_programs(campaign, folder):
    work = Trace.measured(campaign, folder)

    def attempt(place):
        out = place / "out.h5"
        first = campaign.start(*work.arguments(out, False))
        time.sleep(campaign.random.uniform(0, work.seconds / 2))
        second = campaign.start("trace", MODEL, EPISODES, "--out", out, "--index", "0,1,0", "--overwrite")
        codes = []
        for process in (first, second):
            _, err = process.communicate(timeout=LONGEST)
            check_error(process.returncode, err)
            codes.append(process.returncode)
        if 0 not in codes:
            raise Lost("neither program wrote the file")
        if work.result(out) != work.expected:
            raise Lost("the trace is not that of one program")

    return attempt


def window_killed(campaign, folder):
    """The window starts again after kill -9."""

    def attempt(place):
        environment = {**os.environ, "XDG_CONFIG_HOME": str(place / "config"), "XDG_CACHE_HOME": str(place / "cache"),
                       "XDG_DATA_HOME": str(place / "data"), "QT_QPA_PLATFORM": "xcb", "LIBGL_ALWAYS_SOFTWARE": "1"}
        command = ["xvfb-run", "-a", campaign.window, "--model", MODEL, "--episode", EPISODES, "--run"]
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   preexec_fn=os.setsid)
        try:
            process.communicate(timeout=campaign.random.uniform(1, 6))
            raise Lost("the window ended by itself")
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
        picture = place / "after.png"
        shown = subprocess.run(["xvfb-run", "-a", campaign.window, "--screenshot", picture], env=environment,
                               capture_output=True, text=True, timeout=LONGEST)
        if shown.returncode != 0 or not picture.exists():
            raise Lost(f"the window does not start again: {last_line(shown.stderr)}")

    return attempt


FAULTS = {
    "trace, killed": killed(Trace),
    "calibrate, killed": killed(Calibrate),
    "train, killed": killed(Train),
    "tune, killed": killed(Tune),
    "demos, killed": killed(Demos),
    "eval, killed": killed(Eval),
    "window, killed": window_killed,
    "trace, disk full": disk_full(Trace),
    "calibrate, disk full": disk_full(Calibrate),
    "train, disk full": disk_full(Train),
    "demos, disk full": disk_full(Demos),
    "read-only folder": read_only,
    "dataset vanishes or changes": dataset_vanishes,
    "trace read while written": read_while_written,
    "two programs on one trace": two_programs,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin", type=pathlib.Path)
    parser.add_argument("fault", nargs="*", help=", ".join(FAULTS))
    parser.add_argument("--tries", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_intermixed_args()
    for name in options.fault:
        if name not in FAULTS:
            parser.error(f"no such fault: {name}")

    report = []
    for name in options.fault or FAULTS:
        began = time.monotonic()
        losses = []
        with tempfile.TemporaryDirectory(prefix="deer_faults_") as folder:
            folder = pathlib.Path(folder)
            folder.chmod(0o755)
            try:
                attempt = FAULTS[name](Campaign(options.bin.resolve(), options.seed), folder)
            except (Lost, OSError, subprocess.TimeoutExpired) as error:
                sys.exit(f"{name}: fails undisturbed: {error}")
            for number in range(options.tries):
                place = folder / f"try_{number}"
                place.mkdir()
                try:
                    attempt(place)
                except (Lost, OSError, ValueError, KeyError, subprocess.TimeoutExpired) as lost:
                    losses.append(f"try {number}: {lost}")
                shutil.rmtree(place, ignore_errors=True)
        seconds = time.monotonic() - began
        report.append({"fault": name, "tries": options.tries, "lost": len(losses), "losses": losses,
                       "seconds": round(seconds, 1)})
        print(f"{name:32} {options.tries:5} tries {len(losses):4} lost {seconds:8.1f} s", flush=True)
        for loss in losses[:5]:
            print(f"    {loss}", flush=True)
        if options.json:
            options.json.write_text(json.dumps(report, indent=1) + "\n")
    return 1 if any(row["lost"] for row in report) else 0


if __name__ == "__main__":
    sys.exit(main())
