"""Image files of every format and mode that Spinel decodes: by Pillow where it can write them, by hand elsewhere."""
import io
import struct
import zlib

import numpy as np
from PIL import Image

SIZES = [(1, 1), (1, 7), (9, 1), (13, 9), (33, 57), (64, 64), (227, 91), (500, 400), (3, 301), (640, 17)]


def picture(width, height, channels, seed=0):
    """A mix of gradients, edges and noise: uint8 [height, width, channels]."""
    random = np.random.RandomState(width * 1000 + height * 10 + channels + seed)
    y, x = np.mgrid[0:height, 0:width]
    planes = []
    for c in range(channels):
        wave = 127 + 90 * np.sin(x / (3.0 + c) + c) * np.cos(y / (5.0 - c % 4))
        edge = np.where((x // 8 + y // 6 + c) % 2, 40, -40)
        planes.append(wave + edge + random.randint(-20, 21, (height, width)))
    return np.clip(np.stack(planes, -1), 0, 255).astype(np.uint8)


def rgb(width, height, seed=0):
    return Image.fromarray(picture(width, height, 3, seed), "RGB")


def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def in_mode(mode, width, height):
    """An image of a Pillow mode."""
    if mode in ("1", "L", "P", "CMYK", "RGB"):
        base = rgb(width, height)
        return base.quantize(37) if mode == "P" else base.convert(mode)
    channels = {"LA": 2, "RGBA": 4}[mode]
    return Image.fromarray(picture(width, height, channels), mode)


# JPEG --------------------------------------------------------------------------------------------------------------
def adobe_transform(data, transform):
    """Sets the colour transform of the Adobe marker: 2 makes YCCK of CMYK, 0 RGB of YCbCr."""
    at = data.index(b"Adobe")
    return data[:at + 11] + bytes([transform]) + data[at + 12:]


def without_adobe(data):
    at = data.index(b"Adobe") - 4
    length = struct.unpack(">H", data[at + 2:at + 4])[0]
    return data[:at] + data[at + 2 + length:]


def with_adobe(data, transform):
    return data[:2] + b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00" + bytes([transform]) + data[2:]


def jpegs():
    for i, (w, h) in enumerate(SIZES):
        for subsampling in range(3):
            progressive = (i + subsampling) % 2 == 0
            yield (f"ycc_{w}x{h}_{subsampling}{'p' if progressive else 'b'}.jpg",
                   saved(rgb(w, h), "JPEG", quality=60 + i * 4, subsampling=subsampling, progressive=progressive))
    for w, h in [(1, 1), (17, 30), (120, 77)]:
        for progressive in (False, True):
            suffix = f"{w}x{h}{'p' if progressive else 'b'}.jpg"
            yield f"gray_{suffix}", saved(in_mode("L", w, h), "JPEG", progressive=progressive)
            cmyk = saved(in_mode("CMYK", w, h), "JPEG", progressive=progressive, quality=90)
            yield f"cmyk_{suffix}", cmyk
            yield f"ycck_{suffix}", adobe_transform(cmyk, 2)
            yield f"cmyk_plain_{suffix}", without_adobe(cmyk)
    data = saved(rgb(50, 40), "JPEG")
    yield "rgb_adobe.jpg", with_adobe(data, 0)
    yield "optimised.jpg", saved(rgb(50, 40), "JPEG", optimize=True, quality=99)
    exif = Image.Exif()
    exif[0x0112] = 6
    yield "rotated_by_exif.jpg", saved(rgb(50, 40), "JPEG", exif=exif)
    yield "icc_and_comment.jpg", saved(rgb(50, 40), "JPEG", icc_profile=b"x" * 70000, comment=b"hello")
    yield "wrong_name.png", data
    yield "bytes_after.jpg", data + b"more bytes"


# PNG ---------------------------------------------------------------------------------------------------------------
PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def pack_rows(samples, depth):
    """Rows of PNG data with filter 0; samples are [height, width, channels]."""
    out = b""
    for row in samples:
        flat = row.reshape(-1)
        if depth == 16:
            line = flat.astype(">u2").tobytes()
        elif depth == 8:
            line = flat.astype(np.uint8).tobytes()
        else:
            bits = ((flat[:, None].astype(int) >> np.arange(depth - 1, -1, -1)) & 1).astype(np.uint8)
            line = np.packbits(bits.reshape(-1)).tobytes()
        out += b"\0" + line
    return out


def png(samples, color, depth, interlaced=False, palette=None, transparency=None):
    height, width = samples.shape[:2]

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    if interlaced:
        parts = [samples[y0::dy, x0::dx] for x0, y0, dx, dy in PASSES]
        data = b"".join(pack_rows(part, depth) for part in parts if part.size)
    else:
        data = pack_rows(samples, depth)
    out = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlaced))
    if palette is not None:
        out += chunk(b"PLTE", palette)
    if transparency is not None:
        out += chunk(b"tRNS", transparency)
    return out + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def pngs():
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
    depths = {0: [1, 2, 4, 8, 16], 2: [8, 16], 3: [1, 2, 4, 8], 4: [8, 16], 6: [8, 16]}
    random = np.random.RandomState(2)
    palette = random.randint(0, 256, 768).astype(np.uint8).tobytes()
    for interlaced in (False, True):
        for w, h in [(1, 1), (5, 3), (67, 45)]:
            for color, options in depths.items():
                for depth in options:
                    if depth == 16:
                        samples = picture(w, h, channels[color]).astype(int) * 3
                        samples[::2] = samples[::2] // 6 + 180
                    else:
                        samples = picture(w, h, channels[color]) >> (8 - depth)
                    colors = palette[:3 << depth] if color == 3 else None
                    yield (f"c{color}_d{depth}_{w}x{h}{'i' if interlaced else ''}.png",
                           png(samples, color, depth, interlaced, colors))
    small = picture(21, 14, 1)
    yield "palette_alpha.png", png(small >> 4, 3, 4, palette=palette[:48], transparency=bytes(range(0, 160, 10)))
    yield "palette_short.png", png(small, 3, 8, palette=palette[:90])
    yield "gray_transparent.png", png(small, 0, 8, transparency=b"\0\x40")
    yield "gray1_transparent.png", png(small >> 7, 0, 1, transparency=b"\0\1")
    yield "rgb_transparent.png", png(picture(21, 14, 3), 2, 8, transparency=b"\0\x40\0\x41\0\x42")
    yield "rgb_palette.png", png(picture(21, 14, 3), 2, 8, palette=palette[:30])
    for i, (w, h) in enumerate(SIZES):
        mode = ["RGB", "L", "P", "RGBA", "LA", "1"][i % 6]
        yield f"pillow_{mode}_{w}x{h}.png", saved(in_mode(mode, w, h), "PNG", optimize=i % 2 == 0)
    yield "pillow_I.png", saved(Image.fromarray(picture(30, 20, 1)[..., 0].astype(np.int32) * 2, "I"), "PNG")
    yield "no_extension", saved(rgb(31, 24), "PNG")


