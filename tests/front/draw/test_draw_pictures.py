"""Pictures of `ad.draw`: SVG, PNG and GIF, and where boxes, texts and arrows lie."""

from __future__ import annotations

import importlib.util
import io
import itertools
import math
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

import adjoint as ad
from adjoint.base.dtypes import Type
from adjoint.front.draw.arrange import curve
from adjoint.front.draw.boxes import shortened
from adjoint.front.draw.graphs import LONGEST
from adjoint.graph import op
from adjoint.graph.function import build_function

pytest.importorskip("graphlay", reason="graphlay lays pictures out")

SCALAR = Type((), np.dtype(float), True)
FILLS = {"input": (226, 242, 230), "operation": (238, 241, 246), "output": (253, 236, 210)}
NAME = "{http://www.w3.org/2000/svg}"


def f(x, y):
    return x**2 * y + y + 2


def loss(w, x):
    hidden = np.tanh(x @ w)
    return np.sum(hidden**2) / np.exp(np.sum(w))


def chain(x):
    for k in range(12):
        x = np.sin(x) + k
    return x


def wide(*xs):
    return sum(np.exp(x) * k for k, x in enumerate(xs))


def several(x, y):
    return x, x * y, {"twice": x * y, "y": y}, 3.0


def long_names(a_rather_long_name_of_a_parameter, another_one_that_is_longer_than_that_by_far):
    return a_rather_long_name_of_a_parameter / another_one_that_is_longer_than_that_by_far


def random_graph(seed: int):
    """A graph of random operations on random earlier values; what is not read is a result."""
    rng = np.random.default_rng(seed)

    def rule(*inputs):
        values, unread = list(inputs), set(range(len(inputs)))
        for _ in range(int(rng.integers(3, 45))):
            name = rng.choice(["add", "mul", "sub", "sin", "exp", "pow", "div", "maximum"])
            count = 1 if name in ("sin", "exp") else 2
            recent = len(values) - 1 - rng.geometric(0.25, count).clip(max=len(values)) + 1
            places = [int(k) for k in recent]
            unread -= set(places)
            unread.add(len(values))
            values.append(getattr(op, str(name))(*[values[k] for k in places]))
        return [values[k] for k in sorted(unread)]

    return build_function(rule, [SCALAR] * int(rng.integers(1, 5)), f"random{seed}")


CASES = {
    "formula": lambda: ad.draw(f, 3.0, 4.0),
    "reverse": lambda: ad.draw(f, 3.0, 4.0, mode="reverse"),
    "forward": lambda: ad.draw(f, 3.0, 4.0, mode="forward"),
    "square": lambda: ad.draw(lambda x: x * x, 3.0, mode="reverse"),
    "identity": lambda: ad.draw(lambda x: x, 3.0, mode="reverse"),
    "gradient": lambda: ad.draw(ad.grad(loss), np.ones(3), np.ones((5, 3))),
    "matrix": lambda: ad.draw(loss, np.ones(3), np.ones((5, 3)), mode="reverse"),
    "folded": lambda: ad.draw(ad.grad(loss), np.ones(3), np.ones((5, 3)), fold=True),
    "chain": lambda: ad.draw(chain, 1.0, mode="forward"),
    "wide": lambda: ad.draw(wide, *np.linspace(0.0, 1.0, 9)),
    "several": lambda: ad.draw(several, 1.0, 2.0),
    "names": lambda: ad.draw(long_names, 1.0, 2.0),
    "unread": lambda: ad.draw(lambda x, y, z: y, 1.0, 2.0, 3.0),
    "unicode": lambda: ad.draw(f, 1.0, 2.0, names=['α<&>"', "日本語の名前"], mode="reverse"),
    **{f"random {k}": lambda k=k: ad.draw(random_graph(k)) for k in range(20)},
}


def drawn(picture):
    """The boxes of an SVG: (x, y, width, height) and texts (x, y, size, text) of each."""
    root = ElementTree.fromstring(picture.svg)
    assert root.tag == f"{NAME}svg"
    boxes = []
    for group in root.findall(f"{NAME}g"):
        rect = group.find(f"{NAME}rect")
        place = tuple(float(rect.get(key)) for key in ("x", "y", "width", "height"))
        texts = [
            (*(float(t.get(key)) for key in ("x", "y", "font-size")), t.text)
            for t in group.findall(f"{NAME}text")
        ]
        boxes.append((place, texts))
    return root, boxes


