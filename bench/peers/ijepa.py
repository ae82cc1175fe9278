"""I-JEPA in plain PyTorch: the peer that this project's own training is compared with.

Written from the paper (Assran et al., 2023, arXiv 2301.08243) and from the facts of its published
code: names of the tensors, epsilons, groups of AdamW. Nothing here reads or writes files.

Axes: B images, N patches of the grid, D width of the encoder, P width of the predictor,
M target blocks per image, Kc tokens of a context, Kt tokens of a target block.
"""

import copy
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

NORM_EPSILON = 1e-6
TARGET_NORM_EPSILON = 1e-5
VARIANCE_EPSILON = 1e-4


@dataclass(frozen=True)
class ModelConfig:
    """Sizes of everything that has weights. Images are measured in pixels."""

    image_size: tuple[int, int]
    patch_size: int
    width: int
    depth: int
    heads: int
    mlp_width: int
    predictor_width: int
    predictor_depth: int
    predictor_heads: int
    predictor_mlp_width: int

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of patches."""
        height, width = self.image_size
        return height // self.patch_size, width // self.patch_size


@dataclass(frozen=True)
class Regularizer:
    """VICReg's term on what the context encoder gives: `on` "pooled" or "tokens"."""

    on: str
    weight: float


def vicreg(samples: Tensor) -> Tensor:
    """Variance and covariance of samples [n D] (arXiv 2105.04906, equations 1 to 4), 25 to 1."""
    count, width = samples.shape
    centred = samples - samples.mean(dim=0)
    covariance = centred.T @ centred / (count - 1)
    deviations = (covariance.diagonal() + VARIANCE_EPSILON).sqrt()
    others = covariance - covariance.diagonal().diag()
    return F.relu(1 - deviations).mean() + others.square().sum() / width / 25


def position_table(grid: tuple[int, int], width: int) -> Tensor:
    """Fixed sine-cosine positions [1 N width]: first half for the column, second for the row."""
    quarter = width // 4
    rates = 10000.0 ** (-torch.arange(quarter, dtype=torch.float64) / quarter)
    rows, columns = torch.meshgrid(*(torch.arange(n) for n in grid), indexing="ij")
    x = columns.reshape(-1, 1) * rates
    y = rows.reshape(-1, 1) * rates
    return torch.cat([x.sin(), x.cos(), y.sin(), y.cos()], dim=1).float()[None]


def take_tokens(tokens: Tensor, indices: Tensor) -> Tensor:
    """Tokens [B N D] at the indices [M*B K], block-major: [M*B K D]."""
    batch, _, width = tokens.shape
    blocks = indices.view(-1, batch, indices.shape[1], 1).expand(-1, -1, -1, width)
    return tokens.expand(len(blocks), -1, -1, -1).gather(2, blocks).flatten(0, 1)