# BMP ---------------------------------------------------------------------------------------------------------------
def bmp(samples, bits, header=40, palette=b"", top_down=False, masks=None, colors=0):
    """samples: [height, width] indices, or [height, width, bytes] as stored."""
    height, width = samples.shape[:2]
    rows = []
    for row in samples if top_down else samples[::-1]:
        line = pack_rows(row[None, :, None], bits)[1:] if bits <= 8 else row.astype(np.uint8).tobytes()
        rows.append(line + bytes(-len(line) % 4))
    stored_height = 2**32 - height if top_down else height
    if header == 12:
        info = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        info = struct.pack("<IIIHHIIIIII", header, width, stored_height, 1, bits, 3 if masks else 0, 0, 0, 0, colors, 0)
        if header > 40:
            info += struct.pack("<IIII", *(masks or (0, 0, 0, 0)))
            info += bytes(header - len(info))
        elif masks:
            info += struct.pack("<III", *masks[:3])
    offset = 14 + len(info) + len(palette)
    return b"BM" + struct.pack("<IHHI", 0, 0, 0, offset) + info + palette + b"".join(rows)


def bmps():
    for i, mode in enumerate(["1", "L", "P", "RGB", "RGBA"]):
        for w, h in [SIZES[i], SIZES[9 - i]]:
            yield f"pillow_{mode}_{w}x{h}.bmp", saved(in_mode(mode, w, h), "BMP")
    random = np.random.RandomState(3)
    bgrx = random.randint(0, 256, 1024).astype(np.uint8).tobytes()
    bgr = random.randint(0, 256, 768).astype(np.uint8).tobytes()
    gray = picture(29, 11, 1)[..., 0]
    for bits in (1, 4, 8):
        indices = gray >> (8 - bits)
        yield f"p{bits}.bmp", bmp(indices, bits, palette=bgrx[:4 << bits])
        yield f"p{bits}_os2.bmp", bmp(indices, bits, header=12, palette=bgr[:3 << bits])
        yield f"p{bits}_top_down.bmp", bmp(indices, bits, palette=bgrx[:4 << bits], top_down=True)
    yield "p8_short.bmp", bmp(gray >> 4, 8, palette=bgrx[:64], colors=16)
    yield "p8_short_beyond.bmp", bmp(gray, 8, palette=bgrx[:400], colors=100)
    yield "p4_short.bmp", bmp(gray >> 6, 4, palette=bgrx[:16], colors=4)
    four = picture(29, 11, 4)
    for header in (12, 40, 64, 108, 124):
        yield f"rgb24_h{header}.bmp", bmp(four[..., :3], 24, header)
        yield f"rgb32_h{header}.bmp", bmp(four, 32, header)
    layouts = [(0xff0000, 0xff00, 0xff, 0), (0xff000000, 0xff0000, 0xff00, 0), (0xff000000, 0xff0000, 0xff00, 0xff),
               (0xff, 0xff00, 0xff0000, 0xff000000), (0xff0000, 0xff00, 0xff, 0xff000000)]
    for i, masks in enumerate(layouts):
        yield f"fields{i}.bmp", bmp(four, 32, 108, masks=masks)
    for i, masks in enumerate(layouts[:2]):
        yield f"fields40_{i}.bmp", bmp(four, 32, 40, masks=masks)