@pytest.mark.parametrize("case", CASES)
def test_boxes_and_texts(case: str) -> None:
    picture = CASES[case]()
    root, boxes = drawn(picture)
    width, height = float(root.get("width")), float(root.get("height"))
    assert len(boxes) == len(picture.diagram.boxes)
    for (x, y, w, h), texts in boxes:
        assert x >= 0 and y >= 0 and x + w <= width and y + h <= height
        assert texts
        for at, base, size, text in texts:
            half = ink(text, size) / 2
            assert x < at - half and at + half < x + w
            assert y < base - 0.8 * size and base + 0.25 * size < y + h
        for (_, above, *_), (_, below, size, _) in itertools.pairwise(texts):
            assert below - above > size
    for (a, _), (b, _) in itertools.combinations(boxes, 2):
        apart = a[0] + a[2] < b[0] or b[0] + b[2] < a[0] or a[1] + a[3] < b[1] or b[1] + b[3] < a[1]
        assert apart, (a, b)


def ink(text: str, size: float) -> float:
    """The width of a text in the font that Pillow brings, another measure than the table's."""
    image_font = pytest.importorskip("PIL.ImageFont")
    return image_font.load_default(size).getlength(text)


@pytest.mark.parametrize("case", CASES)
def test_arrows_lead_from_box_to_box_around_others(case: str) -> None:
    picture = CASES[case]()
    layout = picture.layout
    assert len(layout.paths) == len(picture.diagram.edges)
    for (source, target), path in zip(picture.diagram.edges, layout.paths, strict=True):
        assert on_border(path[0], layout.places[source])
        assert on_border(path[-1], layout.places[target])
        line = curve(path)
        for k, place in enumerate(layout.places):
            if k in (source, target):
                continue
            for a, b in itertools.pairwise(line):
                for t in np.linspace(0, 1, max(2, int(math.dist(a, b) / 4))):
                    x, y = a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])
                    inside = (
                        place.x < x < place.x + place.width and place.y < y < place.y + place.height
                    )
                    assert not inside


def on_border(point, place) -> bool:
    x, y = point
    near_x = min(abs(x - place.x), abs(x - place.x - place.width)) < 1.5
    near_y = min(abs(y - place.y), abs(y - place.y - place.height)) < 1.5
    inside = place.x - 1.5 < x < place.x + place.width + 1.5
    inside = inside and place.y - 1.5 < y < place.y + place.height + 1.5
    return inside and (near_x or near_y)


def test_a_picture_is_the_same_every_time() -> None:
    assert CASES["random 3"]().svg == CASES["random 3"]().svg


def test_names_are_escaped_in_svg() -> None:
    root, boxes = drawn(CASES["unicode"]())
    assert boxes[0][1][0][-1] == 'α<&>"' and boxes[1][1][0][-1] == "日本語の名前"
    assert root.find(f"{NAME}title").text == "f"


def test_colours_for_light_and_dark() -> None:
    picture = CASES["reverse"]()
    text = picture.svg
    assert "@media (prefers-color-scheme: dark)" in text
    root, _ = drawn(picture)
    classes = [group.get("class") for group in root.findall(f"{NAME}g")]
    assert classes == ["input", "input", "operation", "operation", "operation", "output"]
    light = re.findall(r"^  \.adjoint-picture \.(\w+)", text, re.MULTILINE)
    dark = re.findall(r"^    \.adjoint-picture \.(\w+)", text, re.MULTILINE)
    assert light == dark and {"input", "operation", "output", "adjoint", "edge"} <= set(light)
    assert root.find(f"{NAME}rect") is None  # no ground: it is transparent


def test_png() -> None:
    images = pytest.importorskip("PIL.Image")
    picture = CASES["reverse"]()
    for scale in (1, 2, 0.5):
        opened = images.open(io.BytesIO(picture.png(scale)))
        assert opened.format == "PNG"
        layout = picture.layout
        assert opened.size == (math.ceil(layout.width * scale), math.ceil(layout.height * scale))
    opened = images.open(io.BytesIO(picture.png(2))).convert("RGB")
    for box, place in zip(picture.diagram.boxes, picture.layout.places, strict=True):
        at = (int((place.x + 7) * 2), int((place.y + place.height / 2) * 2))
        assert opened.getpixel(at) == FILLS[box.kind]
    assert opened.getpixel((1, 1)) == (255, 255, 255)
    assert len(set(opened.get_flattened_data() if hasattr(opened, "get_flattened_data")
                   else opened.getdata())) > 20  # fmt: skip


