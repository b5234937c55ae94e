"""The size of an image in CSS pixels, read from the head of its file."""

import re
import struct
from functools import cache
from pathlib import Path

UNITS = {"": 1.0, "px": 1.0, "pt": 4 / 3, "in": 96.0, "cm": 96 / 2.54, "mm": 96 / 25.4}
LENGTH = r'\b{}="([\d.]+)(px|pt|in|cm|mm|)"'


@cache
def image_size(path: Path) -> tuple[int, int] | None:
    """Width and height of an SVG or PNG file; None for anything else."""
    with path.open("rb") as file:
        head = file.read(4096)
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return struct.unpack(">II", head[16:24])
    tag = re.search(r"<svg\b[^>]*>", head.decode("utf-8", "replace"))
    if not tag:
        return None
    lengths = [re.search(LENGTH.format(side), tag[0]) for side in ("width", "height")]
    if all(lengths):
        return tuple(round(float(length[1]) * UNITS[length[2]]) for length in lengths)
    box = re.search(r'\bviewBox="[\d.-]+[ ,]+[\d.-]+[ ,]+([\d.]+)[ ,]+([\d.]+)"', tag[0])
    return (round(float(box[1])), round(float(box[2]))) if box else None
