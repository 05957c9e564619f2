"""Games: who plays whom, and what there is to see of it."""

from collections.abc import Callable

from ganjax.games.adversarial import adversarial
from ganjax.games.energy import energy
from ganjax.games.schedules import SCHEDULES
from ganjax.games.supervised import supervised
from ganjax.games.vae_gan import vae_gan
from ganjax.games.variational import auto_encoder, vae
from ganjax.types import Game

__all__ = ["BATCH_COUPLED", "GAMES", "SCHEDULES"]

GAMES: dict[str, Callable[..., Game]] = {
    "adversarial": adversarial,
    "supervised": supervised,
    "energy": energy,
    "auto_encoder": auto_encoder,
    "vae": vae,
    "vae_gan": vae_gan,
}

# Their play shares something of the whole batch, which several devices may share, so
# their builders take the name of the device axis as well.
BATCH_COUPLED = frozenset({"energy"})
