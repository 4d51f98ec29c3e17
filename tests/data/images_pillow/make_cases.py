#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes cases.json: checksums of pictures that Pillow 9 resized and cropped as DeeR does.

Usage: make_cases.py, with `pip install "pillow<10"`. Later versions of Pillow may run the vertical
pass first on tall pictures that shrink, which changes single values; DeeR's reference numbers come
from Pillow 9, which always runs the horizontal pass first.
Pixel bytes are the high bytes of x -> x * 1664525 + 1013904223 mod 2^32, from x = width * 65536 + height;
"contrast" pictures keep only the highest bit, as 0 or 255. The checksum is 64-bit FNV-1a of the crop.
"""
import json
import pathlib

import PIL
from PIL import Image

SIZES = [
    (1, 1, 224), (1, 50, 224), (50, 1, 56), (1, 500, 16), (2, 3, 224), (3, 2, 7), (224, 224, 224), (224, 300, 224),
    (301, 224, 224), (225, 224, 224), (223, 224, 224), (224, 225, 224), (640, 480, 224), (300, 17, 56), (11, 900, 224),
    (200, 200, 56), (84, 84, 56), (200, 200, 224), (84, 84, 224), (5, 5, 1), (400, 399, 1), (36, 203, 28), (15, 268, 14),
    (59, 20, 14), (97, 253, 336), (1, 2, 1), (2, 1, 1), (3, 1, 3), (7, 1000, 5), (1000, 7, 5), (13, 17, 13), (17, 13, 13),
]


def pixels(width, height, contrast):
    state = width * 65536 + height
    out = bytearray()
    for _ in range(width * height * 3):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        byte = state >> 24
        out.append((255 if byte & 128 else 0) if contrast else byte)
    return bytes(out)


def resize_and_crop(picture, size):
    width, height = picture.size
    short = min(width, height)
    if short != size:
        picture = picture.resize((int(size * width / short), int(size * height / short)), Image.BICUBIC)
    left, top = (int(round((side - size) / 2.0)) for side in picture.size)
    return picture.crop((left, top, left + size, top + size))


def fnv1a(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def main():
    if int(PIL.__version__.split(".")[0]) > 9:
        raise SystemExit(f"Pillow 9 is needed, this is {PIL.__version__}")
    cases = []
    for number, (width, height, size) in enumerate(SIZES):
        contrast = number % 2 == 1
        picture = Image.frombytes("RGB", (width, height), pixels(width, height, contrast))
        crop = resize_and_crop(picture, size).tobytes()
        cases.append(dict(width=width, height=height, size=size, contrast=contrast, fnv1a=fnv1a(crop)))
    out = {"made_with": f"Pillow {PIL.__version__}", "cases": cases}
    text = json.dumps(out).replace('{"width"', '\n{"width"') + "\n"
    (pathlib.Path(__file__).resolve().parent / "cases.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
