"""draft"""
from ganjax.config import defaults, parse_arg, penalty, schedule
from ganjax.schema import OBJECTIVES
def get_config(arg=""):
    chosen = parse_arg(arg, objective=("non_saturating", *[o for o in OBJECTIVES if o!="non_saturating"]), network=("dense", "mlp"))
    config = defaults(data="digits", network=chosen.network, objective=chosen.objective)
    config.steps = 6000
    config.batch_size = 64
    config.game.latent_size = 100
    config.record.pictures_every = 1000
    return config
