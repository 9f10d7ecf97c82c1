"""A BERT encoder in plain torch modules: the graph of operators that Hugging Face's BertModel traces to.

Architecture: Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding" (2018).
"""
import math

import torch
from torch import nn


class Embeddings(nn.Module):
    def __init__(self, vocabulary, hidden, positions):
        super().__init__()
        self.word = nn.Embedding(vocabulary, hidden, padding_idx=0)
        self.position = nn.Embedding(positions, hidden)
        self.token_type = nn.Embedding(2, hidden)
        self.norm = nn.LayerNorm(hidden, eps=1e-12)
        self.register_buffer("position_ids", torch.arange(positions).expand((1, -1)))

    def forward(self, input_ids, token_type_ids):
        positions = self.position_ids[:, : input_ids.size(1)]
        return self.norm(self.word(input_ids) + self.token_type(token_type_ids) + self.position(positions))


class SelfAttention(nn.Module):
    def __init__(self, hidden, heads):
        super().__init__()
        self.heads = heads
        self.head_size = hidden // heads
        self.query = nn.Linear(hidden, hidden)
        self.key = nn.Linear(hidden, hidden)
        self.value = nn.Linear(hidden, hidden)
        self.output = nn.Linear(hidden, hidden)
        self.norm = nn.LayerNorm(hidden, eps=1e-12)

    def split_heads(self, x):
        return x.view(x.size()[:-1] + (self.heads, self.head_size)).permute(0, 2, 1, 3)

    def forward(self, x, mask):
        key = self.split_heads(self.key(x))
        value = self.split_heads(self.value(x))
        query = self.split_heads(self.query(x))
        scores = torch.matmul(query, key.transpose(-1, -2)) / math.sqrt(self.head_size)
        weights = nn.functional.softmax(scores + mask, dim=-1)
        context = torch.matmul(weights, value).permute(0, 2, 1, 3).contiguous()
        context = context.view(context.size()[:-2] + (self.heads * self.head_size,))
        return self.norm(self.output(context) + x)


class Layer(nn.Module):
    def __init__(self, hidden, heads, intermediate):
        super().__init__()
        self.attention = SelfAttention(hidden, heads)
        self.intermediate = nn.Linear(hidden, intermediate)
        self.output = nn.Linear(intermediate, hidden)
        self.norm = nn.LayerNorm(hidden, eps=1e-12)

    def forward(self, x, mask):
        attended = self.attention(x, mask)
        return self.norm(self.output(nn.functional.gelu(self.intermediate(attended))) + attended)


class BertModel(nn.Module):
    """BERT-base unless told otherwise.

    forward: input_ids, attention_mask (1 keeps a token, 0 masks it), token_type_ids, each int64 [batch, sequence]
    -> last_hidden_state [batch, sequence, hidden], pooler_output [batch, hidden], float32.
    """

    def __init__(self, layers=12, hidden=768, heads=12, intermediate=3072, vocabulary=30522, positions=512):
        super().__init__()
        self.embeddings = Embeddings(vocabulary, hidden, positions)
        self.encoder = nn.ModuleList(Layer(hidden, heads, intermediate) for _ in range(layers))
        self.pooler = nn.Linear(hidden, hidden)
        self.apply(self.initialise)

    @staticmethod
    def initialise(module):
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, std=0.02)
        if isinstance(module, nn.Linear):
            nn.init.zeros_(module.bias)

    def forward(self, input_ids, attention_mask, token_type_ids):
        mask = attention_mask[:, None, None, :].to(torch.float32)
        mask = (1.0 - mask) * torch.finfo(torch.float32).min
        x = self.embeddings(input_ids, token_type_ids)
        for layer in self.encoder:
            x = layer(x, mask)
        return x, torch.tanh(self.pooler(x[:, 0]))
