#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times a step of a DeeR model of given sizes in eager PyTorch, by exit: what `deer bench` is compared with.

Written for this comparison from the published sizes, with plain modules and random weights, in the way of the authors'
code: one camera after the other, attention written out, every layer's modules called from Python. It computes nothing
useful.

    python3 tests/bench/bench_peer.py MODEL/config.json --device cuda --dtype bfloat16 --json peer.json

Any other implementation, such as the authors' repository, is timed in the same way with --adapter FILE.py, which defines

    def load(config, device, dtype, tokens): ...

and returns a function of an exit's layer that runs one step with both cameras and returns the arm's action, a tensor.
"""

import argparse
import importlib.util
import json
import math
import statistics
import sys
import time

import torch
from torch import nn


class Attention(nn.Module):
    """Multi-head attention with the matrix of weights written out."""

    def __init__(self, dim, heads, dim_head, context=None, bias=True):
        super().__init__()
        self.heads, self.scale = heads, dim_head**-0.5
        inner = heads * dim_head
        self.to_q = nn.Linear(dim, inner, bias=bias)
        self.to_kv = nn.Linear(context or dim, 2 * inner, bias=bias)
        self.out = nn.Linear(inner, dim, bias=bias)

    def forward(self, x, context=None, bias=None):
        k, v = self.to_kv(x if context is None else context).chunk(2, dim=-1)
        q, k, v = (t.unflatten(-1, (self.heads, -1)).transpose(1, 2) for t in (self.to_q(x), k, v))
        scores = (q * self.scale) @ k.transpose(-2, -1)
        if bias is not None:
            scores = scores + bias
        out = scores.softmax(dim=-1) @ v
        return self.out(out.transpose(1, 2).flatten(2))


def feed_forward(dim, width, bias):
    return nn.Sequential(nn.Linear(dim, width, bias=bias), nn.GELU(), nn.Linear(width, dim, bias=bias))


class Block(nn.Module):
    """A layer of an image tower or a decoder."""

    def __init__(self, dim, heads, width, bias=True):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attention = Attention(dim, heads, dim // heads, bias=bias)
        self.mlp = feed_forward(dim, width, bias)

    def forward(self, x, bias=None):
        x = x + self.attention(self.norm1(x), bias=bias)
        return x + self.mlp(self.norm2(x))


class Vision(nn.Module):
    def __init__(self, c):
        super().__init__()
        patches = (c["image_size"] // c["patch_size"]) ** 2
        self.conv = nn.Conv2d(3, c["width"], c["patch_size"], c["patch_size"], bias=False)
        self.position = nn.Parameter(torch.randn(patches + 1, c["width"]) * 0.02)
        self.first = nn.Parameter(torch.randn(1, 1, c["width"]) * 0.02)
        self.norm = nn.LayerNorm(c["width"])
        width = int(c["width"] * c.get("mlp_ratio", 4))
        self.blocks = nn.ModuleList(Block(c["width"], c["heads"], width) for _ in range(c["layers"]))

    def forward(self, picture):
        x = self.conv(picture).flatten(2).transpose(1, 2)
        x = torch.cat([self.first.expand(x.shape[0], -1, -1), x], dim=1) + self.position
        x = self.norm(x)
        for block in self.blocks:
            x = block(x)
        return x[:, 1:]


class Resampler(nn.Module):
    def __init__(self, c, width):
        super().__init__()
        self.latents = nn.Parameter(torch.randn(1, c["num_latents"], c["dim"]))
        self.layers = nn.ModuleList(
            nn.ModuleList(
                [
                    nn.LayerNorm(width),
                    nn.LayerNorm(c["dim"]),
                    Attention(c["dim"], c["heads"], c["dim_head"], width, bias=False),
                    nn.LayerNorm(c["dim"]),
                    feed_forward(c["dim"], c["dim"] * c["ff_mult"], bias=False),
                ]
            )
            for _ in range(c["depth"])
        )
        self.norm = nn.LayerNorm(c["dim"])

    def forward(self, x):
        latents = self.latents.expand(x.shape[0], -1, -1)
        for norm_media, norm_latents, attention, norm_mlp, mlp in self.layers:
            l = norm_latents(latents)
            latents = latents + attention(l, torch.cat([norm_media(x), l], dim=1))
            latents = latents + mlp(norm_mlp(latents))
        return self.norm(latents)


class CrossAttention(nn.Module):
    def __init__(self, dim, media, c):
        super().__init__()
        self.norm, self.norm_mlp = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attention = Attention(dim, c["heads"], c["dim_head"], media, bias=False)
        self.mlp = feed_forward(dim, dim * c["ff_mult"], bias=False)
        self.gates = nn.Parameter(torch.full((2,), 0.5))

    def forward(self, x, media):
        x = x + self.attention(self.norm(x), media) * self.gates[0].tanh()
        return x + self.mlp(self.norm_mlp(x)) * self.gates[1].tanh()


class Head(nn.Module):
    """Max pooling, LSTM, and the MLPs of the arm and the gripper."""

    def __init__(self, d_model, c):
        super().__init__()
        hidden = c["lstm_hidden_size"]
        self.rnn = nn.LSTM(d_model, hidden, c["lstm_num_layers"], batch_first=True)
        self.mlps = nn.ModuleList()
        for outputs in (6, 1):
            sizes = [hidden, *c["mlp_hidden_dims"][: c.get("mlp_num_hidden_layers", 3)]]
            layers = []
            for a, b in zip(sizes, sizes[1:]):
                layers += [nn.Linear(a, b), nn.ReLU()]
            self.mlps.append(nn.Sequential(*layers, nn.Linear(sizes[-1], outputs)))

    def forward(self, hidden, state):
        pooled = hidden.max(dim=1).values.float()
        out, state = self.rnn(pooled[:, None], state)
        return torch.tanh(self.mlps[0](out[:, 0])), torch.sigmoid(self.mlps[1](out[:, 0])), state


class Model(nn.Module):
    def __init__(self, config, tokens):
        super().__init__()
        llm, cross = config["llm"], config["cross_attention"]
        self.layers = config["early_exit_layer"] + 1
        self.every = cross["every_n_layers"]
        dim = llm["d_model"]
        self.vision = Vision(config["vision"])
        self.resampler = Resampler(config["perceiver"], config["vision"]["width"])
        self.words = nn.Embedding(1024, dim)  # a step looks up a few rows, however many there are
        width = dim * llm.get("mlp_ratio", 4)
        self.blocks = nn.ModuleList(Block(dim, llm["n_heads"], width, bias=False) for _ in range(self.layers))
        media = config["perceiver"]["dim"]
        self.cross = nn.ModuleList(
            CrossAttention(dim, media, cross) if (i + 1) % self.every == 0 else nn.Identity()
            for i in range(self.layers)
        )
        self.head = Head(dim, config["head"])
        slopes = torch.tensor([2 ** (-8 * (i + 1) / llm["n_heads"]) for i in range(llm["n_heads"])])
        bias = slopes[:, None, None] * torch.arange(1 - tokens, 1)[None, None]
        mask = torch.full((tokens, tokens), -math.inf).triu(1)
        self.register_buffer("bias", (bias + mask)[None], persistent=False)

    def cameras(self, pictures):
        return torch.cat([self.resampler(self.vision(picture)) for picture in pictures], dim=1)

    def step(self, pictures, words, state, exit_layer):
        media = self.cameras(pictures)
        x = self.words(words)
        for i in range(exit_layer + 1):
            if (i + 1) % self.every == 0:
                x = self.cross[i](x, media)
            x = self.blocks[i](x, self.bias)
        return self.head(x, state)


def exit_layers(config):
    last, every = config["early_exit_layer"], config.get("exit_interval", 2)
    out = list(range(every - 1, last + 1, every))
    return out if out and out[-1] == last else [*out, last]


def wait(device):
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def load(config, device, dtype, tokens):
    torch.manual_seed(1)
    model = Model(config, tokens).eval().to(device, dtype)
    model.head.float()
    size = config["vision"]["image_size"]
    pictures = [torch.randn(1, 3, size, size, device=device, dtype=dtype) for _ in range(2)]
    words = torch.randint(1024, (1, tokens), device=device)
    state = None

    def step(layer):
        nonlocal state
        arm, _, state = model.step(pictures, words, state, layer)
        return arm

    return step


def load_adapter(path):
    spec = importlib.util.spec_from_file_location("adapter", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.load


@torch.inference_mode()
def measure(step, config, device, repeats, warm_up):
    out = []
    for layer in exit_layers(config):
        times = []
        for i in range(warm_up + repeats):
            wait(device)
            start = time.perf_counter()
            step(layer).cpu()  # the robot needs it
            wait(device)
            if i >= warm_up:
                times.append(1000 * (time.perf_counter() - start))
        out.append({"layer": layer, "median_ms": statistics.median(times), "best_ms": min(times)})
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", help="config.json of a model folder, for the sizes")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--dtype", default="bfloat16", choices=["float32", "bfloat16", "float16"])
    parser.add_argument("--tokens", type=int, default=13, help="length of the instruction (13)")
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--warm-up", type=int, default=5)
    parser.add_argument("--threads", type=int, default=0, help="of the CPU; 0: as PyTorch chooses")
    parser.add_argument("--adapter", help="Python file with the implementation to time instead (see above)")
    parser.add_argument("--json", help="file for the result")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    with open(options.config, encoding="utf-8") as file:
        config = json.load(file)
    device, dtype = torch.device(options.device), getattr(torch, options.dtype)
    make = load_adapter(options.adapter) if options.adapter else load
    step = make(config, device, dtype, options.tokens)
    exits = measure(step, config, device, options.repeats, options.warm_up)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    result = {
        "what": options.adapter or "eager PyTorch of the same sizes, random weights",
        "torch": torch.__version__,
        "device": name,
        "dtype": options.dtype,
        "tokens": options.tokens,
        "repeats": options.repeats,
        "exits": exits,
    }
    for one in exits:
        print(f"exit after layer {one['layer']:2}: {one['median_ms']:9.3f} ms", file=sys.stderr)
    text = json.dumps(result, indent=1)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            file.write(text + "\n")
    else:
        print(text)


if __name__ == "__main__":
    main()
