"""draft"""
from ganjax.config import defaults, parse_arg, penalty, schedule
def get_config(arg=""):
    config = defaults(data="ring", network="mlp", objective="relativistic")
    config.steps=2000
    for name in ("real_gradient", "fake_gradient"):
        config.penalties[name] = penalty(name, weight=0.1, weight_schedule=schedule("cosine", 0.03))
    for opt in config.optimizers.values():
        opt.update(learning_rate=3e-3, b1=0.0, b2=0.99, learning_rate_schedule=schedule("cosine", 0.0))
    config.record.pictures_every=1000
    return config
