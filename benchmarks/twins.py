"""The same steps in PyTorch, in the form that is fastest there.

Fused Adam; channels_last for convolutions; gradients only of who moves; reals and fakes
judged at once where no statistics couple them; nothing read back to Python. What a step
does is read from the same config as ours.
"""

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, log_softmax, softplus

from benchmarks.twin_networks import Conditioned, make_networks
from benchmarks.twin_population import check, stack

Config = Mapping[str, Any]
Run = Callable[[int], None]


class _Training:
    """Networks, their optimizers, averages and data.

    Of a population networks and batches are those of all its members.
    """

    def __init__(
        self, config: Config, data: Mapping[str, np.ndarray], members: int
    ) -> None:
        self.config, self.members = config, members
        self.batch_size = members * config["batch_size"]
        self.data = {name: torch.from_numpy(np.array(a)) for name, a in data.items()}
        images = self.data.get("examples")
        self.example = (2,) if images is None else tuple(images.shape[1:])
        kinds = {section["name"] for section in config["networks"].values()}
        self.is_wide = "dcgan" in kinds
        alone = [make_networks(config, self.example) for _ in range(members)]
        self.networks = alone[0]
        if members > 1:
            self.networks = stack(alone)
            seen = {"generator": self.latents(), "discriminator": self.batch()[0]}
            check(alone, self.networks, seen)
        self.params = {p: list(net.parameters()) for p, net in self.networks.items()}
        self.average = {
            p: [x.detach().clone() for x in self.params[p]] for p in config["ema"]
        }
        self.optimizers = {
            player: torch.optim.Adam(
                self.params[player],
                lr=section["learning_rate"],
                betas=(section["b1"], section["b2"]),
                eps=section["eps"],
                fused=True,
            )
            for player, section in config["optimizers"].items()
        }
        self.step = 0

    def batch(self) -> tuple[Tensor, Tensor | None]:
        """Real examples and their labels."""
        if "examples" not in self.data:
            section = self.config["data"]
            angle = torch.randint(section["modes"], (self.batch_size,))
            angle = angle * (2 * math.pi / section["modes"])
            centre = torch.stack([angle.cos(), angle.sin()], 1) * section["radius"]
            return centre + section["sd"] * torch.randn(self.batch_size, 2), None
        images = self.data["examples"]
        rows = torch.randint(len(images), (self.batch_size,))
        real = images[rows].float() / 127.5 - 1
        label = self.data["labels"][rows].long() if "labels" in self.data else None
        if self.is_wide:
            return real.permute(0, 3, 1, 2), label
        return real.flatten(1), label

    def move(self, players: tuple[str, ...], loss: Tensor) -> None:
        """One update of the players by their common loss."""
        moving = [x for player in players for x in self.params[player]]
        for x in moving:
            x.grad = None
        # A mean over all members, where each moves by its own.
        (self.members * loss).backward(inputs=moving)
        for player in players:
            section = self.config["optimizers"][player]
            if "learning_rate_schedule" in section:
                done = self.step / self.config["steps"]
                factor = 0.5 * (1 + math.cos(math.pi * done))
                rate = section["learning_rate"] * factor
                self.optimizers[player].param_groups[0]["lr"] = rate
            self.optimizers[player].step()
            if player in self.average:
                weight = 1 - self.config["ema"][player]["decay"]
                with torch.no_grad():
                    torch._foreach_lerp_(
                        self.average[player], self.params[player], weight
                    )

    def latents(self) -> Tensor:
        return torch.randn(self.batch_size, self.config["game"]["latent_size"])


def _adversarial(run: _Training, compiled: bool) -> Callable[[], None]:
    config, objective, penalties = (
        run.config,
        run.config["objective"],
        run.config["penalties"],
    )
    made, judged = run.networks["generator"], run.networks["discriminator"]
    is_conditional = objective["name"] == "conditional_loss_sensitive"
    is_relativistic = objective["name"] == "relativistic"
    is_coupled = config["networks"]["discriminator"]["normalization"] == "batch"

    def generate(latents: Tensor, label: Tensor | None) -> Tensor:
        return made(latents, label) if isinstance(made, Conditioned) else made(latents)

    def judge(examples: Tensor, label: Tensor | None) -> Tensor:
        said = judged(examples)
        if not is_conditional:
            return said.squeeze(1)
        return log_softmax(said, 1).gather(1, label[:, None]).squeeze(1)

    def both(real: Tensor, fake: Tensor, label: Tensor | None) -> tuple[Tensor, Tensor]:
        if is_coupled:  # by the statistics of a batch
            return judge(real, label), judge(fake, label)
        labels = None if label is None else torch.cat([label, label])
        r, s = judge(torch.cat([real, fake]), labels).chunk(2)
        return r, s

    def compare(r: Tensor, s: Tensor, real: Tensor, fake: Tensor) -> Tensor:
        if is_relativistic:
            return softplus(s - r).mean()
        if objective["name"] == "non_saturating":
            return softplus(-r).mean() + softplus(s).mean()
        margin = objective["margin_scale"] * (real - fake).abs().flatten(1).sum(1)
        return torch.relu(margin + s - r).mean() - objective["real_weight"] * r.mean()

    def opponent(real: Tensor, fake: Tensor, label: Tensor | None) -> Tensor:
        return compare(*both(real, fake, label), real, fake)

    def penalised(real: Tensor, fake: Tensor, label: Tensor | None) -> Tensor:
        real, fake = real.requires_grad_(), fake.requires_grad_()
        r, s = both(real, fake, label)
        loss = compare(r, s, real, fake)
        zero_centred = {"r1": (r, real), "r2": (s, fake)}
        chosen = {
            name: zero_centred[name] for name in penalties if name in zero_centred
        }
        if chosen:
            scores, points = zip(*chosen.values(), strict=True)
            total = sum(score.sum() for score in scores)
            slopes = torch.autograd.grad(total, points, create_graph=True)
            for name, slope in zip(chosen, slopes, strict=True):
                squares = slope.flatten(1).square().sum(1)
                loss = loss + 0.5 * penalties[name]["weight"] * squares.mean()
        if "wgan_gp" in penalties:
            mix = torch.rand(len(real), *[1] * (real.ndim - 1))
            at = (mix * real + (1 - mix) * fake).detach().requires_grad_()
            (slope,) = torch.autograd.grad(
                judge(at, label).sum(), at, create_graph=True
            )
            norms = slope.flatten(1).norm(dim=1)
            section = penalties["wgan_gp"]
            loss = (
                loss + section["weight"] * (norms - section["target"]).square().mean()
            )
        return loss

    def maker(real: Tensor | None, latents: Tensor, label: Tensor | None) -> Tensor:
        s = judge(generate(latents, label), label)
        if is_relativistic:
            with torch.no_grad():
                r = judge(real, label)
            return softplus(r - s).mean()
        return (
            softplus(-s).mean() if objective["name"] == "non_saturating" else -s.mean()
        )

    against, generate_alone = penalised if penalties else opponent, generate
    if compiled:
        against = against if penalties else torch.compile(against)
        maker, generate_alone = torch.compile(maker), torch.compile(generate)

    def step() -> None:
        for _ in range(config["play"]["discriminator_rounds"]):
            real, label = run.batch()
            with torch.no_grad():
                fake = generate_alone(run.latents(), label)
            run.move(("discriminator",), against(real, fake.detach(), label))
        # Reals are gathered where something reads them.
        unread = not (is_relativistic or is_conditional)
        real, label = (None, None) if unread else run.batch()
        judged.requires_grad_(False)
        run.move(("generator",), maker(real, run.latents(), label))
        judged.requires_grad_(True)

    return step


