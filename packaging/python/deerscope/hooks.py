# SPDX-License-Identifier: GPL-3.0-or-later
"""Recording a PyTorch model through hooks."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Sequence, Type, Union

from ._checks import checked_flag, checked_instruction, checked_path, shown
from ._rows import Logged, checked_exits
from ._run import checked_run
from .actions import ActionLayout, Dimension, checked_layout
from .recorder import Recorder

if TYPE_CHECKING:
    import torch

Pool = Union[str, Callable[["torch.Tensor"], "torch.Tensor"]]
Head = Callable[["torch.Tensor"], Any]


def attach(
    model: "torch.nn.Module",
    layers: Sequence[int],
    head: Union[Head, Sequence[Head]],
    *,
    path: Union[str, "os.PathLike[str]"],
    actions: Union[int, Sequence[Union[str, Dimension]], ActionLayout],
    pool: Pool = "last",
    decoder: Optional[str] = None,
    previous: bool = True,
    passes: str = "last",
    **options: Any,
) -> "Attached":
    """Records a PyTorch decoder with exits. The model is not changed: hooks take the hidden states after the chosen
    layers, and `Attached.log` pools them, runs the head at every exit and writes the frame.

    layers: zero-based decoder layers after which the exits sit, shallow to deep; the first is not layer 0.
    head: the action head, or one for each exit. Called without gradients with a pooled feature [1, D] in the model's
        precision; returns an action, any shape with steps x width numbers. A head with a history of its own must not
        change it in this call.
    path, actions: as for `Recorder`. The trace is created by the first `log`.
    pool: over the tokens of a hidden state [T, D]: "last", "mean", "max", or a function that returns [D].
    decoder: name of the decoder's layers (a ModuleList) in the model, such as "model.layers". Found by itself if there
        is only one list that is long enough.
    previous: also run the head on the layer below the first exit, so that the first exit has a delta.
    passes: which forward pass to log if there are several in a frame, as with generated tokens: "first" (the prompt) or
        "last".
    options: of `Recorder`: thresholds, delta_type, half_features, model_name, overwrite and others.

    Raises ValueError or TypeError naming the argument, what was found and what was expected, also if the layers cannot
    be found.
    """
    return Attached(model, layers, head, path, actions, pool, decoder, previous, passes, options)


class Attached:
    """A model that is being recorded, see `attach`. One thread at a time. Use it in a `with` statement, or call
    `close()`."""

    def __init__(
        self,
        model: "torch.nn.Module",
        layers: Sequence[int],
        head: Union[Head, Sequence[Head]],
        path: Union[str, "os.PathLike[str]"],
        actions: Union[int, Sequence[Union[str, Dimension]], ActionLayout],
        pool: Pool,
        decoder: Optional[str],
        previous: bool,
        passes: str,
        options: Dict[str, Any],
    ) -> None:
        import torch

        if not isinstance(model, torch.nn.Module):
            raise TypeError(f"model is {shown(model)}, expected a torch.nn.Module")
        self._layers = list(checked_exits(layers, "layers"))
        self._layout = checked_layout("actions", actions)
        self._path = checked_path("path", path)
        _check_options(options, self._layers, self._layout)
        self._pool = _pooling(pool)
        if passes not in ("first", "last"):
            raise ValueError(f"passes is {passes!r}, expected 'first' or 'last'")
        self._passes = passes
        self._options = options
        self._recorder: Optional[Recorder] = None
        self._instruction: Optional[str] = None
        self._handles: List[Any] = []

        stack = _decoder_layers(model, decoder, max(self._layers))
        for layer in self._layers:
            if not 1 <= layer < len(stack):
                raise ValueError(f"there is no exit after layer {layer}: expected layers 1 to {len(stack) - 1}")
        self._options.setdefault("layers", len(stack))
        many = isinstance(head, Sequence) or type(head).__name__ == "ModuleList"
        self._heads: List[Head] = list(head) if many else [head] * len(self._layers)  # type: ignore
        if len(self._heads) != len(self._layers):
            raise ValueError(f"there are {len(self._heads)} heads, expected one, or {len(self._layers)}, one per exit")
        for one in self._heads:
            if not callable(one):
                raise TypeError(f"head is {shown(one)}, expected a function or module, or one for each exit")
        self._previous = self._layers[0] - 1 if previous else None

        self._features: Dict[int, "torch.Tensor"] = {}  # by layer, [1, D]
        self._is_ignoring = False  # a pass that is not logged
        self._started = 0.0  # the pass, seconds
        self._llm_ms = 0.0
        hooked = self._layers if self._previous is None else [self._previous, *self._layers]
        self._handles.append(stack[0].register_forward_pre_hook(self._begin_pass))
        for layer in hooked:
            self._handles.append(stack[layer].register_forward_hook(self._taking(layer)))

    @property
    def recorder(self) -> Optional[Recorder]:
        """The recorder, once the first frame is logged."""
        return self._recorder

    def start_episode(self, instruction: str = "") -> None:
        """As `Recorder.start_episode`."""
        checked_instruction(instruction)
        self._instruction = instruction
        if self._recorder is not None:
            self._recorder.start_episode(instruction)

    def log(self, **frame: Any) -> Logged:
        """Writes the frame that the model has just run.

        frame: as for `Recorder.log`, except actions, features and those of the previous layer, which are computed:
            taken, images, state, times_ms and others. `times_ms` is measured for "llm" (decoder layers, up to the
            deepest exit) and "head" (all exits) where it is not given.

        Returns what was logged, with the action of the exit taken. Exits whose layers did not run are logged as not
        evaluated. Raises ValueError if the model has not run since the last call, or the head returns another number
        of values than the layout has.
        """
        if not self._features:
            raise ValueError("the model has not run since the last log()")
        exits = [self._features.get(layer) for layer in self._layers]
        before = None if self._previous is None else self._features.get(self._previous)
        start = self._now()
        actions = [None if one is None else self._act(self._heads[i], one) for i, one in enumerate(exits)]
        previous_action = None if before is None else self._act(self._heads[0], before)
        head_ms = 1000 * (self._now() - start)
        features = [None if one is None else _numbers(one)[0] for one in exits]

        if self._recorder is None:
            size = next(len(one) for one in features if one is not None)
            self._recorder = Recorder(self._path, self._layers, self._layout, feature_size=size, **self._options)
            if self._instruction is not None:
                self._recorder.start_episode(self._instruction)
        times = {"llm": self._llm_ms, "head": head_ms}
        times.update(frame.pop("times_ms", None) or {})
        logged = self._recorder.log(
            actions,
            features=features,
            previous_action=previous_action,
            previous_feature=None if before is None else _numbers(before)[0],
            times_ms=times,
            **frame,
        )
        self._features = {}
        self._llm_ms = 0.0
        return logged

    def detach(self) -> None:
        """Removes the hooks from the model."""
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def close(self) -> None:
        """Removes the hooks and closes the trace. May be called again."""
        self.detach()
        if self._recorder is not None:
            self._recorder.close()

    def __enter__(self) -> "Attached":
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], *rest: object) -> None:
        self.close()

    # Hooks.

    def _begin_pass(self, module: Any, inputs: Any) -> None:
        self._is_ignoring = self._passes == "first" and bool(self._features)
        if not self._is_ignoring:
            self._features = {}
            self._llm_ms = 0.0
        self._started = self._now()

    def _taking(self, layer: int) -> Callable[[Any, Any, Any], None]:
        def take(module: Any, inputs: Any, output: Any) -> None:
            if self._is_ignoring:
                return
            hidden = _hidden_state(output, layer)
            pooled = self._pool(hidden.detach())
            if pooled.dim() != 1:
                raise ValueError(f"the pooled feature has the shape {list(pooled.shape)}, expected [D]")
            # A copy: the model may overwrite its buffers.
            self._features[layer] = pooled.clone().unsqueeze(0)
            self._llm_ms = 1000 * (self._now() - self._started)

        return take

    def _act(self, head: Head, feature: "torch.Tensor") -> Any:
        import torch

        with torch.no_grad():
            action = head(feature)
        numbers = _numbers(action) if isinstance(action, torch.Tensor) else action
        expected = self._layout.size
        if getattr(numbers, "size", None) != expected:
            found = list(getattr(numbers, "shape", [])) or type(action).__name__
            raise ValueError(
                f"the head returned {found}, expected {self._layout.steps} x {self._layout.width} = {expected} numbers"
            )
        return numbers.reshape(self._layout.steps, self._layout.width)

    def _now(self) -> float:
        """Seconds, once the GPU has done its work."""
        import torch

        if torch.cuda.is_available() and torch.cuda.is_initialized():
            torch.cuda.synchronize()
        return time.perf_counter()


def _check_options(options: Dict[str, Any], layers: Sequence[int], layout: ActionLayout) -> None:
    """Before the first frame, with which the trace is created."""
    known = [name for name in Recorder.__init__.__kwdefaults__ or () if name != "feature_size"]
    for name in options:
        if name not in known:
            raise TypeError(f"attach() has no argument {name!r}, expected one of {', '.join(known)}")
    texts: Dict[str, Any] = {
        name: options[name] for name in ("model_name", "family", "device", "dtype") if name in options
    }
    checked_run(
        layers,
        layout,
        options.get("layers"),
        1,  # known with the first frame
        options.get("thresholds"),
        options.get("delta_type", "L2"),
        texts,
        options.get("half_features", False),
    )
    checked_flag("overwrite", options.get("overwrite", False))


def _pooling(pool: Pool) -> Callable[["torch.Tensor"], "torch.Tensor"]:
    if callable(pool):
        return pool
    known: Dict[str, Callable[["torch.Tensor"], "torch.Tensor"]] = {
        "last": lambda hidden: hidden[-1],
        "mean": lambda hidden: hidden.mean(dim=0),
        "max": lambda hidden: hidden.amax(dim=0),
    }
    if not isinstance(pool, str) or pool not in known:
        raise ValueError(f"pool is {shown(pool)}, expected a function or one of {', '.join(known)}")
    return known[pool]


def _numbers(tensor: "torch.Tensor") -> Any:
    return tensor.detach().float().cpu().numpy()


def _hidden_state(output: Any, layer: int) -> "torch.Tensor":
    """[T, D] from what a decoder layer returns: a tensor, or a tuple or list that begins with it."""
    import torch

    hidden = output[0] if isinstance(output, (tuple, list)) and output else output
    if not isinstance(hidden, torch.Tensor):
        raise ValueError(
            f"decoder layer {layer} returns {type(output).__name__}, expected a tensor or a tuple with one"
        )
    if hidden.dim() == 3 and hidden.shape[0] == 1:
        hidden = hidden[0]
    if hidden.dim() != 2:
        raise ValueError(
            f"decoder layer {layer} returns a hidden state of shape {list(hidden.shape)}, expected [1, tokens, width]: "
            "one frame at a time"
        )
    return hidden


def _decoder_layers(model: "torch.nn.Module", name: Optional[str], deepest: int) -> Any:
    import torch

    lists = {path: module for path, module in model.named_modules() if isinstance(module, torch.nn.ModuleList)}
    if name is not None:
        if name not in lists:
            raise ValueError(f"the model has no ModuleList {name!r}; it has {_described(lists)}")
        return lists[name]
    # Lists inside of layers, such as experts, are not the decoder.
    outer = {p: m for p, m in lists.items() if not any(p != q and p.startswith(q + ".") for q in lists)}
    long_enough = {p: m for p, m in outer.items() if len(m) > deepest}
    if len(long_enough) != 1:
        raise ValueError(
            f"{len(long_enough) or 'no'} lists of layers of the model have a layer {deepest}: name the decoder's with "
            f"decoder=…; the model has {_described(outer)}"
        )
    return next(iter(long_enough.values()))


def _described(lists: Dict[str, Any]) -> str:
    return ", ".join(f"{path or '(itself)'} with {len(module)} layers" for path, module in lists.items()) or "none"
