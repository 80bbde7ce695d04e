"""Softmax cross-entropy over a large table, chunk by chunk, with the gradients in the same pass.

Only one chunk of scores is in memory at a time. The idea is that of the "cut" and "fused linear" cross-entropies of
large language models (Wijmans et al. 2024, arXiv 2411.09009; Hsu et al. 2024, arXiv 2410.10989): decision 17.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

CHUNK_SCORES = 1 << 21
"""Scores that are held at a time: 8 MB in float32, about a core's caches."""
MIN_ROWS = 32
"""Minimum states in a chunk, however large the table: products of fewer rows waste the processor."""
ROW_UNIT = 16
"""The states of a chunk are a multiple of this: oneDNN keeps megabytes for each shape of a product."""


def chunk_rows(states: int, items: int) -> int:
    """Return the number of states of a chunk, the same for all chunks of a batch, with little padding in the last."""
    most = max(MIN_ROWS, CHUNK_SCORES // items // ROW_UNIT * ROW_UNIT)
    chunks = max(1, -(-states // most))
    return max(1, -(-states // (chunks * ROW_UNIT))) * ROW_UNIT


class _FusedCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,  # torch leaves it untyped
        states: Tensor,
        rows: Tensor,
        targets: Tensor,
        weights: Tensor,
        bias: Tensor | None,
        smoothing: float,
        kind: torch.dtype,
    ) -> Tensor:
        items = rows.shape[0]
        size = chunk_rows(len(targets), items)
        cast_rows, cast_states = rows.to(kind), states.to(kind)
        for_states, for_rows = torch.empty_like(states), torch.zeros_like(rows)
        losses = torch.empty_like(weights)
        buffer = torch.empty(size, items, device=states.device)
        products = buffer if kind == torch.float32 else torch.empty(size, items, dtype=kind, device=states.device)
        for at in range(0, len(targets), size):
            part = cast_states[at : at + size]
            scores, product = buffer[: len(part)], products[: len(part)]
            torch.mm(part, cast_rows.T, out=product)
            if kind != torch.float32:
                scores.copy_(product)
            if bias is not None:
                scores += bias
            target, weight = targets[at : at + size, None], weights[at : at + size, None]
            target_scores = (1 - smoothing) * scores.gather(1, target)
            if smoothing:
                target_scores += smoothing * scores.mean(1, keepdim=True)
            highest = scores.amax(1, keepdim=True)
            total = scores.sub_(highest).exp_().sum(1, keepdim=True)
            losses[at : at + size] = (total.log() + highest - target_scores)[:, 0]
            scores.mul_(weight / total).scatter_add_(1, target, -(1 - smoothing) * weight)
            if smoothing:
                scores.sub_(weight * (smoothing / items))
            slope = scores if kind == torch.float32 else product.copy_(scores)
            for_states[at : at + size] = slope @ cast_rows
            for_rows += slope.T @ part
        ctx.save_for_backward(for_states, for_rows)
        return (losses * weights).sum()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        for_states, for_rows = ctx.saved_tensors
        return for_states * gradients[0], for_rows * gradients[0], None, None, None, None, None


def fused_cross_entropy(
    states: Tensor,
    rows: Tensor,
    targets: Tensor,
    weights: Tensor,
    *,
    smoothing: float,
    kind: torch.dtype,
    bias: Tensor | None = None,
) -> Tensor:
    """Return the weighted sum of the cross-entropies.

    Args:
        states: float32[n, hidden], as they are multiplied with rows.
        rows: float32[items, hidden].
        targets: int64[n].
        weights: float32[n].
        smoothing: label smoothing, 0 to 1.
        kind: type of the products; sums and exponentials stay in float32.
        bias: float32[items], added to every state's scores; it is not learned.
    """
    missing = -len(targets) % chunk_rows(len(targets), rows.shape[0])
    if missing:  # pad with states of weight 0
        states = functional.pad(states, (0, 0, 0, missing))
        targets, weights = functional.pad(targets, (0, missing)), functional.pad(weights, (0, missing))
    loss: Tensor = _FusedCrossEntropy.apply(states, rows, targets, weights, bias, smoothing, kind)  # type: ignore[no-untyped-call]  # torch leaves it untyped
    return loss
