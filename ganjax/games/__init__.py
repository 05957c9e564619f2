"""Games: who plays whom, and what there is to see of it."""

from collections.abc import Callable

from ganjax.games.adversarial import adversarial
from ganjax.games.schedules import SCHEDULES
from ganjax.games.supervised import supervised
from ganjax.types import Game

__all__ = ["GAMES", "SCHEDULES"]

GAMES: dict[str, Callable[..., Game]] = {
    "adversarial": adversarial,
    "supervised": supervised,
}
