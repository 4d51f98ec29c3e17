# SPDX-License-Identifier: GPL-3.0-or-later
"""`deer serve` for tests of its clients."""

import os
import signal
import subprocess

import numpy as np
import pytest

from conftest import SOURCE

MODEL = os.path.join(SOURCE, "tests", "data", "random_demo", "model")


class Served:
    """The built program, serving the random demo model until it is stopped."""

    def __init__(self, *options, address="127.0.0.1:0"):
        command = [os.environ["DEER_PROGRAM"], "serve", MODEL, "--listen", address, *map(str, options)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self._process.stdout.readline()
        if not line:
            message = self._process.communicate()[1]
            if "this build has no deer serve" in message:
                pytest.skip("deer was built without gRPC")
            raise AssertionError(message)
        self.address = line.split(" at ")[-1].strip()

    def stop(self, number=signal.SIGTERM):
        self._process.send_signal(number)
        self._process.communicate(timeout=60)
        return self._process.returncode

    def __enter__(self):
        return self

    def __exit__(self, *rest):
        if self._process.poll() is None:
            self.stop(signal.SIGKILL)


def frames(count, seed=3):
    """Pictures of both cameras, uint8 [200, 200, 3] and [84, 84, 3]."""
    random = np.random.default_rng(seed)
    return [
        (random.integers(0, 256, (200, 200, 3), np.uint8), random.integers(0, 256, (84, 84, 3), np.uint8))
        for _ in range(count)
    ]
