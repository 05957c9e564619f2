"""A discriminator in training: what it says of the examples of a round."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from jax import Array

from ganjax.types import Layers, Mutable, Network, Players, Scoring, Variables, View

# The keys of one use of a round's keys: (keys [B], use) -> keys [B].
KeysOf = Callable[[Array, int], Array]


class Judgement(NamedTuple):
    """What a discriminator says of examples."""

    score: Array  # [B]
    logits: Array | None  # [B, K]
    features: Layers


class Judge(NamedTuple):
    """A discriminator in training mode, behind its view."""

    discriminator: Network
    view: View
    view_keys: KeysOf
    own_keys: KeysOf

    def round(
        self,
        own: Variables,
        shown: Mapping[int, Array],
        label: Array | None,
        keys: Array,
    ) -> tuple[dict[int, Judgement], Mutable]:
        """The judgement of the examples of each use, and what the network keeps of it.

        Batch statistics see one after the other, in the order of `shown`.
        """
        said: dict[int, Judgement] = {}
        state: Mutable = {}
        for use, examples in shown.items():
            output, state = self.discriminator.apply(
                {**own, **state},
                self.view(examples, self.view_keys(keys, use)),
                label,
                self.own_keys(keys, use),
                train=True,
            )
            said[use] = Judgement(*output)
        return said, state

    def make_score(self, use: int) -> Scoring:
        """The `score` of a game: examples are seen as those of `use` are."""

        def score(
            variables: Players,
            examples: Array,
            label: Array | None,
            keys: Array,
        ) -> Array:
            said, _ = self.round(
                variables["discriminator"], {use: examples}, label, keys
            )
            return said[use].score

        return score
