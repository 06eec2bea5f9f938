"""The SPADE layer by its equation; batch norm against torch's, alone and in two processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from spade.config import GeneratorConfig
from spade.labels import semantic_map
from spade.normalization import BatchNorm, Spade

ROOT = Path(__file__).parent.parent.parent


def test_equation_1() -> None:
    torch.manual_seed(0)
    layer = Spade(3, semantic_nc=2, embedding=4).eval()
    layer.norm.running_mean.copy_(torch.tensor([1.0, -2.0, 0.5]))
    layer.norm.running_var.copy_(torch.tensor([4.0, 0.25, 1.0]))
    h = torch.randn(1, 3, 4, 6)
    labels = torch.randint(0, 2, (1, 16, 24))
    semantic = semantic_map(labels, GeneratorConfig(2))
    small = semantic[:, :, ::4, ::4]  # nearest
    embedded = F.relu(F.conv2d(F.pad(small, (1, 1, 1, 1)), layer.embed.weight, layer.embed.bias))
    # Outside the canvas the embedding itself is zero.
    around = F.pad(embedded, (1, 1, 1, 1))
    gamma = F.conv2d(around, layer.gamma.weight, layer.gamma.bias)
    beta = F.conv2d(around, layer.beta.weight, layer.beta.bias)
    mean, std = layer.norm.running_mean, (layer.norm.running_var + 1e-5).sqrt()
    expected = (1 + gamma) * (h - mean[:, None, None]) / std[:, None, None] + beta
    assert torch.allclose(layer(h, semantic), expected, atol=1e-5)


def test_batch_norm_is_torchs() -> None:
    torch.manual_seed(0)
    ours, theirs = BatchNorm(3), nn.BatchNorm2d(3, affine=False)
    for _ in range(3):
        a = torch.randn(4, 3, 5, 6) * 3 + 2
        b = a.clone().requires_grad_()
        a.requires_grad_()
        x, y = ours(a), theirs(b)
        assert torch.allclose(x, y, atol=1e-6)
        weight = torch.rand_like(x)
        (x * weight).sum().backward()
        (y * weight).sum().backward()
        assert a.grad is not None
        assert torch.allclose(a.grad, b.grad, atol=1e-6)  # type: ignore[arg-type]
    assert torch.allclose(ours.running_mean, theirs.running_mean)
    assert torch.allclose(ours.running_var, theirs.running_var)
    ours.eval()
    theirs.eval()
    h = torch.randn(2, 3, 5, 6)
    assert torch.allclose(ours(h), theirs(h), atol=1e-6)


def test_cumulative_statistics_are_the_mean_over_batches() -> None:
    norm = BatchNorm(2)
    norm.momentum = None
    norm.reset_statistics()
    batches = [torch.randn(3, 2, 4, 4) + i for i in range(4)]
    for batch in batches:
        norm(batch)
    means = torch.stack([batch.mean(dim=(0, 2, 3)) for batch in batches])
    assert torch.allclose(norm.running_mean, means.mean(0), atol=1e-5)


WORKER = """
import sys
import torch
from torch import distributed as dist, nn
from spade.batch_norm import BatchNorm, statistics_of_all_processes

rank, folder = int(sys.argv[1]), sys.argv[2]
torch.set_num_threads(1)
dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
data = torch.load(f"{folder}/data.pt", weights_only=True)
network = nn.Sequential(nn.Conv2d(2, 3, 3), BatchNorm(3))
network.load_state_dict(data["state"])
h = data["h"][rank * 2 : rank * 2 + 2].clone().requires_grad_()
with statistics_of_all_processes():
    out = network(h)
(out * data["weight"][rank * 2 : rank * 2 + 2]).sum().backward()
result = {
    "out": out.detach(),
    "h": h.grad,
    "conv": network[0].weight.grad,
    "mean": network[1].running_mean,
    "var": network[1].running_var,
}
torch.save(result, f"{folder}/result{rank}.pt")
dist.destroy_process_group()
"""


def test_two_processes_make_one_batch(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(2, 3, 3), BatchNorm(3))
    state = {key: value.clone() for key, value in network.state_dict().items()}
    h = torch.randn(4, 2, 6, 7)
    h[2:] = h[2:] * 3 + 5  # the two halves have statistics of their own
    weight = torch.rand(4, 3, 4, 5)
    torch.save({"state": state, "h": h, "weight": weight}, tmp_path / "data.pt")
    (tmp_path / "worker.py").write_text(WORKER)
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "GLOO_SOCKET_IFNAME": "lo",
    }
    workers = [
        subprocess.Popen(
            [sys.executable, str(tmp_path / "worker.py"), str(rank), str(tmp_path)],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    for worker in workers:
        _, errors = worker.communicate(timeout=120)
        assert worker.returncode == 0, errors
    first, second = (
        torch.load(tmp_path / f"result{rank}.pt", weights_only=True) for rank in range(2)
    )
    whole = h.clone().requires_grad_()
    out = network(whole)
    (out * weight).sum().backward()
    assert torch.allclose(torch.cat([first["out"], second["out"]]), out, atol=1e-5)
    assert torch.allclose(torch.cat([first["h"], second["h"]]), whole.grad, atol=1e-5)  # type: ignore[arg-type]
    assert torch.allclose(first["conv"] + second["conv"], network[0].weight.grad, atol=1e-4)  # type: ignore[arg-type]
    for result in (first, second):
        assert torch.allclose(result["mean"], network[1].running_mean, atol=1e-6)
        assert torch.allclose(result["var"], network[1].running_var, atol=1e-5)
