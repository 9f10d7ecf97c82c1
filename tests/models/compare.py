"""Comparisons of outputs: tensors element by element, boxes of detectors after matching."""
import numpy

from network import Comparison

LEAST_BOXES = 20


def diff2(actual, expected):
    """Infinite for other dims, and for NaN or Inf that the other has not."""
    actual, expected = numpy.asarray(actual, numpy.float64), numpy.asarray(expected, numpy.float64)
    if actual.shape != expected.shape:
        return float("inf")
    finite = numpy.isfinite(expected)
    if not numpy.array_equal(actual[~finite], expected[~finite], equal_nan=True):
        return float("inf")
    actual, expected = actual[finite], expected[finite]
    if not numpy.isfinite(actual).all():
        return float("inf")
    distance, size = numpy.linalg.norm(actual - expected), numpy.linalg.norm(expected)
    return 0.0 if distance == 0 else float(distance / size) if size else float("inf")


def tensors(actual, expected, dtype):
    """Every output, element by element; integers and booleans must be equal."""
    worst, count = 0.0, 0
    for name, array in expected.items():
        count += array.size
        if array.dtype.kind in "fc":
            if not numpy.isfinite(array).all():
                return Comparison(float("inf"), count, f"{name}: the expected values have NaN or Inf")
            worst = max(worst, diff2(actual[name], array))
        elif not numpy.array_equal(actual[name], array):
            return Comparison(float("inf"), count, f"{name}: integers differ")
    return Comparison(worst, count, "" if count else "nothing was compared")


def overlaps(boxes, others):
    """Intersection over union of [N, 4] and [M, 4] boxes (x1, y1, x2, y2): [N, M]."""
    low = numpy.maximum(boxes[:, None, :2], others[None, :, :2])
    high = numpy.minimum(boxes[:, None, 2:], others[None, :, 2:])
    common = numpy.prod(numpy.clip(high - low, 0, None), axis=2)
    areas = [numpy.prod(numpy.clip(b[:, 2:] - b[:, :2], 0, None), axis=1) for b in (boxes, others)]
    return common / numpy.maximum(areas[0][:, None] + areas[1][None] - common, 1e-12)


def match(actual, expected, least_overlap):
    """Pairs of indices (actual, expected), one to one: same label, the overlap at least `least_overlap`, best first."""
    found = overlaps(numpy.float64(actual["boxes"]), numpy.float64(expected["boxes"]))
    found[actual["labels"][:, None] != expected["labels"][None]] = 0
    pairs = []
    for flat in numpy.argsort(-found, axis=None, kind="stable"):
        row, column = numpy.unravel_index(flat, found.shape)
        if found[row, column] < least_overlap:
            break
        pairs.append((row, column))
        found[row], found[:, column] = -1, -1
    return pairs


def masks_agree(actual, expected):
    """Eight tenths of the pixels in either mask, on average over the boxes, are in both; else the reason. Masks of
    random weights are mostly edges."""
    inside, wanted = actual.reshape(len(actual), -1) > 0.5, expected.reshape(len(expected), -1) > 0.5
    share = ((inside & wanted).sum(1) / numpy.maximum((inside | wanted).sum(1), 1))[wanted.any(1)]
    return "" if len(share) and share.mean() >= 0.8 else f"masks overlap by {share.mean() if len(share) else 0:.2f}"


def points_agree(actual, expected):
    """Nine tenths of the points lie within two pixels of their partners; else the reason."""
    share = (numpy.abs(actual - expected)[..., :2].max(-1) <= 2).mean()
    return "" if share >= 0.9 else f"{share:.2f} of the keypoints agree"


def boxes(least_matched, least_overlap=0.8):
    """A comparison of detectors: `least_matched[dtype]` is the share of boxes, on either side, that has a partner in
    the other's; the difference is that of the partners' boxes, scores, masks and keypoints.

    Scores that lie closer together than rounding errors change places, and boxes then suppress one another the other
    way round: in float16 some boxes are others, the more so where a second stage looks at what a first one has found.
    """

    def compare(actual, expected, dtype):
        names = {"boxes", "scores", "labels"}
        if not names <= set(expected):
            raise ValueError(f"outputs are {sorted(expected)}")
        count = len(expected["boxes"])
        if count < LEAST_BOXES:
            return Comparison(float("inf"), count, f"{count} boxes, fewer than {LEAST_BOXES}")
        pairs = match(actual, expected, least_overlap)
        share = len(pairs) / max(count, len(actual["boxes"]))
        reason = f"{len(pairs)} of {count} boxes match" if share < least_matched[dtype] else ""
        if not pairs:
            return Comparison(float("inf"), count, reason or "no boxes match")
        mine, theirs = map(list, zip(*pairs))
        # Positions are rounded to pixels: in float16 to the next one now and then.
        agreement = {"masks": masks_agree, "keypoints": points_agree} if dtype == "float16" else {}
        for name in agreement:
            if name in expected and not reason:
                reason = agreement[name](numpy.float32(actual[name][mine]), expected[name][theirs])
        compared = [name for name in expected if name != "labels" and name not in agreement]
        worst = max(diff2(actual[name][mine], expected[name][theirs]) for name in compared)
        return Comparison(worst, count, reason, f"{len(pairs)} of {count} boxes")

    return compare