# TGA ---------------------------------------------------------------------------------------------------------------
def tga(kind, depth, pixels, width, height, descriptor=0, palette=b"", map_start=0, map_bits=0, comment=b""):
    entries = len(palette) // (map_bits // 8) if map_bits else 0
    return struct.pack("<BBBHHBHHHHBB", len(comment), 1 if palette else 0, kind, map_start, entries, map_bits, 0, 0,
                       width, height, depth, descriptor) + comment + palette + pixels


def tga_packets(pixels, size):
    """Run-length packets within rows of whatever width; literals and runs mixed."""
    out = b""
    values = [pixels[i:i + size] for i in range(0, len(pixels), size)]
    i = 0
    while i < len(values):
        run = 1
        while i + run < len(values) and run < 128 and values[i + run] == values[i]:
            run += 1
        out += bytes([127 + run]) + values[i] if run > 1 else b"\0" + values[i]
        i += run
    return out


TGA_SIZE = (23, 10)


def tga_indices():
    """Four indices, raw and run-length encoded."""
    w, h = TGA_SIZE
    flat = (picture(w, h, 1)[..., 0] // 64).tobytes()
    return flat, b"".join(tga_packets(flat[y * w:(y + 1) * w], 1) for y in range(h))


def tgas():
    for i, mode in enumerate(["L", "LA", "P", "RGB", "RGBA"]):
        for rle in (False, True):
            w, h = SIZES[(i * 2 + rle) % 10]
            options = {"compression": "tga_rle"} if rle else {}
            yield f"pillow_{mode}_{w}x{h}{'_rle' if rle else ''}.tga", saved(in_mode(mode, w, h), "TGA", **options)
    w, h = TGA_SIZE
    random = np.random.RandomState(4)
    for depth in (16, 24, 32):
        pixels = random.randint(0, 256, w * h * depth // 8).astype(np.uint8).tobytes()
        for descriptor in (0, 0x10, 0x20, 0x30):
            yield f"d{depth}_o{descriptor:02x}.tga", tga(2, depth, pixels, w, h, descriptor, comment=b"remark")
    flat, rows = tga_indices()
    for bits in (16, 24):
        palette = random.randint(0, 256, 6 * bits // 8).astype(np.uint8).tobytes()
        yield f"map{bits}.tga", tga(1, 8, flat, w, h, palette=palette, map_bits=bits)
        yield f"map{bits}_rle.tga", tga(9, 8, rows, w, h, palette=palette, map_bits=bits)
        yield f"map{bits}_start2.tga", tga(1, 8, flat, w, h, palette=palette, map_bits=bits, map_start=2)
    yield "map24_beyond.tga", tga(1, 8, (picture(w, h, 1)[..., 0]).tobytes(), w, h, palette=palette[:15], map_bits=24)
    yield "gray_with_map.tga", tga(3, 8, flat, w, h, palette=palette[:12], map_bits=24)


# PSD ---------------------------------------------------------------------------------------------------------------
def pack_bits(row):
    out = b""
    i = 0
    while i < len(row):
        run = 1
        while i + run < len(row) and run < 128 and row[i + run] == row[i]:
            run += 1
        if run > 1:
            out += bytes([257 - run, row[i]])
            i += run
        else:
            out += bytes([0, row[i]])
            i += 1
    return out


def psd(planes, mode, packed, mode_data=b"", resources=b""):
    """planes: [channels, height, width]."""
    channels, height, width = planes.shape
    out = b"8BPS" + struct.pack(">H6xHIIHH", 1, channels, height, width, 8, mode)
    out += struct.pack(">I", len(mode_data)) + mode_data + struct.pack(">I", len(resources)) + resources
    out += struct.pack(">I", 0) + struct.pack(">H", packed)
    if not packed:
        return out + planes.tobytes()
    rows = [pack_bits(row.tobytes()) for plane in planes for row in plane]
    return out + b"".join(struct.pack(">H", len(row)) for row in rows) + b"".join(rows)


PSD_KINDS = [("gray", 1, 1), ("gray_alpha", 1, 2), ("rgb", 3, 3), ("rgba", 3, 4), ("rgb5", 3, 5), ("cmyk", 4, 4),
             ("duotone", 8, 1)]
PSD_READ = {1: 1, 3: 3, 4: 4, 8: 1}


def psd_planes(width, height, channels):
    return np.ascontiguousarray(picture(width, height, channels).transpose(2, 0, 1) // 16 * 16)


def psds():
    resource = b"8BIM" + struct.pack(">HHI", 1005, 0, 4) + b"abcd"
    palette = np.random.RandomState(6).randint(0, 256, 768).astype(np.uint8).tobytes()
    for packed in (0, 1):
        for w, h in [(1, 1), (31, 18)]:
            suffix = f"{w}x{h}_{'packed' if packed else 'raw'}.psd"
            for name, mode, channels in PSD_KINDS:
                if not packed or channels == PSD_READ[mode] or name == "rgba":
                    yield f"{name}_{suffix}", psd(psd_planes(w, h, channels), mode, packed, resources=resource)
            planes = np.ascontiguousarray(picture(w, h, 1).transpose(2, 0, 1))
            yield f"indexed_{suffix}", psd(planes, 2, packed, mode_data=palette)


# PNM ---------------------------------------------------------------------------------------------------------------
def pnms():
    for i, mode in enumerate(["1", "L", "RGB"]):
        for w, h in [SIZES[i + 2], SIZES[8 - i]]:
            yield f"pillow_{mode}_{w}x{h}.ppm", saved(in_mode(mode, w, h), "PPM")
    w, h = 13, 6
    gray = picture(w, h, 1)[..., 0].astype(int)
    color = picture(w, h, 3).astype(int)

    def text(values):
        return " ".join(str(v) for v in values.reshape(-1)).encode() + b"\n"

    yield "p1.pbm", b"P1\n# a remark\n13 6\n" + text(gray // 128)
    yield "p1_dense.pbm", b"P1 13 6\n" + text(gray // 128).replace(b" ", b"")
    yield "p2.pgm", b"P2 13 6 255\n" + text(gray)
    yield "p2_max7.pgm", b"P2 13 6 7\n" + text(gray // 32)
    yield "p2_max1000.pgm", b"P2 13 6 1000\n" + text(gray)
    yield "p3.ppm", b"P3\n13 6 # width and height\n255\n" + text(color)
    yield "p3_max100.ppm", b"P3 13 6 100\n" + text(color * 100 // 255)
    yield "p3_max1000.ppm", b"P3 13 6 1000\n" + text(color * 3)
    yield "p5_max9.pgm", b"P5 13 6 9\n" + (gray // 28).astype(np.uint8).tobytes()
    yield "p5_comment.pgm", b"P5\n#x\n#y\n13\n6\n255\n" + gray.astype(np.uint8).tobytes()
    for most in (300, 1023, 65535):
        yield f"p5_max{most}.pgm", f"P5 13 6 {most}\n".encode() + (gray * most // 255).astype(">u2").tobytes()
        yield f"p6_max{most}.ppm", f"P6 13 6 {most}\n".encode() + (color * most // 255).astype(">u2").tobytes()
    yield "p6_max31.ppm", b"P6 13 6 31\n" + (color // 8).astype(np.uint8).tobytes()


def all_files():
    for make in (jpegs, pngs, bmps, tgas, psds, pnms):
        yield from make()


def misread_by_pillow():
    """Valid files that Pillow 9.4 refuses or decodes to noise, each with a file of the same pixels that it reads."""
    for name, mode, channels in PSD_KINDS:
        if channels != PSD_READ[mode] and name != "rgba":
            planes = psd_planes(31, 18, channels)
            yield f"{name}_packed.psd", psd(planes, mode, 1), psd(planes, mode, 0)
    bgra = np.random.RandomState(7).randint(0, 256, (6, 4)).astype(np.uint8)
    flat, rows = tga_indices()
    plain = tga(1, 8, flat, *TGA_SIZE, palette=np.ascontiguousarray(bgra[:, :3]).tobytes(), map_bits=24)
    yield "map32.tga", tga(1, 8, flat, *TGA_SIZE, palette=bgra.tobytes(), map_bits=32), plain
    yield "map32_rle.tga", tga(9, 8, rows, *TGA_SIZE, palette=bgra.tobytes(), map_bits=32), plain


def no_images():
    yield "empty.jpg", b""
    yield "text.jpg", b"this is a text, not an image\n" * 5
    yield "zeros.png", bytes(1000)
    yield "only_magic.png", b"\x89PNG\r\n\x1a\n"
    yield "only_magic.jpg", b"\xff\xd8\xff\xe0"
    yield "only_magic.bmp", b"BM"
    yield "only_magic.psd", b"8BPS"
    yield "only_magic.ppm", b"P6 "
    yield "zero_size.ppm", b"P6 0 4 255\n"
