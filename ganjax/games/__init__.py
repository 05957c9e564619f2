"""Games: who plays whom, and what there is to see of it."""

from collections.abc import Callable

from ganjax.games.adversarial import adversarial
from ganjax.types import Game

GAMES: dict[str, Callable[..., Game]] = {"adversarial": adversarial}
