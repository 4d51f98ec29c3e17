#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Golden folders for sizes and head variants that tests/data/reference does not hold.

A second implementation of the network, written from its description alone in plain PyTorch, so that
two independent programs must agree. `--check FOLDER` first shows that it reproduces the numbers of
the authors' code.

    make_variants.py --check ../reference/tiny_mpt1b ../reference/tiny_mpt7b
    make_variants.py OUT

Needs: torch, numpy, safetensors.
"""
import argparse
import json
import math
import pathlib

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

torch.set_grad_enabled(False)


def norm(x, w, p):
    return F.layer_norm(x, (x.shape[-1],), w[p + ".weight"], w.get(p + ".bias"), 1e-5)


def heads_of(x, n):
    return x.view(x.shape[0], n, -1).transpose(0, 1)


def attend(q, k, v, n, bias=None):
    """[L, width] each; q already scaled."""
    s = heads_of(q, n) @ heads_of(k, n).transpose(1, 2)
    if bias is not None:
        s = s + bias
    return (s.softmax(-1) @ heads_of(v, n)).transpose(0, 1).flatten(1)


def vision(w, c, image):
    p = "vision_encoder.visual."
    x = F.conv2d(image[None], w[p + "conv1.weight"], stride=c["patch_size"])[0].flatten(1).T
    x = torch.cat([w[p + "class_embedding"][None], x]) + w[p + "positional_embedding"]
    x = norm(x, w, p + "ln_pre")
    for i in range(c["layers"]):
        b = f"{p}transformer.resblocks.{i}."
        h = norm(x, w, b + "ln_1") @ w[b + "attn.in_proj_weight"].T + w[b + "attn.in_proj_bias"]
        q, k, v = h.chunk(3, -1)
        h = attend(q / math.sqrt(c["width"] // c["heads"]), k, v, c["heads"])
        x = x + h @ w[b + "attn.out_proj.weight"].T + w[b + "attn.out_proj.bias"]
        h = norm(x, w, b + "ln_2") @ w[b + "mlp.c_fc.weight"].T + w[b + "mlp.c_fc.bias"]
        h = h * torch.sigmoid(1.702 * h) if c["quick_gelu"] else F.gelu(h)
        x = x + h @ w[b + "mlp.c_proj.weight"].T + w[b + "mlp.c_proj.bias"]
    return x[1:], norm(x[0], w, p + "ln_post") @ w[p + "proj"]


def perceiver(w, c, media):
    x = w["perceiver.latents"]
    for i in range(c["depth"]):
        a, f = f"perceiver.layers.{i}.0.", f"perceiver.layers.{i}.1."
        m, n = norm(media, w, a + "norm_media"), norm(x, w, a + "norm_latents")
        k, v = (torch.cat([m, n]) @ w[a + "to_kv.weight"].T).chunk(2, -1)
        x = x + attend(n @ w[a + "to_q.weight"].T / math.sqrt(c["dim_head"]), k, v, c["heads"]) @ w[a + "to_out.weight"].T
        x = x + F.gelu(norm(x, w, f + "0") @ w[f + "1.weight"].T) @ w[f + "3.weight"].T
    return norm(x, w, "perceiver.norm")


def slopes(family, n, bias_max):
    if family == "mosaic_gpt" or n & (n - 1) == 0:
        return torch.tensor([2.0 ** (-bias_max * (h + 1) / n) for h in range(n)])
    p = 1 << n.bit_length()
    s = [2.0 ** (-bias_max * (h + 1) / p) for h in range(p)]
    return torch.tensor((s[1::2] + s[::2])[:n])


def decoder(w, config, ids, media):
    """Yields (after cross-attention, after the block) of every kept layer."""
    c, x = config["llm"], w["lang_encoder.transformer.wte.weight"][ids]
    small = c["model_type"] == "mosaic_gpt"
    a = c if small else c["attn_config"]
    n, L = c["n_heads"], len(ids)
    bias = slopes(c["model_type"], n, a.get("alibi_bias_max", 8))[:, None, None] * torch.arange(1 - L, 1)
    bias = bias.expand(n, L, L).masked_fill(torch.ones(L, L).triu(1).bool(), torch.finfo(torch.float32).min)
    seen = (ids == config["tokenizer"]["image"]).cumsum(0)
    for i in range(config["early_exit_layer"] + 1):
        g = f"lang_encoder.transformer.blocks.{i}.gated_cross_attn_layer."
        b = f"lang_encoder.transformer.blocks.{i}.decoder_layer."
        if (i + 1) % config["cross_attention"]["every_n_layers"] == 0:
            q = norm(x, w, g + "attn.norm") @ w[g + "attn.to_q.weight"].T / math.sqrt(config["cross_attention"]["dim_head"])
            k, v = (media @ w[g + "attn.to_kv.weight"].T).chunk(2, -1)
            h = attend(q, k, v, config["cross_attention"]["heads"]) * (seen > 0)[:, None]
            x = x + h @ w[g + "attn.to_out.weight"].T * w[g + "attn_gate"].tanh()
            h = F.gelu(norm(x, w, g + "ff.0") @ w[g + "ff.1.weight"].T) @ w[g + "ff.3.weight"].T
            x = x + h * w[g + "ff_gate"].tanh()
        crossed = x
        q, k, v = (norm(x, w, b + ("ln_1" if small else "norm_1")) @ w[b + "attn.Wqkv.weight"].T).chunk(3, -1)
        if a.get("attn_qk_ln" if small else "qk_ln"):
            q, k = norm(q, w, b + "attn.q_ln"), norm(k, w, b + "attn.k_ln")
        x = x + attend(q / math.sqrt(c["d_model"] // n), k, v, n, bias) @ w[b + "attn.out_proj.weight"].T
        up, down = ("mlp.mlp_up", "mlp.mlp_down") if small else ("ffn.up_proj", "ffn.down_proj")
        h = F.gelu(norm(x, w, b + ("ln_2" if small else "norm_2")) @ w[b + up + ".weight"].T)
        x = x + h @ w[b + down + ".weight"].T
        yield crossed, x


def mlp_modules(c, outputs):
    """The original's nn.Sequential, so that names and order are PyTorch's own."""
    nn, width, layers = torch.nn, c["lstm_hidden_size"], []
    mode, normed = c["dropout_mode"], c["mlp_layernorm"]
    dims = c["mlp_hidden_dims"][: c["mlp_num_hidden_layers"]]
    if mode in ("layerwise", "last"):
        if mode == "layerwise":
            layers.append(nn.Dropout(0))
        for i, d in enumerate(dims):
            layers += [nn.Linear(width, d), nn.LayerNorm(d) if normed else nn.Identity(), nn.ReLU()]
            if mode == "layerwise" or i == len(dims) - 1:
                layers.append(nn.Dropout(0))
            width = d
    else:
        for d in c["mlp_hidden_dims"]:
            if normed or c["exit_dropout"] > 0:
                layers.append(nn.Dropout(0))
            layers.append(nn.Linear(width, d))
            if normed:
                layers.append(nn.LayerNorm(d))
            layers.append(nn.ReLU())
            width = d
    return nn.Sequential(*layers, nn.Linear(width, outputs)).eval()


class Head:
    def __init__(self, c):
        nn, hidden, width = torch.nn, c["lstm_hidden_size"], c["in_features"]
        self.c = c
        self.parts = nn.ModuleDict({"actions": nn.ModuleDict({"mlp": mlp_modules(c, 6)}),
                                    "gripper": nn.ModuleDict({"mlp": mlp_modules(c, 1)})})
        if c["lstm_layernorm"]:
            stack = []
            for i in range(c["lstm_num_layers"]):
                stack += [nn.LSTM(width if i == 0 else hidden, hidden, batch_first=True), nn.LayerNorm(hidden)]
                if i + 1 < c["lstm_num_layers"]:
                    stack.append(nn.Dropout(0))
            self.parts["rnn"] = nn.ModuleDict({"layers": nn.ModuleList(stack)})
        else:
            self.parts["rnn"] = nn.LSTM(width, hidden, c["lstm_num_layers"], batch_first=True)
        self.parts.eval()
        self.state = None

    def load(self, w, prefix):
        self.parts.load_state_dict({k[len(prefix):]: v for k, v in w.items() if k.startswith(prefix)})
        return self

    def probe(self, feature):
        x, state = feature.view(1, 1, -1), self.state
        if self.c["lstm_layernorm"]:
            h, c = [], []
            for i, m in enumerate(self.parts["rnn"]["layers"]):
                if isinstance(m, torch.nn.LSTM):
                    j = len(h)
                    x, (hn, cn) = m(x, None if state is None else (state[0][j:j + 1], state[1][j:j + 1]))
                    h.append(hn), c.append(cn)
                elif isinstance(m, torch.nn.LayerNorm):
                    x = m(x)
            state = torch.cat(h), torch.cat(c)
        else:
            x, state = self.parts["rnn"](x, state)
        logit = self.parts["gripper"]["mlp"](x)[0, 0, 0]
        return self.parts["actions"]["mlp"](x)[0, 0].tanh(), logit, state

    def step(self, feature):
        arm, logit, self.state = self.probe(feature)
        return arm, logit


def delta(kind, a, b):
    if kind == "cosine":
        return 1 - F.cosine_similarity(a, b, dim=0, eps=1e-5)
    d = (a - b).abs()
    return {"L2": d.square().mean().sqrt(), "mean": d.mean(), "max": d.max()}[kind]


def command(arm, probability):
    return torch.cat([arm, (torch.sign(probability - 0.5) if probability != 0.5 else torch.tensor(-1.0)).view(1)]).half().float()


class Network:
    def __init__(self, config, w):
        self.config, self.w = config, w

    def encode(self, static, gripper, ids):
        frames = []
        for s, g in zip(static, gripper):
            (st, sp), (gt, gp) = vision(self.w, self.config["vision"], s), vision(self.w, self.config["vision"], g)
            ps, pg = perceiver(self.w, self.config["perceiver"], st), perceiver(self.w, self.config["perceiver"], gt)
            layers = list(decoder(self.w, self.config, ids, torch.cat([ps, pg])))
            pooled = [h.amax(0) if self.config["head"]["pooling"] == "max" else h.mean(0) for _, h in layers]
            frames.append({"static": (st, sp, ps), "gripper": (gt, gp, pg), "layers": layers, "pooled": pooled})
        return frames

    def head(self, name):
        return Head(self.config["head"]).load(self.w, name + ".")

    def outputs(self, static, gripper, ids, runs):
        frames, out = self.encode(static, gripper, ids), {}
        first, exits = frames[0], self.config["exit_layers"]
        for camera in ("static", "gripper"):
            tokens, pooled, latents = first[camera]
            out |= {f"vision.{camera}.tokens": tokens, f"vision.{camera}.pooled": pooled, f"perceiver.{camera}": latents}
        out["text.embedding"] = self.w["lang_encoder.transformer.wte.weight"][ids]
        for i, (crossed, hidden) in enumerate(first["layers"]):
            if (i + 1) % self.config["cross_attention"]["every_n_layers"] == 0:
                out[f"cross_attention.layer{i}"] = crossed
            out[f"hidden.layer{i}"] = hidden
        for layer in range(len(first["layers"])):
            out |= self.fixed(f"fixed.layer{layer}.", "extra_exit", layer, frames)
        for j, layer in enumerate(exits):
            own = "lm_head" if layer == exits[-1] else f"lm_exit_modules.{j}"
            out |= {k: v for k, v in self.fixed(f"layerwise.layer{layer}.", own, layer, frames).items()
                    if k.rsplit(".", 1)[1] in ("action", "gripper_prob", "gripper_logit")}
        for run in runs:
            out |= self.dynamic(run, frames)
        return {k: v.detach().clone().contiguous() for k, v in out.items()}

    def fixed(self, prefix, name, layer, frames):
        head, arms, logits = self.head(name), [], []
        for f in frames:
            arm, logit = head.step(f["pooled"][layer])
            arms.append(arm), logits.append(logit)
        probability = torch.stack(logits).sigmoid()
        return {prefix + "action": torch.stack(arms), prefix + "gripper_logit": torch.stack(logits),
                prefix + "gripper_prob": probability, prefix + "final_h": head.state[0], prefix + "final_c": head.state[1],
                prefix + "feature": torch.stack([f["pooled"][layer] for f in frames]),
                prefix + "command": torch.stack([command(a, p) for a, p in zip(arms, probability)])}

    def dynamic(self, run, frames):
        head, exits, nan = self.head("extra_exit"), run["exit_layers"], float("nan")
        limit, held = min(run["max_layer"] - 1, exits[-1]), None
        thresholds = dict(zip(exits, run["thresholds"]))
        cols = {k: [] for k in ("delta", "probe_action", "probe_gripper_prob", "pseudo_prev_action", "exit_layer", "action",
                                "gripper_logit", "gripper_prob", "command", "feature")}
        for t, f in enumerate(frames):
            deltas, grips = torch.full((len(exits),), nan), torch.full((len(exits),), nan)
            arms, pseudo, probes = torch.full((len(exits), 6), nan), torch.full((6,), nan), []
            if t % run["steps_per_stage"]:
                leave = next(e for e in exits if e >= held)
            else:
                for j, e in enumerate(exits):
                    if j == 0:
                        pseudo = previous = head.probe(f["pooled"][e - 1])[0]
                    arm, logit, _ = head.probe(f["pooled"][e])
                    arms[j], grips[j], deltas[j] = arm, logit.sigmoid(), delta(run["threshold_type"], arm, previous)
                    probes.append((arm, logit.sigmoid()))
                    leave, previous = e, arm
                    if e >= limit or deltas[j] <= torch.tensor(thresholds[e]):
                        break
                held = leave
            arm, logit = head.step(f["pooled"][leave])
            sent = (arm, logit.sigmoid())
            if run["use_action_ensemble"]:
                last = probes[-2:]
                sent = (torch.stack([a for a, _ in last]).mean(0), torch.stack([p for _, p in last]).mean())
            for k, v in (("delta", deltas), ("probe_action", arms), ("probe_gripper_prob", grips), ("pseudo_prev_action", pseudo),
                         ("exit_layer", torch.tensor(leave)), ("action", arm), ("gripper_logit", logit),
                         ("gripper_prob", logit.sigmoid()), ("command", command(*sent)), ("feature", f["pooled"][leave])):
                cols[k].append(v)
        run["exit_layer_per_step"] = [int(e) for e in cols["exit_layer"]]
        p = f"dynamic.{run['name']}."
        return {p + k: torch.stack(v) for k, v in cols.items()} | {p + "final_h": head.state[0], p + "final_c": head.state[1]}


def check(folder):
    config = json.loads((folder / "config.json").read_text())
    runs = json.loads((folder / "dynamic.json").read_text())
    inputs, golden = load_file(folder / "inputs.safetensors"), load_file(folder / "outputs.safetensors")
    expected = {r["name"]: r["exit_layer_per_step"] for r in runs}
    ours = Network(config, load_file(folder / "model.safetensors")).outputs(
        inputs["rgb_static"], inputs["rgb_gripper"], inputs["input_ids"][0], runs)
    worst = max((torch.nan_to_num(ours[k]) - torch.nan_to_num(v)).abs().max().item() for k, v in golden.items() if not k.endswith("command"))
    assert worst < 1e-4 and all(torch.isnan(ours[k]).equal(torch.isnan(v)) for k, v in golden.items() if v.is_floating_point())
    assert all(r["exit_layer_per_step"] == expected[r["name"]] for r in runs)
    print(f"{folder}: {len(golden)} tensors agree, largest difference {worst:.1e}")


def random_weights(config, seed):
    g = torch.Generator().manual_seed(seed)
    w, v, p, c, x = {}, config["vision"], config["perceiver"], config["llm"], config["cross_attention"]

    def put(name, *shape, scale=None, mean=0.0):
        scale = scale if scale is not None else 1 / math.sqrt(shape[-1])
        w[name] = mean + scale * torch.randn(shape, generator=g)

    def put_norm(name, d, bias=True):
        put(name + ".weight", d, scale=0.1, mean=1.0)
        if bias:
            put(name + ".bias", d, scale=0.1)

    t, d = "vision_encoder.visual.", v["width"]
    put(t + "conv1.weight", d, 3, v["patch_size"], v["patch_size"], scale=0.05)
    put(t + "class_embedding", d, scale=0.5)
    put(t + "positional_embedding", (v["image_size"] // v["patch_size"]) ** 2 + 1, d, scale=0.3)
    put(t + "proj", d, v["embed_dim"])
    put_norm(t + "ln_pre", d), put_norm(t + "ln_post", d)
    m = int(d * v["mlp_ratio"])
    for i in range(v["layers"]):
        b = f"{t}transformer.resblocks.{i}."
        put_norm(b + "ln_1", d), put_norm(b + "ln_2", d)
        put(b + "attn.in_proj_weight", 3 * d, d), put(b + "attn.in_proj_bias", 3 * d, scale=0.1)
        put(b + "attn.out_proj.weight", d, d), put(b + "attn.out_proj.bias", d, scale=0.1)
        put(b + "mlp.c_fc.weight", m, d), put(b + "mlp.c_fc.bias", m, scale=0.1)
        put(b + "mlp.c_proj.weight", d, m), put(b + "mlp.c_proj.bias", d, scale=0.1)
    put("perceiver.latents", p["num_latents"], d, scale=1.0)
    inner = p["heads"] * p["dim_head"]
    for i in range(p["depth"]):
        a, f = f"perceiver.layers.{i}.0.", f"perceiver.layers.{i}.1."
        put_norm(a + "norm_media", d), put_norm(a + "norm_latents", d), put_norm(f + "0", d)
        put(a + "to_q.weight", inner, d), put(a + "to_kv.weight", 2 * inner, d), put(a + "to_out.weight", d, inner)
        put(f + "1.weight", p["ff_mult"] * d, d), put(f + "3.weight", d, p["ff_mult"] * d)
    put_norm("perceiver.norm", d)
    n, small = c["d_model"], c["model_type"] == "mosaic_gpt"
    put("lang_encoder.transformer.wte.weight", config["tokenizer"]["length"], n, scale=1.0)
    inner, ratio = x["heads"] * x["dim_head"], c.get("mlp_ratio", c.get("expansion_ratio"))
    for i in range(config["early_exit_layer"] + 1):
        q = f"lang_encoder.transformer.blocks.{i}.gated_cross_attn_layer."
        b = f"lang_encoder.transformer.blocks.{i}.decoder_layer."
        if (i + 1) % x["every_n_layers"] == 0:
            put_norm(q + "attn.norm", n), put_norm(q + "ff.0", n)
            put(q + "attn.to_q.weight", inner, n), put(q + "attn.to_kv.weight", 2 * inner, d), put(q + "attn.to_out.weight", n, inner)
            put(q + "attn_gate", 1, scale=0.3, mean=0.7), put(q + "ff_gate", 1, scale=0.3, mean=0.5)
            put(q + "ff.1.weight", x["ff_mult"] * n, n), put(q + "ff.3.weight", n, x["ff_mult"] * n)
        for name in ("ln_1", "ln_2") if small else ("norm_1", "norm_2"):
            put_norm(b + name, n, bias=False)
        put(b + "attn.Wqkv.weight", 3 * n, n, scale=1.5 / math.sqrt(n)), put(b + "attn.out_proj.weight", n, n)
        if (c if small else c["attn_config"]).get("attn_qk_ln" if small else "qk_ln"):
            put_norm(b + "attn.q_ln", n, bias=False), put_norm(b + "attn.k_ln", n, bias=False)
        up, down = ("mlp.mlp_up", "mlp.mlp_down") if small else ("ffn.up_proj", "ffn.down_proj")
        put(b + up + ".weight", ratio * n, n), put(b + down + ".weight", n, ratio * n)
    torch.manual_seed(seed)
    names = ["extra_exit", "lm_head"] + [f"lm_exit_modules.{j}" for j in range(len(config["exit_layers"]) - 1)]
    for name in names:
        for k, value in Head(config["head"]).parts.state_dict().items():
            w[f"{name}.{k}"] = value.detach() * (1.0 if value.dim() == 1 else 2.0)
    return w


VARIANTS = {
    "average_wo_last": dict(pooling="average", dropout_mode="wo_last", exit_dropout=0.0, mlp_layernorm=False, lstm_layernorm=False,
                            lstm_num_layers=2, mlp_num_hidden_layers=3, interval=3, layers=8, family="mosaic_gpt", heads=6, quick=False),
    "last_three_layers": dict(pooling="max", dropout_mode="last", exit_dropout=0.2, mlp_layernorm=True, lstm_layernorm=False,
                              lstm_num_layers=3, mlp_num_hidden_layers=3, interval=2, layers=6, family="mpt", heads=3, quick=True),
    "wo_last_dropout": dict(pooling="max", dropout_mode="wo_last", exit_dropout=0.4, mlp_layernorm=False, lstm_layernorm=True,
                            lstm_num_layers=1, mlp_num_hidden_layers=3, interval=2, layers=5, family="mosaic_gpt", heads=3, quick=True),
    "wo_last_norm": dict(pooling="average", dropout_mode="wo_last", exit_dropout=0.4, mlp_layernorm=True, lstm_layernorm=True,
                         lstm_num_layers=2, mlp_num_hidden_layers=3, interval=4, layers=9, family="mpt", heads=4, quick=True),
    "layerwise_plain": dict(pooling="max", dropout_mode="layerwise", exit_dropout=0.4, mlp_layernorm=False, lstm_layernorm=False,
                            lstm_num_layers=4, mlp_num_hidden_layers=1, interval=2, layers=4, family="mosaic_gpt", heads=2, quick=True),
}


def make(name, o, seed):
    d = 12 * o["heads"] if o["heads"] != 2 else 16
    last = o["layers"] - 1
    exits = [i for i in range(o["interval"] - 1, last, o["interval"])] + [last]
    llm = {"model_type": o["family"], "d_model": d, "n_heads": o["heads"], "n_layers": o["layers"] + 1}
    if o["family"] == "mpt":
        llm |= {"expansion_ratio": 2, "attn_config": {"alibi": True, "alibi_bias_max": 8, "qk_ln": False}}
    else:
        llm |= {"mlp_ratio": 2, "alibi": True, "alibi_bias_max": 4, "attn_qk_ln": True}
    config = {
        "llm_name": "mpt_9b" if o["family"] == "mpt" else "mpt_dolly_3b",
        "vision": {"image_size": 28, "patch_size": 7, "width": 12, "layers": 1, "heads": 3, "mlp_ratio": 2.0, "embed_dim": 8, "quick_gelu": o["quick"]},
        "perceiver": {"dim": 12, "depth": 1, "dim_head": 4, "heads": 2, "num_latents": 5, "ff_mult": 2},
        "cross_attention": {"every_n_layers": 1 if o["family"] == "mosaic_gpt" else 2, "dim_head": 4, "heads": 3, "ff_mult": 2},
        "llm": llm, "tokenizer": {"length": 40, "eos": 0, "endofchunk": 37, "image": 38, "pad": 39},
        "early_exit_layer": last, "multi_exit": True, "exit_interval": o["interval"], "exit_layers": exits,
        "head": {"type": "deterministic", "decoder_type": "lstm", "in_features": d, "lstm_hidden_size": 10, "mlp_hidden_dims": [14, 12, 8],
                 "out_features": 6, "lstm_dropout": 0.1} | {k: o[k] for k in ("lstm_num_layers", "lstm_layernorm", "mlp_layernorm",
                 "mlp_num_hidden_layers", "dropout_mode", "exit_dropout", "pooling")}}
    g = torch.Generator().manual_seed(seed + 1000)
    steps = 10
    static, gripper = (torch.randn(steps, 3, 28, 28, generator=g) for _ in range(2))
    ids = torch.tensor([38, 3, 17, 9, 22, 37, 0])
    w = random_weights(config, seed)
    network = Network(config, w)
    runs = []
    # Thresholds in the middle of what the deltas are, found by running without any.
    for kind in ("L2", "mean", "max", "cosine"):
        probe = {"name": "probe", "threshold_type": kind, "steps_per_stage": 1, "use_action_ensemble": False, "max_layer": last + 1,
                 "exit_layers": exits, "thresholds": [-1e8] * len(exits)}
        deltas = network.dynamic(probe, network.encode(static, gripper, ids))["dynamic.probe.delta"]
        middle = [((s := deltas[:, j].sort().values)[4] + s[5]).item() / 2 for j in range(len(exits) - 1)]
        runs.append(dict(probe, name=kind.lower(), thresholds=middle + [1e8]))
    runs.append(dict(runs[0], name="stage", steps_per_stage=2))
    runs.append(dict(runs[0], name="ensemble", use_action_ensemble=True))
    return config, w, {"rgb_static": static, "rgb_gripper": gripper, "input_ids": ids[None], "attention_mask": torch.ones_like(ids)[None]}, runs, network


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=pathlib.Path)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    if arguments.check:
        for folder in arguments.folders:
            check(folder)
        return
    for seed, (name, options) in enumerate(VARIANTS.items()):
        config, w, inputs, runs, network = make(name, options, seed)
        golden = network.outputs(inputs["rgb_static"], inputs["rgb_gripper"], inputs["input_ids"][0], runs)
        out = arguments.folders[0] / name
        out.mkdir(parents=True, exist_ok=True)
        (out / "config.json").write_text(json.dumps(config, indent=1))
        (out / "dynamic.json").write_text(json.dumps(runs, indent=1))
        save_file({k: v.contiguous() for k, v in w.items()}, out / "model.safetensors")
        save_file(inputs, out / "inputs.safetensors")
        save_file(golden, out / "outputs.safetensors")
        print(out, [r["exit_layer_per_step"] for r in runs][:1])


if __name__ == "__main__":
    main()
