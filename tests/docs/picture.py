"""``python -m tests.docs.picture``: write docs/images/shop.png from the picture that the shop's browser test took."""

from PIL import Image

from tests.building import ROOT

TAKEN = ROOT / ".build" / "screenshots" / "shop.png"
SHOWN = ROOT / "docs" / "images" / "shop.png"
COLOURS = 256
"""Enough for flat drawings, and a third of the bytes."""

if __name__ == "__main__":
    with Image.open(TAKEN) as taken:
        taken.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(SHOWN, optimize=True)
