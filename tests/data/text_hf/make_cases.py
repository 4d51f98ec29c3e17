#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes cases.json: odd texts and the ids that Hugging Face's `tokenizers` (pip) gives them.

Usage: make_cases.py. Deterministic for one version of `tokenizers`. Each entry of "tokenizers" is a
change to the GPT-NeoX-20B file, written as a JSON merge patch (RFC 7386) plus added tokens, so that
settings the file itself does not use are covered too.
"""
import json
import pathlib
import random

import tokenizers
from tokenizers import AddedToken, Tokenizer

HERE = pathlib.Path(__file__).resolve().parent
BASE = HERE.parent / "reference" / "text" / "20B_tokenizer.json"


def token(content, token_id, **flags):
    """An added token; one that the vocabulary has must carry the vocabulary's id."""
    base = dict(single_word=False, lstrip=False, rstrip=False, normalized=True, special=False)
    return dict(id=token_id, content=content, **{**base, **flags})


SETTINGS = {
    "published": {"patch": {}, "added": [], "texts": 110},
    "prefix": {"patch": {"pre_tokenizer": {"add_prefix_space": True}}, "added": [], "texts": 25},
    "whole": {"patch": {"pre_tokenizer": {"use_regex": False}, "normalizer": None}, "added": [], "texts": 20},
    "ignore_merges": {"patch": {"model": {"ignore_merges": True, "merges": []}}, "added": [], "texts": 15},
    "stripping": {
        "patch": {},
        "added": [
            token("[L]", 50277, lstrip=True, normalized=False, special=True),
            token("[R]", 50278, rstrip=True, normalized=False, special=True),
            token("[LR]", 50279, lstrip=True, rstrip=True),
            token("e\u0301", 50280),
            token("block and", 50281, lstrip=True, special=True),
            token(" the", 50282, rstrip=True, normalized=False),
            token("rotat", 50283),
            token("rotate", 44979),
        ],
        "texts": 30,
    },
}

FIXED = [
    "",
    " ",
    "Hello, I am",
    "take the red block and rotate it to the right",
    "don't push the robot's arm, it'll break; we've I'd they're I'm 'tis ''s",
    "DON'T PUSH, IT'S",
    "two  blanks   three    four",
    " " * 24 + "x" + " " * 25 + "y" + " " * 50,
    "tab\there\nnew line\r\nboth \t\n mixed",
    "\u00a0no-break\u2003em\u3000wide\u0085next\u2028line",
    "e\u0301 \u00e9 A\u030a \u212b \u1100\u1161\u11a8 \uac01 q\u0307\u0323",
    "\u0301 begins with a mark",
    "<image>\u0301x<|endofchunk|>\u0308",
    "\u7ea2\u8272\u65b9\u5757 \u30d6\u30ed\u30c3\u30af \ube14\ub85d",
    "\u043a\u0440\u0430\u0441\u043d\u044b\u0439 \u0431\u043b\u043e\u043a \u0645\u0643\u0639\u0628 \u05dc\u05d1\u05e0\u05d4",
    "\U0001f600 \U0001f469\u200d\U0001f680 \U0001f1e8\U0001f1ff \u2764\ufe0f",
    "\u00bd \u2167 \u00b2 \u0663 \U0001d7d9 3.14 1e-5 007",
    "<|endoftext|><|padding|><image><PAD><|endofchunk|>",
    "<image>push<|endofchunk|><|endoftext|>",
    "<imag <image <|endof <||> <PAD <pad> <IMAGE>",
    "\x00\x01\x1c\x1f\x7f",
    "\u200b\ufeff\u00ad\u180e",
    "a" * 300,
    "ab " * 60,
]

WORDS = "take the red block and rotate it to the right push slider left drawer lightbulb led can't it's".split()
ODD = (
    ["  ", "   ", "\t", "\n", "\r\n", "\u00a0", "\u3000", " " * 23, " " * 26, "'s", "'ll", "''", "'"]
    + ["<image>", "<|endofchunk|>", "<|endoftext|>", "<PAD>", "<imag", "[L]", "[R]", "[LR]", "block and", "rotate"]
    + ["\U0001f600", "\U0001f3fd", "e\u0301", "\u0301", "\u1100\u1161", "\u2126", "\ufb01", "\u0958", "\u7ea2", "\u0631"]
    + ["1", "42", "\u00bd", "\u2167", "\u0967", ".", ",", "--", "?!", "_", "\u2019s"]
)


def odd_text(rng):
    parts = []
    for _ in range(rng.randrange(1, 10)):
        parts.append(rng.choice(WORDS) if rng.random() < 0.45 else rng.choice(ODD))
        if rng.random() < 0.5:
            parts.append(" ")
    return "".join(parts)


def merge_patch(value, patch):
    if not isinstance(patch, dict):
        return patch
    out = dict(value) if isinstance(value, dict) else {}
    for key, item in patch.items():
        if item is None:
            out.pop(key, None)
        else:
            out[key] = merge_patch(out.get(key), item)
    return out


def main():
    base = json.loads(BASE.read_text(encoding="utf-8"))
    out = {"made_with": f"tokenizers {tokenizers.__version__}", "tokenizers": {}}
    for number, (name, setting) in enumerate(SETTINGS.items()):
        file = merge_patch(base, setting["patch"])
        file["added_tokens"] = base["added_tokens"] + setting["added"]
        reference = Tokenizer.from_str(json.dumps(file))
        for text in ("<|endofchunk|>", "<image>", "<PAD>"):
            reference.add_special_tokens([AddedToken(text, special=True, normalized=False)])
        rng = random.Random(number)
        texts = (FIXED if name == "published" else FIXED[3:10]) + [odd_text(rng) for _ in range(setting["texts"])]
        cases = [{"text": text, "ids": reference.encode(text, add_special_tokens=False).ids} for text in texts]
        out["tokenizers"][name] = {"patch": setting["patch"], "added": setting["added"], "cases": cases}
    lines = json.dumps(out, ensure_ascii=True).replace('{"text"', '\n{"text"')
    (HERE / "cases.json").write_text(lines + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
