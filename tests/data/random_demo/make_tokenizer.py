#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes model/tokenizer.json: a small byte-level BPE for the demo model's vocabulary of 512 ids.

Usage: make_tokenizer.py, with `pip install tokenizers`. Deterministic. Id 0 is <|endoftext|>, 1 to 256
are the bytes, 257 to 508 pieces learnt from the phrases below; the program itself adds
<|endofchunk|> 509, <image> 510 and <PAD> 511, as DeeR does.
"""
import itertools
import pathlib

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

OUT = pathlib.Path(__file__).resolve().parent / "model" / "tokenizer.json"
VOCABULARY_SIZE = 509

COLOURS = ["red", "blue", "pink"]
SIDES = ["left", "right"]
PATTERNS = [
    "take the {colour} block and rotate it to the {side}",
    "grasp the {colour} block and turn it {side}",
    "rotate the {colour} block towards the {side}",
    "push the {colour} block to the {side}",
    "slide the {colour} block towards the {side} side",
    "go push the {colour} block {side}",
    "lift the {colour} block from the table",
    "pick up the {colour} block",
    "grasp the {colour} block lying on the shelf",
    "lift the {colour} block from the sliding cabinet",
    "take the {colour} block out of the drawer",
    "place the {colour} block in the drawer",
    "store the {colour} block in the sliding cabinet",
    "put the grasped object on the table",
    "place the grasped block on top of the {colour} block",
    "stack the {colour} block on another block",
    "collapse the stacked blocks",
    "remove the block on top of the tower",
    "push the sliding door to the {side} side",
    "slide the door to the {side}",
    "move the door all the way to the {side}",
    "pull the handle to open the drawer",
    "open the drawer",
    "push the handle to close the drawer",
    "close the drawer",
    "push the {colour} block into the drawer",
    "slide the block so that it falls into the drawer",
    "use the switch to turn {state} the light bulb",
    "move the switch {direction}",
    "turn {state} the yellow lamp",
    "press the button to turn {state} the led light",
    "toggle the button to turn {state} the green light",
    "switch {state} the light bulb",
    "don't touch the robot's arm, it's moving",
    "unstack the blocks and leave them side by side",
    "bring the gripper back above the working surface",
    "raise the object slowly, then wait until it hangs still",
    "find something small and carry it over to its container",
    "first knock over the pile, after that gather every cube",
    "change which lamp is lit without bumping into anything",
]


def phrases():
    choices = itertools.product(COLOURS, SIDES, ["on", "off"], ["up", "down"])
    filled = (
        pattern.format(colour=colour, side=side, state=state, direction=direction)
        for colour, side, state, direction in choices
        for pattern in PATTERNS
    )
    return list(dict.fromkeys(filled))


def main():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.post_processor = processors.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_SIZE,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(phrases(), trainer)
    ids = sorted(tokenizer.get_vocab().values())
    if ids != list(range(VOCABULARY_SIZE)) or tokenizer.token_to_id("<|endoftext|>") != 0:
        raise SystemExit(f"the phrases gave {len(ids)} pieces, {VOCABULARY_SIZE} are needed")
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(tokenizer.to_str(pretty=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
