"""Spectral norm (Miyato et al., ICLR 2018) and Glorot initialisation, as the paper trains with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F
from torch.nn.utils import parametrize

M = TypeVar("M", bound=nn.Module)

_plain: ContextVar[bool] = ContextVar("_plain", default=False)


@contextmanager
def plain_weights() -> Iterator[None]:
    """Networks made inside are neither normalised nor initialised: for loading folded weights."""
    token = _plain.set(True)
    try:
        yield
    finally:
        _plain.reset(token)


def making_plain() -> bool:
    """Whether the caller is inside :func:`plain_weights`."""
    return _plain.get()


def spectral_norm(module: M) -> M:
    """Divide the module's weight by its largest singular value (one power iteration a step)."""
    if making_plain():
        return module
    weight = module.weight
    assert isinstance(weight, Tensor)
    parametrize.register_parametrization(module, "weight", SpectralNorm(weight))
    return module


class SpectralNorm(nn.Module):
    """W / sigma(W), W seen as a matrix of a row an output channel (algorithm 1).

    u and v approach the singular vectors of the largest singular value, by one power
    iteration whenever the weight is read in training. All in fp32, whatever autocast says:
    in bf16 sigma would be off by a percent, and u and v would stop moving.

    The norm of the result is ``_scale``: 1, or that of the weight a run was started from
    (:meth:`start_from`).
    """

    _u: Tensor
    _v: Tensor
    _scale: Tensor

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        matrix = weight.detach().flatten(1)
        rows, columns = matrix.shape
        u, v = matrix.new_empty(rows).normal_(), matrix.new_empty(columns).normal_()
        self.register_buffer("_u", F.normalize(u, dim=0, eps=1e-12))
        self.register_buffer("_v", F.normalize(v, dim=0, eps=1e-12))
        self.register_buffer("_scale", matrix.new_ones(()))
        self.iterate(matrix, 15)

    @torch.no_grad()
    def start_from(self, weight: Tensor) -> None:
        """Make ``weight`` ``(out, ...)``, not 0, come out as it is: u and v are its singular
        vectors, ``_scale`` its norm. A folded weight's is 1 only as far as u and v had come.
        """
        matrix = weight.detach().flatten(1)
        # Exact where power iterations are slow: of singular values close to each other.
        wide = matrix.cpu().double()
        _, vectors = torch.linalg.eigh(wide @ wide.t())
        self._u.copy_(vectors[:, -1])
        self._v.copy_(F.normalize(torch.mv(matrix.t(), self._u), dim=0, eps=1e-12))
        self._scale.copy_(torch.vdot(self._u, torch.mv(matrix, self._v)))

    @torch.no_grad()
    def iterate(self, matrix: Tensor, times: int = 1) -> None:
        """``times`` power iterations."""
        for _ in range(times):
            F.normalize(torch.mv(matrix, self._v), dim=0, eps=1e-12, out=self._u)
            F.normalize(torch.mv(matrix.t(), self._u), dim=0, eps=1e-12, out=self._v)

    def forward(self, weight: Tensor) -> Tensor:
        """``(out, ...)`` -> the same, divided."""
        with torch.autocast(weight.device.type, enabled=False):
            # As the weight lies in memory, channels first or last: u and v are in the order
            # of channels first, and turning them costs less than turning the weight.
            matrix, last = _matrix(weight)
            u, v = self._u, _turned(self._v, weight, last)
            if self.training:
                with torch.no_grad():
                    u = F.normalize(torch.mv(matrix, v), dim=0, eps=1e-12)
                    v = F.normalize(torch.mv(matrix.t(), u), dim=0, eps=1e-12)
                    self._u.copy_(u)
                    self._v.copy_(_turned_back(v, weight, last))
            else:  # copies: the next iteration writes there
                u, v = u.clone(), v.clone()
            result: Tensor = _Divide.apply(weight, u, v, self._scale)  # type: ignore[no-untyped-call]
            return result

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        # States of runs from before there was one.
        state_dict.setdefault(f"{prefix}_scale", torch.ones_like(self._scale))
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)


class _Divide(torch.autograd.Function):
    """W / sigma, sigma = u' W v / scale, with the gradient of sigma in W as well.

    With g the gradient at the result, W's is (g - <g, W> / (sigma scale) u v') / sigma: one new
    matrix instead of the five that autograd would make of the largest weights there are.
    """

    @staticmethod
    def forward(ctx: Any, weight: Tensor, u: Tensor, v: Tensor, scale: Tensor) -> Tensor:
        matrix, _ = _matrix(weight)
        sigma = torch.vdot(u, torch.mv(matrix, v)) / scale
        ctx.save_for_backward(weight, u, v, scale, sigma)
        return weight / sigma

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        weight, u, v, scale, sigma = ctx.saved_tensors
        matrix, last = _matrix(weight)
        kind = torch.channels_last if last else torch.contiguous_format
        result = gradient.contiguous(memory_format=kind) / sigma
        share = torch.vdot(_matrix(result)[0].flatten(), matrix.flatten()) / (sigma * scale)
        _matrix(result)[0].addr_(-share * u, v)
        return result, None, None, None


def _matrix(weight: Tensor) -> tuple[Tensor, bool]:
    """A row an output channel, in the order in memory; whether channels come last there."""
    last = weight.ndim == 4 and not weight.is_contiguous()
    return (weight.permute(0, 2, 3, 1) if last else weight).flatten(1), last


def _turned(v: Tensor, weight: Tensor, last: bool) -> Tensor:
    """A row of ``weight``, channels first, in the order of :func:`_matrix`."""
    return v.view(weight.shape[1:]).permute(1, 2, 0).flatten() if last else v


def _turned_back(v: Tensor, weight: Tensor, last: bool) -> Tensor:
    channels, *kernel = weight.shape[1:]
    return v.view(*kernel, channels).permute(2, 0, 1).flatten() if last else v


def fold_spectral_norm(network: M) -> M:
    """Replace every normalised weight by its value, in place: same function, plain weights."""
    for module in network.modules():
        if parametrize.is_parametrized(module, "weight"):
            training = module.training
            module.eval()  # in eval mode reading a weight makes no power iteration
            weight = nn.Parameter(module.weight.detach().clone())  # type: ignore[operator]
            # Not parametrize.remove_parametrizations: it takes the property off the class,
            # which a deep copy of the module (the EMA's) shares.
            plain = parametrize.type_before_parametrizations(module)
            del module.parametrizations
            module.__class__ = plain
            module.weight = weight
            module.train(training)
    return network


def settle_spectral_norm(network: nn.Module, iterations: int = 15) -> None:
    """Run the power iterations until they fit the present weights.

    Needed after weights were set from outside: averaged (EMA) or loaded without u and v.
    """
    with torch.no_grad():
        for module in network.modules():
            if parametrize.is_parametrized(module, "weight"):
                training = module.training
                module.train()
                for _ in range(iterations):
                    _ = module.weight
                module.train(training)


def glorot_init(network: nn.Module, gain: float = 0.02) -> None:
    """Glorot (Xavier) normal weights scaled by ``gain``, zero biases (paper, appendix A)."""
    if making_plain():
        return
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.Linear | nn.ConvTranspose2d):
                parametrized = parametrize.is_parametrized(module, "weight")
                weight = (
                    module.parametrizations.weight.original  # type: ignore[union-attr]
                    if parametrized
                    else module.weight
                )
                nn.init.xavier_normal_(weight, gain=gain)  # type: ignore[arg-type]
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
    settle_spectral_norm(network)
