"""Show a model's classes, sizes, licence and provenance."""

from __future__ import annotations

import argparse

from spade.commands import Report, add_model_arguments, open_model


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_model_arguments(parser)


def run(args: argparse.Namespace) -> Report:
    """Load the model and describe it."""
    from spade.config import to_dict
    from spade.model import count_parameters

    model = open_model(args)
    generator, encoder = model.config.generator, model.config.encoder
    width, height = model.trained_size
    parameters = {
        name: count_parameters(network)
        for name, network in (
            ("generator", model.generator),
            ("encoder", model.encoder),
            ("discriminator", model.discriminator),
        )
        if network is not None
    }
    data = {
        "name": model.name,
        "classes": [
            {"id": c.id, "name": c.name, "color": c.color} | ({"group": c.group} if c.group else {})
            for c in model.classes
        ],
        "config": {
            "generator": to_dict(generator),
            "encoder": None if encoder is None else to_dict(encoder),
        },
        "semantic_nc": generator.semantic_nc,
        "base_grid": {"width": generator.base_grid[1], "height": generator.base_grid[0]},
        "trained_size": {"width": width, "height": height},
        "parameters": parameters,
        "licence": model.licence,
        "provenance": model.provenance,
        "device": str(model.device),
    }
    channels = [f"{generator.label_nc} labels"]
    channels += ["don't care"] if generator.contain_dontcare else []
    channels += ["instance edges"] if generator.instance_edges else []
    lines = [
        f"{model.name}",
        f"  channels    {' + '.join(channels)} = {generator.semantic_nc}",
        f"  style       {_style(generator.use_vae, model.encoder is not None)}",
        f"  trained at  {width}x{height}, up-sampling {generator.upsampling!r}, "
        f"ngf {generator.ngf}",
        "  parameters  " + ", ".join(f"{name} {n:,}" for name, n in parameters.items()),
        f"  licence     {model.licence or 'not stated'}",
        "  classes",
        *(f"    {c.id:3}  {c.color}  {c.name}" for c in model.classes),
    ]
    return Report(data, "\n".join(lines))


def _style(vae: bool, encoder: bool) -> str:
    if not vae:
        return "none (one look)"
    return "from an image or a seed" if encoder else "from a seed (no encoder)"
