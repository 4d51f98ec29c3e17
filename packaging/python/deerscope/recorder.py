# SPDX-License-Identifier: GPL-3.0-or-later
"""Recording a run."""

from __future__ import annotations

import atexit
import datetime
import os
import threading
import time
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple, Type, Union

import h5py
import numpy as np

from ._checks import checked_flag, checked_instruction, checked_path
from ._existing import refuse_unless_trace, trace_with_frames_in
from ._frames_folder import FramesFolder, folder_of
from ._png import png, shrink
from ._rows import Array, Images, Logged, Row, runs
from ._run import Run, checked_run
from ._trace_file import TraceError, TraceFile
from ._trace_format import FORMAT, LAYOUT_VERSION, VERSION, columns
from ._version import __version__
from .actions import ActionLayout, Dimension

_FLUSH_EVERY_S = 1.0
_BUFFER_BYTES = 32 << 20
_THUMBNAIL_WIDTH = 200  # pixels


class Recorder:
    """Writes a trace: one row per frame with every exit's action, delta and feature.

    The file opens in `deerscope` and `deer` at every moment, also after the process was killed; it then holds all
    frames up to the last second. Pictures and states go to a folder next to it (`run.h5` → `run.frames`, `exp_0.5` →
    `exp_0.5.frames`) in CALVIN's layout, which the trace names and no other recording shares; small copies of the
    static camera's pictures are in the trace itself.

    All methods may be called from several threads. Use it in a `with` statement, or call `close()`.
    """

    def __init__(
        self,
        path: Union[str, "os.PathLike[str]"],
        exits: Sequence[int],
        actions: Union[int, Sequence[Union[str, Dimension]], ActionLayout],
        *,
        layers: Optional[int] = None,
        feature_size: int = 0,
        half_features: bool = False,
        thresholds: Optional[Sequence[float]] = None,
        delta_type: str = "L2",
        model_name: str = "policy",
        family: str = "",
        device: str = "",
        dtype: str = "",
        overwrite: bool = False,
    ) -> None:
        """
        path: the trace, usually ending in .h5.
        exits: zero-based decoder layers after which the exits sit, shallow to deep. The first one is not layer 0: its
            action is compared with that of the layer below it.
        actions: layout of an action: an `ActionLayout`, the number of values, or their names.
        layers: decoder layers of the model, at most 65536; by default those up to the deepest exit.
        feature_size: numbers in the pooled hidden state of an exit (d_model), at most 65536; 0 if features are not
            logged. With `DEER_ACTIONS` it must be given.
        half_features: store features as float16.
        thresholds: one per exit, shallow to deep, or all but the deepest: a frame exits at the first exit whose delta
            is at most this. They are the policy that the program shows first, and decide in `log` where `taken` is not
            given. Without them that policy runs all layers.
        delta_type: how actions are compared: "L2" (root mean square), "mean", "max" or "cosine"; see
            `deerscope.delta`.
        model_name, family, device, dtype: shown by the program.
        overwrite: replace an existing trace and its frames. Otherwise they raise FileExistsError; so do, in any case,
            a file that is not a trace, a trace that is being recorded, and a folder with another trace's frames.

        Raises ValueError or TypeError naming the argument, what was found and what was expected, and TraceError if the
        file cannot be created.
        """
        self._path = os.path.abspath(checked_path("path", path))
        texts = {"model_name": model_name, "family": family, "device": device, "dtype": dtype}
        run = checked_run(exits, actions, layers, feature_size, thresholds, delta_type, texts, half_features)
        replace = checked_flag("overwrite", overwrite)
        self._run = run
        self._folder = FramesFolder(folder_of(self._path))
        self._take_place(replace)
        try:
            self._file = TraceFile(self._path, run.shape, self._metadata(bool(half_features)), bool(half_features))
            self._folder.clear()
        except BaseException:
            self._folder.release()
            raise

        self._columns = columns(run.shape)
        self._process = os.getpid()
        self._lock = threading.Condition()  # of what follows
        self._writing = threading.Lock()  # of the files; taken before _lock
        self._rows: List[Row] = []
        self._bytes = 0
        self._logged = 0
        self._texts: Dict[str, int] = {}
        self._new_texts: List[bytes] = []
        self._instruction: Optional[str] = None
        self._frame = 0  # of the episode
        self._in_folder = False  # whether this episode's frames are in the folder
        self._folder_episodes = 0
        self._next_id = 0
        self._failure: Optional[Exception] = None
        self._closed = False
        self._thread = threading.Thread(target=self._flush_in_time, name="deerscope recorder", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    # What callers see.

    @property
    def path(self) -> str:
        """Absolute path of the trace."""
        return self._path

    @property
    def layout(self) -> ActionLayout:
        """Layout of the actions."""
        return self._run.layout

    @property
    def exits(self) -> Tuple[int, ...]:
        """Zero-based layers of the exits, shallow to deep."""
        return self._run.exits

    @property
    def feature_size(self) -> int:
        """Numbers in a feature; 0 if features are not logged."""
        return self._run.shape.feature_size

    @property
    def frames(self) -> int:
        """Frames logged so far, over all episodes."""
        return self._logged

    @property
    def closed(self) -> bool:
        """Whether `close()` was called."""
        return self._closed

    def start_episode(self, instruction: str = "") -> None:
        """Starts an episode: frames are numbered from 0 again and the policy's history is taken as reset.

        instruction: what the policy was told, any Unicode text.
        """
        checked_instruction(instruction)
        self._refuse_in_child()
        with self._lock:
            self._refuse_if_over()
            self._instruction = instruction
            self._frame = 0
            if self._in_folder:
                self._folder_episodes += 1
            self._in_folder = False
            if self._logged:
                self._next_id += 1  # the episodes do not continue one another

    def log(
        self,
        actions: Sequence[Optional[Array]],
        *,
        taken: Optional[int] = None,
        features: Optional[Sequence[Optional[Array]]] = None,
        deltas: Optional[Sequence[Optional[float]]] = None,
        thresholds: Optional[Sequence[float]] = None,
        previous_action: Optional[Array] = None,
        previous_feature: Optional[Array] = None,
        action: Optional[Array] = None,
        command: Optional[Array] = None,
        recorded_action: Optional[Array] = None,
        images: Optional[Images] = None,
        state: Optional[Array] = None,
        scene: Optional[Array] = None,
        times_ms: Optional[Mapping[str, float]] = None,
        prompt_tokens: int = 0,
        reason: Optional[str] = None,
    ) -> Logged:
        """Adds one frame. It is in the file within a second. Nothing of it is kept if this raises.

        actions: one entry per exit, shallow to deep: [steps, width] (or [width] if steps is 1), in stored values; None
            for exits that were not evaluated.
        taken: index of the exit at which the frame exited, from 0. By default the first whose delta is at most its
            threshold, otherwise the deepest one evaluated.
        features: pooled hidden state of each exit, [feature_size], finite, or None.
        deltas: of each exit from the previous one, from 0. By default computed from `actions` (first exit: from
            `previous_action`); NaN or None where not evaluated.
        thresholds: of this frame, if they differ from the recorder's.
        previous_action, previous_feature: of the layer below the first exit, with which the first exit is compared.
        action: executed, if it is not that of the exit taken, [steps, width].
        command: sent to the robot, if it is not `action`, [steps, width]. For `DEER_ACTIONS` the gripper is +1 (open)
            or -1 (close).
        recorded_action: the action of one step that a demonstration has here, [width].
        images: RGB, uint8 [height, width, 3]: one picture, or a dict of cameras. "static" is required and shown by the
            program, "gripper" as well; other cameras are only stored.
        state: numbers of the robot, [n]. 15 numbers are taken as CALVIN's `robot_obs` (position in m, Euler angles and
            joints in rad, widths in m), from which the program draws the arm.
        scene: CALVIN's `scene_obs`, [24].
        times_ms: milliseconds by stage: "preprocess", "vision", "resampler", "llm", "head".
        prompt_tokens: tokens of the instruction as the model reads it, at most 1048576; 0 if not known.
        reason: why the frame exited there: "within_threshold", "deepest_allowed", "held", "scheduled", "fixed",
            "forced" or "repeated". By default found from deltas and thresholds.

        If an episode has images, state or scene, its first frame has.

        Raises ValueError or TypeError naming the argument, what was found and what was expected, and TraceError if
        writing failed (disk full).
        """
        maker = self._run.maker
        limits = self._run.limits if thresholds is None else maker.checked_thresholds(thresholds)
        row, logged = maker.make(
            actions,
            limits,
            taken,
            features,
            deltas,
            previous_action,
            previous_feature,
            action,
            command,
            recorded_action,
            images,
            state,
            scene,
            times_ms,
            prompt_tokens,
            reason,
        )
        self._refuse_in_child()
        with self._lock:
            self._refuse_if_over()
            frame = self._place(row)
            self._rows.append(row)
            self._bytes += row.size
            self._logged += 1
            is_full = self._bytes >= _BUFFER_BYTES
            self._lock.notify()
        if is_full:
            self.flush()
        return logged._replace(frame=frame)

    def flush(self) -> None:
        """Writes all waiting frames. Raises TraceError."""
        self._refuse_in_child()
        with self._writing:
            with self._lock:
                self._refuse_if_over()
            self._write()

    def close(self) -> None:
        """Writes all waiting frames and closes the trace. May be called again. Raises TraceError."""
        if os.getpid() != self._process:
            return  # a forked child: the file is its parent's
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._lock.notify_all()
        atexit.unregister(self.close)
        self._thread.join()
        with self._writing:
            try:
                if self._failure is None:
                    self._write()
            finally:
                try:
                    self._file.close()
                finally:
                    self._folder.release()
        if self._failure is not None:
            raise self._failure

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], *rest: object) -> None:
        self.close()

    # Where it is.

    def _take_place(self, replace: bool) -> None:
        """Takes the folder for this recording alone, once nothing is in the way that may not be replaced."""
        if os.path.lexists(self._path):
            if not replace:
                self._refuse_existing(self._path)
            refuse_unless_trace(self._path)
        try:
            is_used = self._folder.take()
        except FileExistsError:
            raise
        except OSError as error:
            raise TraceError(f"{self._path}: cannot be created: {error.strerror}") from None
        try:
            if is_used and not replace:
                self._refuse_existing(self._folder.path)
            owner = trace_with_frames_in(self._folder.path, self._path) if is_used else None
            if owner is not None:
                raise FileExistsError(f"{self._folder.path} holds the frames of {owner}: choose another path")
        except BaseException:
            self._folder.release()
            raise

    @staticmethod
    def _refuse_existing(path: str) -> None:
        raise FileExistsError(f"{path} exists: choose another path, or pass overwrite=True to replace it")

    # Numbering.

    def _place(self, row: Row) -> int:
        """Numbers the frame and returns its number in the episode."""
        if self._instruction is None:
            raise ValueError("no episode has been started: call start_episode() before log()")
        if self._frame == 0:
            self._in_folder = bool(row.arrays)
        elif row.arrays and not self._in_folder:
            raise ValueError(
                f"frame {self._frame} has images, state or scene, but the first frame of its episode had none"
            )
        frame = self._frame
        row.values.update(
            {
                "frames/frame": frame,
                "frames/step": frame,
                "frames/source": self._text(self._folder.path) if self._in_folder else -1,
                "frames/episode": self._folder_episodes if self._in_folder else -1,
                "frames/frame_id": self._next_id,
                "frames/instruction": self._text(self._instruction),
            }
        )
        self._frame += 1
        self._next_id += 1
        return frame

    def _text(self, text: str) -> int:
        if not text:
            return -1
        if text not in self._texts:
            self._texts[text] = len(self._texts)
            # A path may hold bytes that are no UTF-8.
            self._new_texts.append(text.encode("utf-8", "surrogateescape" if text == self._folder.path else "replace"))
        return self._texts[text]

    def _metadata(self, half: bool) -> Dict[str, Any]:
        run = self._run
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {
            "format": FORMAT,
            "version": VERSION if run.layout.is_deer else LAYOUT_VERSION,
            "action": run.layout.as_json(),
            "model": {
                "path": "",
                "name": run.texts["model_name"],
                "hash": "",
                "family": run.texts["family"],
                "layers": run.layers,
                "d_model": run.shape.feature_size,
            },
            "exit_layers": list(run.exits),
            "device": run.texts["device"],
            "dtype": run.texts["dtype"],
            "features": "float16" if half else "float32",
            "exact": not half,
            "policy": run.policy(),
            "versions": {
                "deerscope for Python": __version__,
                "hdf5": h5py.version.hdf5_version,
                "h5py": h5py.__version__,
            },
            "created": now,
        }

    # Writing.

    def _refuse_in_child(self) -> None:
        # Before any lock: another thread of the parent may have held it when this process was forked.
        if os.getpid() != self._process:
            raise TraceError(f"{self._path}: is recorded by the parent of this process")

    def _refuse_if_over(self) -> None:
        if self._closed:
            raise ValueError(f"{self._path}: the trace is closed")
        if self._failure is not None:
            raise self._failure

    def _write(self) -> None:
        """Writes what waits. Call with _writing held."""
        with self._lock:
            rows, self._rows = self._rows, []
            texts, self._new_texts = self._new_texts, []
            self._bytes = 0
        if not rows:
            return
        try:
            self._write_rows(rows, texts)
        except Exception as error:
            if isinstance(error, OSError) and not isinstance(error, TraceError):
                error = TraceError(f"{self._folder.path}: cannot be written: {error.strerror or error}")
            with self._lock:
                self._failure = error
            raise error from None

    def _write_rows(self, rows: List[Row], texts: List[bytes]) -> None:
        in_folder = False
        thumbnails = bytearray()
        begin = self._file.thumbnail_bytes
        for row in rows:
            # Pictures first: the trace names only what is there.
            episode = row.values["frames/episode"]
            if episode >= 0:
                self._folder.add(episode, row.values["frames/frame_id"], row.arrays)
                in_folder = True
            if "rgb_static" in row.arrays:
                thumbnails += png(shrink(row.arrays["rgb_static"], _THUMBNAIL_WIDTH))
            row.values["frames/thumbnail_end"] = begin + len(thumbnails)
        if in_folder:
            self._folder.write_index()
        stacked = {
            column.name: np.stack([np.asarray(row.values[column.name]) for row in rows]).astype("<" + column.dtype)
            for column in self._columns
            if column.entry != "feature"
        }
        self._file.append(stacked, runs(rows), texts, bytes(thumbnails))

    def _flush_in_time(self) -> None:
        while True:
            with self._lock:
                self._lock.wait_for(lambda: self._rows or self._closed)
                end = time.monotonic() + _FLUSH_EVERY_S
                self._lock.wait_for(lambda: self._closed, timeout=end - time.monotonic())
                if self._closed:
                    return
            with self._writing:
                try:
                    self._write()
                except Exception:
                    return  # the next call raises it
