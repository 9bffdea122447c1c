"""Pictures as PNG and moving ones as GIF, by Pillow.

Enters: a `Diagram` and its `Layout`.  Leaves: the bytes of a file: the same picture as the SVG on
light ground, in the font that Pillow brings.  Shapes are drawn larger and made smaller, so that
their borders are smooth; letters are drawn by the font itself.
"""

from __future__ import annotations

import io
import math
import unicodedata
from collections.abc import Sequence
from typing import Any

from .arrange import curve, head, missing
from .boxes import SIDE, Diagram, Layout, baselines
from .colours import LIGHT, colour_of
from .svg import HOLD, SECONDS, Order, seen

LARGEST = 60_000_000  # pixels that shapes are drawn with at most
COLOURS = 64  # of a picture of a GIF
SMOOTH = 3  # times as large they are drawn


def pillow() -> tuple[Any, Any, Any]:
    """Pillow's modules; `ImportError` with what to do where it is not installed."""
    try:
        from PIL import Image, ImageDraw, ImageFont
    except ImportError:
        raise missing("drawing pixels", "Pillow", "pillow") from None
    return Image, ImageDraw, ImageFont


def image(diagram: Diagram, layout: Layout, scale: float, until: Order | None = None) -> Any:
    """The picture as a Pillow image."""
    Image, ImageDraw, ImageFont = pillow()
    width, height = math.ceil(layout.width * scale), math.ceil(layout.height * scale)
    times = SMOOTH
    while times > 1 and width * height * times * times > LARGEST:
        times -= 1
    large = scale * times
    drawn = Image.new("RGB", (width * times, height * times), LIGHT["ground"][0])
    pen = ImageDraw.Draw(drawn)
    for path in layout.paths:
        route = [(x * large, y * large) for x, y in curve(path)]
        triangle = [(x * large, y * large) for x, y in head(path)]
        if triangle:
            pen.line(route, LIGHT["edge"][0], max(1, round(1.4 * large)), joint="curve")
            pen.polygon(triangle, LIGHT["edge"][0])
    for box, place in zip(diagram.boxes, layout.places, strict=True):
        active = until is not None and any(x.order == until for x in box.lines)
        fill, stroke = LIGHT[box.kind]
        corner = min(place.height / 2, 16.0) if box.kind in ("input", "output") else 6.0
        thick = 2.6 if active else 1.2
        pen.rounded_rectangle(
            [
                (place.x - thick / 2) * large,
                (place.y - thick / 2) * large,
                (place.x + place.width + thick / 2) * large,
                (place.y + place.height + thick / 2) * large,
            ],
            corner * large,
            fill,
            LIGHT["active"][1] if active else stroke,
            max(1, round(thick * large)),
        )
    if times > 1:
        drawn = drawn.resize((width, height), Image.Resampling.LANCZOS)
    pen = ImageDraw.Draw(drawn)
    fonts: dict[float, Any] = {}

    def font(size: float) -> Any:
        if size not in fonts:
            fonts[size] = ImageFont.load_default(size)
        return fonts[size]

    for box, place in zip(diagram.boxes, layout.places, strict=True):
        room = (place.width - SIDE) * scale
        for line, x, y in baselines(box, place):
            if not seen(line, until):
                continue
            size = line.size * scale
            text = printable(line.text, font(size))
            length = font(size).getlength(text)
            if length > room:  # characters that the font has not are written as words
                size = math.floor(size * room / length)
            colour = LIGHT[colour_of(line.role)][0]
            pen.text((x * scale, y * scale), text, colour, font(max(size, 1.0)), anchor="ms")
    return drawn


def printable(text: str, font: Any) -> str:
    """A text in the characters that a font has: letters without accents, Greek ones by their names,
    a question mark for others."""
    if text.isascii():
        return text
    absent = bytes(font.getmask("\uffff")), font.getbbox("\uffff")
    found = []
    for c in text:
        if c.isascii() or (bytes(font.getmask(c)), font.getbbox(c)) != absent:
            found.append(c)
            continue
        letters = unicodedata.normalize("NFKD", c), unicodedata.normalize("NFKD", c.casefold())
        plain = next((x for x in [y.encode("ascii", "ignore").decode() for y in letters] if x), "")
        words = unicodedata.name(c, "").lower().split()
        if plain:
            found.append(plain)
        elif "greek" in words and "letter" in words:
            name = words[words.index("letter") + 1]
            found.append(name.capitalize() if "capital" in words else name)
        elif not unicodedata.combining(c):
            found.append("?")
    return "".join(found)


def png(diagram: Diagram, layout: Layout, scale: float, until: Order | None = None) -> bytes:
    """The bytes of a PNG file, `scale` pixels for a length of one."""
    stream = io.BytesIO()
    image(diagram, layout, scale, until).save(stream, "PNG", optimize=True)
    return stream.getvalue()


def gif(diagram: Diagram, layout: Layout, scale: float, orders: Sequence[Order]) -> bytes:
    """The bytes of a GIF file that plays the pictures of a sequence again and again."""
    frames = [image(diagram, layout, scale, until).quantize(COLOURS, kmeans=1) for until in orders]
    stay = round(1000 * SECONDS)
    times = [stay] * (len(frames) - 1) + [stay * (1 + HOLD)]
    stream = io.BytesIO()
    frames[0].save(stream, "GIF", save_all=True, append_images=frames[1:], duration=times, loop=0)
    return stream.getvalue()