def test_png_of_any_name() -> None:
    images = pytest.importorskip("PIL.Image")
    assert images.open(io.BytesIO(CASES["unicode"]().png())).format == "PNG"


def test_gif() -> None:
    images = pytest.importorskip("PIL.Image")
    pictures = ad.draw.steps(f, 3.0, 4.0)
    opened = images.open(io.BytesIO(pictures.gif()))
    assert opened.format == "GIF" and opened.n_frames == len(pictures) == 12
    layout = pictures.last.layout
    assert opened.size == (math.ceil(layout.width), math.ceil(layout.height))
    frames = []
    for k in range(opened.n_frames):
        opened.seek(k)
        frame = opened.convert("RGB")
        frames.append(frame.tobytes())
        assert frame.getpixel((1, 1)) == (255, 255, 255)
        for box, place in zip(pictures.last.diagram.boxes, layout.places, strict=True):
            at = int(place.x + 7), int(place.y + place.height / 2)
            difference = np.subtract(frame.getpixel(at), FILLS[box.kind])
            assert abs(difference).max() <= 2  # few colours
    assert len(set(frames)) == 12


def test_moving_svg() -> None:
    pictures = ad.draw.steps(f, 3.0, 4.0)
    root = ElementTree.fromstring(pictures.svg)
    moving = root.findall(f".//{NAME}text/{NAME}animate")
    assert len(moving) == 12
    for animation in root.iter(f"{NAME}animate"):
        times = [float(t) for t in animation.get("keyTimes").split(";")]
        assert len(times) == len(animation.get("values").split(";"))
        assert times[0] == 0 and times == sorted(set(times)) and times[-1] < 1
    begins = [
        float(a.get("keyTimes").split(";")[-1]) if a.get("values") != "1" else 0.0 for a in moving
    ]
    assert len(set(begins)) == 12
    still = [t.text for t in root.iter(f"{NAME}text")]
    assert still == [t.text for t in ElementTree.fromstring(pictures.last.svg).iter(f"{NAME}text")]
    fourth = ElementTree.fromstring(pictures[3].svg)
    assert len(list(fourth.iter(f"{NAME}text"))) == 6 + 4
    assert [g.get("class") for g in fourth.findall(f"{NAME}g")].count("operation active") == 1


def test_files(tmp_path: Path) -> None:
    pytest.importorskip("PIL")
    picture = CASES["formula"]()
    assert picture.save(tmp_path / "f.svg").read_text(encoding="utf-8") == picture.svg
    assert picture.save(tmp_path / "f.PNG").read_bytes() == picture.png()
    pictures = ad.draw.steps(f, 3.0, 4.0)
    assert pictures.save(tmp_path / "s.svg").read_text(encoding="utf-8") == pictures.svg
    assert pictures.save(tmp_path / "s.gif").read_bytes()[:6] == b"GIF89a"


def test_notebooks() -> None:
    picture = CASES["formula"]()
    assert picture._repr_svg_() == picture.svg
    bundle = picture._repr_mimebundle_()
    assert bundle == {"text/plain": str(picture), "image/svg+xml": picture.svg}


def test_without_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    picture = CASES["formula"]()
    assert picture.svg
    with pytest.raises(ImportError) as caught:
        picture.png()
    assert str(caught.value).startswith("drawing pixels needs Pillow, which is not installed.\n")
    assert "`pip install 'adjoint[draw]'`" in str(caught.value)
    with pytest.raises(ImportError, match="drawing pixels needs Pillow"):
        ad.draw.steps(f, 3.0, 4.0).gif()


def test_the_pictures_of_the_page_are_what_is_made() -> None:
    """Not the places, which a new version of the layout library may move."""
    images = pytest.importorskip("PIL.Image")
    folder = Path(__file__).parents[3] / "docs" / "images"
    page = (folder.parent / "drawings.md").read_text(encoding="utf-8")
    place = importlib.util.spec_from_file_location("pictures_of_the_page", folder / "make.py")
    make = importlib.util.module_from_spec(place)
    place.loader.exec_module(make)
    found = make.pictures()
    assert set(re.findall(r"\(images/(.*?)\)", page)) == set(found)
    for name, picture in found.items():
        if name.endswith(".gif"):
            layout = picture.last.layout
            with images.open(folder / name) as opened:
                assert opened.n_frames == len(picture)
                np.testing.assert_allclose(opened.size, (layout.width, layout.height), rtol=0.1)
            continue
        kept, made = (
            ElementTree.fromstring(text)
            for text in ((folder / name).read_text(encoding="utf-8"), picture.svg)
        )
        assert [one.tag for one in kept.iter()] == [one.tag for one in made.iter()]
        assert [one.text for one in kept.iter()] == [one.text for one in made.iter()]
        assert [one.get("class") for one in kept.iter()] == [
            one.get("class") for one in made.iter()
        ]