def _vae(run: _Training, compiled: bool) -> Callable[[], None]:
    encoder, generator = run.networks["encoder"], run.networks["generator"]

    def bound(grey: Tensor, levels: Tensor, noise: Tensor) -> Tensor:
        real = torch.where(grey > levels, 1.0, -1.0)
        mean, log_var = encoder(real).chunk(2, 1)
        logits = generator(mean + (0.5 * log_var).exp() * noise)
        pixels = binary_cross_entropy_with_logits(
            logits, (real + 1) / 2, reduction="sum"
        )
        kl = 0.5 * (mean.square() + log_var.exp() - 1 - log_var).sum()
        return (pixels + kl) / len(real)

    if compiled:
        bound = torch.compile(bound)

    def step() -> None:
        real, _ = run.batch()
        levels = torch.rand_like(real).mul_(2).sub_(1)
        run.move(("encoder", "generator"), bound(real, levels, run.latents()))

    return step


def _energy(run: _Training, compiled: bool) -> Callable[[], None]:
    config, game = run.config, run.config["game"]
    judged, batch_size = run.networks["discriminator"], run.batch_size
    view = config["augment"]["instance_noise"]["strength"]
    weight = config["objective"]["square_weight"]
    size = math.prod(run.example)
    buffer = torch.rand(game["buffer_size"], size) * 2 - 1
    own = torch.arange(batch_size)

    def slope(x: Tensor) -> Tensor:
        x = x.requires_grad_()
        return torch.autograd.grad(judged(x).sum(), x)[0]

    def climb(x: Tensor, noise: Tensor, slope: Callable[[Tensor], Tensor]) -> Tensor:
        moved = x.detach() + game["step_size"] * slope(x) + game["noise"] * noise
        return moved.clamp(-game["reach"], game["reach"])

    def loss_of(real: Tensor, fake: Tensor) -> Tensor:
        r, s = judged(torch.cat([real, fake])).chunk(2)
        return (weight * (r.square() + s.square()) + s - r).mean()

    advance = partial(climb, slope=slope)
    if compiled:
        functional = torch.func.grad(lambda x: judged(x).sum())
        advance = torch.compile(partial(climb, slope=functional))
        loss_of = torch.compile(loss_of)

    def step() -> None:
        real, _ = run.batch()
        slots = own + batch_size * torch.randint(
            len(buffer) // batch_size, (batch_size,)
        )
        x = torch.rand(batch_size, size).mul_(2).sub_(1)
        anew = torch.rand(batch_size, 1) < game["refresh"]
        x = torch.where(anew, x, buffer[slots])
        judged.requires_grad_(False)
        for _ in range(game["chain_steps"]):
            x = advance(x, torch.randn_like(x)).detach()
        judged.requires_grad_(True)
        buffer[slots] = x
        noisy = (real + view * torch.randn_like(real), x + view * torch.randn_like(x))
        run.move(("discriminator",), loss_of(*noisy))

    return step


def make_twin(
    config: Config,
    data: Mapping[str, np.ndarray],
    *,
    compiled: bool,
    members: int = 1,
) -> tuple[Run, dict[str, int]]:
    """The step that a config describes, many times, and its numbers of parameters.

    Args:
      config: validated.
      data: images and labels; none of points, which are drawn.
      compiled: losses by `torch.compile`, which knows no second derivatives: of a game
        with a gradient penalty only the generator's.
      members: that take each step together, their networks stacked.
    """
    training = _Training(config, data, members)
    make = {"adversarial": _adversarial, "vae": _vae, "energy": _energy}
    step = make[config["game"]["name"]](training, compiled)

    def run(steps: int) -> None:
        for _ in range(steps):
            step()
            training.step += 1

    counts = {
        player: sum(x.numel() for x in params)
        for player, params in training.params.items()
    }
    return run, counts
