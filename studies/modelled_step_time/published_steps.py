"""Training steps of which step times on TPUs were published: the work of each, and what was measured.

Language models are those of MaxText (AI-Hypercomputer/maxtext, ``MaxText/configs/v5e``, November 2026): gated
layers in a scan, each computed again in the backward pass, weights and Adam's moments split over all devices,
sequences of 2048 tokens. MaxText's attention is a Pallas kernel, and this one is XLA's. TFLOP/s are of the
model, which do not count what is computed again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

TOKENS = 2048
VOCABULARY = 32_000
HEAD_WIDTH = 128


@dataclass(frozen=True)
class LanguageModel:
    """``width`` of the embedding, ``heads`` of attention, ``hidden`` units, ``layers``."""

    name: str
    width: int
    heads: int
    hidden: int
    layers: int

    @property
    def weights(self) -> int:
        """Parameters that are multiplied with activations."""
        attention = 4 * self.width * self.heads * HEAD_WIDTH
        return self.layers * (attention + 3 * self.width * self.hidden) + self.width * VOCABULARY

    def flops(self, sequences: int) -> float:
        """Of one step, as MaxText counts them: 6 for each weight and token, and attention over all pairs."""
        attention = 12 * TOKENS**2 * self.heads * HEAD_WIDTH * self.layers
        return float(sequences * (6 * self.weights * TOKENS + attention))


@dataclass(frozen=True)
class Published:
    """A measured step: ``sequences`` on each device, ``tflops_per_s`` of each device."""

    model: LanguageModel
    topology: str
    sequences: int
    tflops_per_s: float

    @property
    def measured_s(self) -> float:
        return self.model.flops(self.sequences) / (self.tflops_per_s * 1e12)


# MaxText's global_parameter_scale: a power of two is shared out over heads and hidden units, width, layers.
MODEL_16B = LanguageModel("16B", 4096, 64, 28_672, 32)
MODEL_32B = LanguageModel("32B", 8192, 64, 28_672, 32)
MODEL_64B = LanguageModel("64B", 8192, 64, 28_672, 64)

PUBLISHED = (
    Published(MODEL_16B, "v5litepod-256", 6, 120),
    Published(MODEL_32B, "v5litepod-256", 4, 132),
    Published(MODEL_64B, "v5litepod-256", 2, 118),
)


def step_of(published: Published, devices: int) -> tuple[Callable[..., Any], Any, tuple[Any, ...], int]:
    """The step, its state and batch as shapes with their shardings, and the examples of all devices."""
    import jax
    import jax.numpy as jnp
    import numpy as np
    from jax import lax
    from jax.sharding import Mesh, NamedSharding, PartitionSpec

    model = published.model
    mesh = Mesh(np.array(jax.devices()[:devices]), ("fsdp",))
    inner = model.heads * HEAD_WIDTH

    def shape(*sizes: int, split: int, dtype: Any = jnp.float32) -> jax.ShapeDtypeStruct:
        places: list[str | None] = [None] * len(sizes)
        places[split] = "fsdp"
        return jax.ShapeDtypeStruct(sizes, dtype, sharding=NamedSharding(mesh, PartitionSpec(*places)))

    layers = {
        **{name: shape(model.layers, model.width, inner, split=1) for name in ("query", "key", "value")},
        "out": shape(model.layers, inner, model.width, split=2),
        "gate": shape(model.layers, model.width, model.hidden, split=1),
        "up": shape(model.layers, model.width, model.hidden, split=1),
        "down": shape(model.layers, model.hidden, model.width, split=2),
    }
    weights = {
        "layers": layers,
        "embedding": shape(VOCABULARY, model.width, split=1),
        "logits": shape(model.width, VOCABULARY, split=0),
    }
    on_examples = NamedSharding(mesh, PartitionSpec("fsdp"))

    def layer(x: Any, weights: Any) -> Any:
        w = jax.tree.map(lambda each: each.astype(jnp.bfloat16), weights)
        normal = x * lax.rsqrt(jnp.mean(x.astype(jnp.float32) ** 2, -1, keepdims=True) + 1e-6).astype(x.dtype)
        heads = (*x.shape[:2], model.heads, HEAD_WIDTH)
        query, key, value = ((normal @ w[name]).reshape(heads) for name in ("query", "key", "value"))
        mixed = jax.nn.dot_product_attention(query, key, value, is_causal=True).reshape(*x.shape[:2], inner)
        x = x + mixed @ w["out"]
        return lax.with_sharding_constraint(
            x + (jax.nn.silu(x @ w["gate"]) * (x @ w["up"])) @ w["down"], on_examples
        )

    def loss(weights: Any, tokens: Any, targets: Any) -> Any:
        x = weights["embedding"].astype(jnp.bfloat16)[tokens]
        x = lax.with_sharding_constraint(x, on_examples)
        body = jax.checkpoint(layer)
        x, _ = lax.scan(lambda at, each: (body(at, each), None), x, weights["layers"])
        logits = (x @ weights["logits"].astype(jnp.bfloat16)).astype(jnp.float32)
        chosen = jnp.take_along_axis(logits, targets[..., None], -1)[..., 0]
        return jnp.mean(jax.nn.logsumexp(logits, -1) - chosen)

    def step(state: Any, tokens: Any, targets: Any) -> Any:
        weights, first, second = state
        value, gradients = jax.value_and_grad(loss)(weights, tokens, targets)
        first = jax.tree.map(lambda moment, gradient: 0.9 * moment + 0.1 * gradient, first, gradients)
        second = jax.tree.map(lambda moment, gradient: 0.95 * moment + 0.05 * gradient**2, second, gradients)
        weights = jax.tree.map(
            lambda weight, one, two: weight - 1e-4 * one / (jnp.sqrt(two) + 1e-8), weights, first, second
        )
        return (weights, first, second), value

    examples = devices * published.sequences
    batch = tuple(shape(examples, TOKENS, split=0, dtype=jnp.int32) for _ in range(2))
    return jax.jit(step, donate_argnums=0), (weights, weights, weights), batch, examples