HTML = (
    "Names of <b>things</b>: 'a' & \"b\" \\\\ %d {x} |y| `z` $t$ ]]> <!-- c --> &amp; \u2028 \x07"
)


def test_hostile_names_in_every_format() -> None:
    picture = ad.draw(f, 3.0, 4.0, names=[HTML, "日本 größe α₂ ½ 𝑥 🙂"], mode="reverse")
    root, boxes = drawn(picture)
    assert boxes[0][1][0][-1] == shortened(HTML, LONGEST)
    assert boxes[1][1][0][-1] == "日本 größe α₂ ½ 𝑥 🙂"
    assert (
        "<b>" not in picture.mermaid + picture.svg and "<!--" not in picture.mermaid + picture.svg
    )
    for text in (picture.mermaid, picture.dot, picture.svg):
        assert "\x07" not in text and "\u2028" not in text
    assert all(line.count('"') % 2 == 0 for line in picture.mermaid.splitlines())
    assert picture.png()[:8] == b"\x89PNG\r\n\x1a\n"


# Of SVG 1.1: what each element that we write may hold, its attributes, which of them it must have.
ELEMENTS = {
    "svg": ("title style polyline polygon g",
            "class width height viewBox role text-anchor font-family",
            "viewBox"),
    "title": ("", "", ""),
    "style": ("", "", ""),
    "g": ("rect text", "class", ""),
    "rect": ("animate", "class x y width height rx fill style stroke-width opacity",
             "x y width height"),
    "text": ("animate", "class x y font-size", "x y"),
    "polyline": ("", "class fill stroke-width points", "points"),
    "polygon": ("", "class points", "points"),
    "animate": ("", "attributeName calcMode dur repeatCount keyTimes values",
                "attributeName dur keyTimes values"),
}  # fmt: skip
MARKS = re.compile(r"(-?\d+(\.\d+)?,-?\d+(\.\d+)?( |$))+")


def test_svg_has_the_elements_and_attributes_of_the_standard() -> None:
    for text in (
        CASES["unicode"]().svg,
        CASES["folded"]().svg,
        CASES["identity"]().svg,
        ad.draw.steps(f, 3.0, 4.0).svg,
        ad.draw.steps(f, 3.0, 4.0)[4].svg,
    ):
        root = ElementTree.fromstring(text)
        for one in root.iter():
            name = one.tag.removeprefix(NAME)
            children, attributes, needed = (x.split() for x in ELEMENTS[name])
            assert {x.tag.removeprefix(NAME) for x in one} <= set(children)
            assert set(one.attrib) <= set(attributes) and set(needed) <= set(one.attrib)
            for key in ("x", "y", "width", "height", "rx", "font-size", "stroke-width"):
                assert math.isfinite(float(one.get(key, "0")))
            if "points" in one.attrib:
                assert MARKS.fullmatch(one.get("points"))
        style = root.find(f"{NAME}style").text
        assert style.count("{") == style.count("}")


def test_graphviz_reads_what_is_written() -> None:
    program = shutil.which("dot")
    if program is None:
        pytest.skip("Graphviz is not installed")
    pictures = [CASES[name]() for name in ("unicode", "folded", "several", "identity")]
    pictures.append(ad.draw(f, 3.0, 4.0, names=[HTML, "end; a -> b"], mode="reverse"))
    whole = "".join(picture.dot for picture in pictures)
    done = subprocess.run([program, "-Tplain"], input=whole.encode(), capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    lines = done.stdout.decode().splitlines()
    for word, count in (
        ("node", sum(len(picture.diagram.boxes) for picture in pictures)),
        ("edge", sum(len(picture.diagram.edges) for picture in pictures)),
    ):
        assert sum(line.startswith(f"{word} ") for line in lines) == count


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20, 120))
def test_random_graphs(seed: int) -> None:
    CASES["one"] = lambda: ad.draw(random_graph(seed))
    try:
        test_boxes_and_texts("one")
        test_arrows_lead_from_box_to_box_around_others("one")
    finally:
        del CASES["one"]
