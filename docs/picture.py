#!/usr/bin/python3
"""Draws docs/images/classify.png: the sample photos with what `spinel classify` says of them.

Usage, after samples/run.sh: docs/picture.py [path of the spinel command]
"""

import json
import pathlib
import subprocess
import sys

from PIL import Image, ImageDraw, ImageFont

ROOT = pathlib.Path(__file__).resolve().parent.parent
PHOTOS = [ROOT / "samples/photos" / name for name in ("cat.png", "coffee.jpg", "rocket.jpg")]
TILE, BAR, MARGIN = 300, 26, 16


def main():
    command = sys.argv[1] if len(sys.argv) > 1 else str(ROOT / "build/bin/spinel")
    model = ROOT / "samples/photos/efficientnet_lite0.onnx"
    answer = subprocess.run([command, "classify", model, *PHOTOS, "--topk", "3", "--json"], check=True, text=True,
                            stdout=subprocess.PIPE)
    results = json.loads(answer.stdout)["results"]
    font = ImageFont.truetype("DejaVuSans.ttf", 15)
    width = len(PHOTOS) * (TILE + MARGIN) + MARGIN
    picture = Image.new("RGB", (width, TILE + 3 * BAR + 3 * MARGIN), "white")
    draw = ImageDraw.Draw(picture)
    for column, (path, result) in enumerate(zip(PHOTOS, results)):
        left = MARGIN + column * (TILE + MARGIN)
        photo = Image.open(path).convert("RGB")
        side = min(photo.size)
        corner = ((photo.width - side) // 2, (photo.height - side) // 2)
        photo = photo.crop((*corner, corner[0] + side, corner[1] + side)).resize((TILE, TILE), Image.LANCZOS)
        picture.paste(photo, (left, MARGIN))
        for row, entry in enumerate(result["classes"]):
            top = TILE + 2 * MARGIN + row * BAR
            draw.rectangle((left, top, left + TILE, top + BAR - 6), fill="#eef2f5")
            draw.rectangle((left, top, left + int(TILE * entry["score"]), top + BAR - 6), fill="#9cc5e8")
            draw.text((left + 6, top + 1), f'{entry["label"]}  {entry["score"]:.3f}', fill="black", font=font)
    picture.save(ROOT / "docs/images/classify.png", optimize=True)


if __name__ == "__main__":
    main()
