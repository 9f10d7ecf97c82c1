"""The tables of a measurement in Markdown."""
import math

import networks


def geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values))


def ratio(metric, ours, theirs):
    """Above 1: ours is better."""
    return ours / theirs if metric == "throughput" else theirs / ours


def peers_of(document):
    found = []
    for network in document["networks"].values():
        for metric in ("latency", "throughput"):
            found += [p for p in network.get(metric, {}) if p not in found]
    return found


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join(["---"] + ["---:"] * (len(head) - 1)) + " |"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def figure(result, metric):
    if result is None:
        return "-"
    text = f"{result['value']:.2f}"
    return f"{text} ({result['batch']})" if metric == "throughput" else text


def metric_table(document, metric):
    peers = peers_of(document)
    ours = [p for p in peers if p.startswith("spinel")]
    others = [p for p in peers if p not in ours]
    head = ["network", *peers, *(f"{p} / onnxruntime" for p in ours), *(f"{p} / best peer" for p in ours)]
    rows = []
    for name, network in document["networks"].items():
        found = network.get(metric)
        if not found:
            continue
        row = [name, *(figure(found.get(p), metric) for p in peers)]
        rivals = [found[p]["value"] for p in others if p in found]
        best = (max if metric == "throughput" else min)(rivals) if rivals else None
        baseline = found["onnxruntime"]["value"] if "onnxruntime" in found else None
        for against in (baseline, best):
            for p in ours:
                known = p in found and against is not None
                row.append(f"{ratio(metric, found[p]['value'], against):.2f}x" if known else "-")
        rows.append(row)
    return table(head, rows) if rows else ""


def geometric_means(document):
    """Ratios to ONNX Runtime over the networks of the list that both ran: {metric: {peer: {mean, least, count}}}."""
    means = {}
    for metric in ("latency", "throughput"):
        for peer in peers_of(document):
            if not peer.startswith("spinel"):
                continue
            found = [document["networks"].get(n, {}).get(metric, {}) for n in networks.TEN]
            ratios = [ratio(metric, f[peer]["value"], f["onnxruntime"]["value"])
                      for f in found if peer in f and "onnxruntime" in f]
            if ratios:
                means.setdefault(metric, {})[peer] = {"mean": geometric_mean(ratios), "least": min(ratios),
                                                      "count": len(ratios)}
    return means


def scenario_lines(scenarios):
    for name, result in scenarios.items():
        if "failed" in result:
            yield f"- {name}: failed: {result['failed']}"
        elif name == "spas":
            for peer, r in result.items():
                rates = ", ".join(f"{n}: {v:.1f}" for n, v in r["samples_per_s"].items())
                yield f"- samples/s by SPAs, {peer}: {rates}; scaling {r['scaling']:.2f}"
        elif name == "beside_load":
            for who, r in result.items():
                yield (f"- beside a busy loop, {who}: {r['beside_load']:.1f} of {r['alone']:.1f} samples/s, "
                       f"{r['kept']:.2f}")
        elif name == "memory":
            base = result.get("onnxruntime", {}).get("peak_bytes")
            for peer, r in result.items():
                share = f", {r['peak_bytes'] / base:.2f} of ONNX Runtime's" if base and peer != "onnxruntime" else ""
                yield (f"- peak resident memory at batch 8, {peer}: {r['peak_bytes'] / 2**20:.0f} MiB, of which "
                       f"{r['before_loading_bytes'] / 2**20:.0f} MiB before loading{share}")
        elif name == "load":
            for peer, r in result.items():
                yield f"- loading, {peer}: {r['median_ms']:.1f} ms, {r['of_onnxruntime']:.3f} of ONNX Runtime's"


def markdown(document):
    versions = [f"{p} {v}" for p, v in document["versions"].items()]
    parts = [", ".join([f"{document['machine']['cpu']}", f"{document['threads']} threads", *versions]) + "."]
    for metric, unit in (("latency", "ms at batch 1"), ("throughput", "samples/s (at the best batch)")):
        text = metric_table(document, metric)
        if text:
            parts += [f"{metric.capitalize()}, {unit}; medians of {document['rounds']} rounds:", text]
    for metric, peers in document["geometric_means"].items():
        for peer, m in peers.items():
            parts.append(f"Geometric mean of {metric} against ONNX Runtime over {m['count']} networks, {peer}: "
                         f"{m['mean']:.2f}x, least {m['least']:.2f}x.")
    lines = list(scenario_lines(document["scenarios"]))
    for name, network in document["networks"].items():
        lines += [f"- {name}, {peer}: {reason}" for peer, reason in network.get("failed", {}).items()]
        lines += [f"- {name}, {peer}: outputs differ from {network['reference']}'s by {d:.1e} (diff2)"
                  for peer, d in network.get("differences", {}).items()
                  if not d <= (5e-3 if "float16" in peer else 1e-3)]
    others = [o for n in document["networks"].values() for m in ("latency", "throughput")
              for r in n.get(m, {}).values() for o in r["others"]]
    if others:
        lines.append(f"- other processes kept {sum(others) / len(others):.2f} cores busy on average, "
                     f"{max(others):.2f} at most in one slice")
    return "\n\n".join([*parts, "\n".join(lines)]) + "\n"


def replace_measured(page, command, text):
    """The page with `text`, and the command that made it, between its two marks. Raises ValueError without them."""
    begin, end = "<!-- measured -->\n", "<!-- end -->"
    head, found, rest = page.partition(begin)
    _, closed, tail = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"the page lacks {begin.strip()} or {end}")
    return f"{head}{begin}`{command}`\n\n{text}{end}{tail}"