class Attention(nn.Module):
    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        batch, tokens, width = x.shape
        qkv = self.qkv(x).view(batch, tokens, 3, self.heads, width // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value)
        return self.proj(mixed.transpose(1, 2).reshape(batch, tokens, width))


class Mlp(nn.Module):
    def __init__(self, width: int, hidden: int):
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


class Block(nn.Module):
    """A pre-norm transformer block."""

    def __init__(self, width: int, heads: int, mlp_width: int):
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=NORM_EPSILON)
        self.attn = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=NORM_EPSILON)
        self.mlp = Mlp(width, mlp_width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class PatchEmbedding(nn.Module):
    def __init__(self, config: ModelConfig):
        super().__init__()
        size = config.patch_size
        self.proj = nn.Conv2d(3, config.width, kernel_size=size, stride=size)

    def forward(self, images: Tensor) -> Tensor:
        return self.proj(images).flatten(2).transpose(1, 2)


class Encoder(nn.Module):
    """Images [B 3 H W] to tokens [B N D]; with `kept` [B Kc] to those of these patches only."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        table = position_table(config.grid, config.width)
        self.pos_embed = nn.Parameter(table, requires_grad=False)
        self.patch_embed = PatchEmbedding(config)
        self.blocks = nn.ModuleList(
            Block(config.width, config.heads, config.mlp_width) for _ in range(config.depth)
        )
        self.norm = nn.LayerNorm(config.width, eps=NORM_EPSILON)

    def forward(self, images: Tensor, kept: Tensor | None = None) -> Tensor:
        x = self.patch_embed(images) + self.pos_embed
        if kept is not None:
            x = take_tokens(x, kept)
        for block in self.blocks:
            x = block(x)
        return self.norm(x)


class Predictor(nn.Module):
    """Context tokens [B Kc D] to predictions [M*B Kt D], each target block by itself."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        width = config.predictor_width
        self.mask_token = nn.Parameter(torch.zeros(1, 1, width))
        table = position_table(config.grid, width)
        self.predictor_pos_embed = nn.Parameter(table, requires_grad=False)
        self.predictor_embed = nn.Linear(config.width, width)
        self.predictor_blocks = nn.ModuleList(
            Block(width, config.predictor_heads, config.predictor_mlp_width)
            for _ in range(config.predictor_depth)
        )
        self.predictor_norm = nn.LayerNorm(width, eps=NORM_EPSILON)
        self.predictor_proj = nn.Linear(width, config.width)

    def forward(self, context: Tensor, kept: Tensor, targets: Tensor) -> Tensor:
        positions = self.predictor_pos_embed[0]
        seen = self.predictor_embed(context) + positions[kept]
        masked = self.mask_token + positions[targets]
        blocks = len(targets) // len(kept)
        x = torch.cat([seen.repeat(blocks, 1, 1), masked], dim=1)
        for block in self.predictor_blocks:
            x = block(x)
        return self.predictor_proj(self.predictor_norm(x[:, kept.shape[1] :]))


def is_decayed(name: str, parameter: Tensor) -> bool:
    """Weight decay is for matrices, patch embedding and mask token; not for biases and norms."""
    return "bias" not in name and parameter.ndim != 1


@torch.no_grad()
def initialise(
    trained: list[tuple[str, nn.Parameter]], *, seed: int, init_std: float, patch_embed_std: float
) -> None:
    """Random weights: normal for what is decayed, zero for biases, one for norms."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in trained:
        if is_decayed(name, parameter):
            std = patch_embed_std if "patch_embed" in name else init_std
            parameter.normal_(0, std, generator=generator)
        else:
            parameter.fill_(1 if name.endswith(".weight") else 0)


class Ijepa(nn.Module):
    """Both encoders and the predictor; calling it gives the loss of a batch and the term beside it."""

    def __init__(self, config: ModelConfig, regularizer: Regularizer | None = None):
        super().__init__()
        self.regularizer = regularizer
        self.encoder = Encoder(config)
        self.predictor = Predictor(config)
        self.target_encoder = copy.deepcopy(self.encoder).requires_grad_(False)

    def initialise(self, *, seed: int, init_std: float, patch_embed_std: float) -> None:
        """Random weights; those of the target encoder are the encoder's."""
        trained = self.trained_parameters()
        initialise(trained, seed=seed, init_std=init_std, patch_embed_std=patch_embed_std)
        self.target_encoder.load_state_dict(self.encoder.state_dict())

    def trained_parameters(self) -> list[tuple[str, nn.Parameter]]:
        return [(name, each) for name, each in self.named_parameters() if each.requires_grad]

    def targets_of(self, images: Tensor, targets: Tensor) -> Tensor:
        """What the predictions are compared with, [M*B Kt D]: no gradient, normalised per token."""
        with torch.no_grad():
            full = self.target_encoder(images)
            normalised = F.layer_norm(full, full.shape[-1:], eps=TARGET_NORM_EPSILON)
            return take_tokens(normalised, targets)

    def term_of(self, seen: Tensor) -> Tensor:
        """The regularizer's term, with its weight, for the encoder's outputs [B Kc D]; 0 without one."""
        if self.regularizer is None:
            return seen.new_zeros(())
        samples = seen.mean(dim=1) if self.regularizer.on == "pooled" else seen.flatten(0, 1)
        return self.regularizer.weight * vicreg(samples)

    def forward(self, images: Tensor, context: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """
        Smooth L1, mean over blocks, tokens and features, and the regularizer's term.

        images [B 3 H W], normalised; context [B Kc], targets [M*B Kt], block-major: int64 indices.
        """
        wanted = self.targets_of(images, targets)
        seen = self.encoder(images, context)
        predicted = self.predictor(seen, context, targets)
        return F.smooth_l1_loss(predicted, wanted), self.term_of(seen)

    @torch.no_grad()
    def follow(self, momentum: float) -> None:
        """Moves the target encoder: target = momentum * target + (1 - momentum) * encoder."""
        targets = list(self.target_encoder.parameters())
        torch._foreach_mul_(targets, momentum)
        torch._foreach_add_(targets, list(self.encoder.parameters()), alpha=1 - momentum)


class Trainer:
    """
    Trains a model step by step. Values that change over a run are arguments of `step`. Gradients longer than
    `clip_norm` are shortened to it, unless that is 0.
    """

    def __init__(
        self,
        model: Ijepa,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
        clip_norm: float = 0.0,
        compiled: bool = False,
    ):
        self.model = model
        self.clip_norm = clip_norm
        self.loss_of = torch.compile(model) if compiled else model
        trained = model.trained_parameters()
        decayed = {"params": [each for name, each in trained if is_decayed(name, each)]}
        others = {"params": [each for name, each in trained if not is_decayed(name, each)]}
        self.optimizer = torch.optim.AdamW(
            [decayed, others], lr=0.0, betas=betas, eps=epsilon, weight_decay=0.0, fused=True
        )

    def step(
        self,
        images: Tensor,
        context: Tensor,
        targets: Tensor,
        *,
        learning_rate: float,
        weight_decay: float,
        ema_momentum: float,
    ) -> Tensor:
        """One update; shapes as in `Ijepa.forward`. Returns the loss before it, a scalar, without the term."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        self.optimizer.param_groups[0]["weight_decay"] = weight_decay
        loss, term = self.loss_of(images, context, targets)
        (loss + term).backward()
        if self.clip_norm > 0:
            trained = [each for _, each in self.model.trained_parameters()]
            torch.nn.utils.clip_grad_norm_(trained, self.clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.model.follow(ema_momentum)
        return loss.detach()
