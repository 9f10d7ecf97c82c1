"""Language: a BERT encoder, and a GPT decoder that is run step by step with its keys and values, all random weights."""
import numpy

import compare
from network import Network

BERT = {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1536}
GPT = {"n_embd": 384, "n_layer": 6, "n_head": 6, "vocab_size": 5000}
STEPS = 12


def bert(folder):
    import torch
    from transformers import BertConfig, BertModel

    import exporting

    generator = exporting.seeded()
    model = BertModel(BertConfig(**BERT, return_dict=False))
    length = 48
    mask = torch.ones(2, length, dtype=torch.int64)
    mask[1, 30:] = 0
    inputs = {"input_ids": torch.from_numpy(generator.integers(0, 30522, (2, length))), "attention_mask": mask,
              "token_type_ids": torch.zeros(2, length, dtype=torch.int64)}
    outputs = ["last_hidden_state", "pooler_output"]
    axes = {name: {0: "batch", 1: "sequence"} for name in [*inputs, "last_hidden_state"]}
    return exporting.export(model, inputs, outputs, folder, {**axes, "pooler_output": {0: "batch"}})


def past_names(kind):
    return [f"{kind}_{layer}_{part}" for layer in range(GPT["n_layer"]) for part in ("key", "value")]


def gpt(folder):
    """One graph for the prompt and for the steps: the past may be empty."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    import exporting

    class Decoder(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = GPT2LMHeadModel(GPT2Config(**GPT))

        def forward(self, input_ids, attention_mask, position_ids, *past):
            pairs = tuple(zip(past[0::2], past[1::2]))
            found = self.model(input_ids=input_ids, attention_mask=attention_mask, position_ids=position_ids,
                               past_key_values=pairs, use_cache=True)
            return found.logits, *[tensor for pair in found.past_key_values for tensor in pair]

    generator = exporting.seeded()
    inputs = {name: torch.from_numpy(array) for name, array in gpt_inputs(
        generator.integers(0, GPT["vocab_size"], (2, 7)), 5, generator).items()}
    outputs = ["logits", *past_names("present")]
    axes = {name: {0: "batch", 1: "sequence"} for name in ("input_ids", "position_ids", "logits")}
    axes["attention_mask"] = {0: "batch", 1: "total"}
    axes.update({name: {0: "batch", 2: "past"} for name in past_names("past")})
    axes.update({name: {0: "batch", 2: "total"} for name in past_names("present")})
    return exporting.export(Decoder(), inputs, outputs, folder, axes)


def gpt_inputs(tokens, past_length, generator=None, past=None):
    batch, length = tokens.shape
    dims = (batch, GPT["n_head"], past_length, GPT["n_embd"] // GPT["n_head"])
    made = {"input_ids": tokens, "attention_mask": numpy.ones((batch, past_length + length), numpy.int64),
            "position_ids": numpy.tile(numpy.arange(past_length, past_length + length), (batch, 1))}
    for index, name in enumerate(past_names("past")):
        if past is not None:
            made[name] = past[index]
        elif generator is not None:
            made[name] = generator.standard_normal(dims).astype(numpy.float32)
        else:
            made[name] = numpy.zeros(dims, numpy.float32)
    return made


def step_by_step(run, dtype):
    """A prompt, then one token a run with the cache, against the whole sequence at once by ONNX Runtime."""
    tokens = numpy.random.default_rng(5).integers(0, GPT["vocab_size"], (2, 4 + STEPS))
    whole = run.expected(gpt_inputs(tokens, 0))["logits"]
    found = run(gpt_inputs(tokens[:, :4], 0), dtype)
    logits = [found["logits"]]
    for step in range(STEPS):
        past = [found[name] for name in past_names("present")]
        found = run(gpt_inputs(tokens[:, 4 + step:5 + step], 4 + step, past=past), dtype)
        logits.append(found["logits"])
    difference = compare.diff2(numpy.concatenate(logits, 1), whole)
    assert difference <= GPT_LIMITS[dtype], f"{STEPS} steps with a cache: diff2 {difference:.1e}"
    return f"{STEPS} steps with a cache"


GPT_LIMITS = {"float32": 1e-5, "float16": 3e-3}
NETWORKS = [Network("bert_encoder", "nlp", bert),
            Network("gpt_decoder", "nlp", gpt, **GPT_LIMITS, check=step_by_step)]
