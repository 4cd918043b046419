"""What a memory holds, in numbers and in words."""

import torch

from .memory import LatentMemory


def memory_summary(memory: LatentMemory) -> dict:
    """Numbers that a JSON file can hold: points, MiB, blocks, keyframes, latents, and the extent in scene units."""
    spec = memory.spec
    summary = {
        "points": memory.num_points,
        "mib": round(memory.nbytes / 2**20, 4),
        "blocks": len(memory.blocks),
        "keyframes": len(memory.keyframes),
        "channels": spec.channels,
        "spatial": spec.spatial,
        "temporal": spec.temporal,
        "format": spec.name,
        "store": memory.store or (memory.blocks[0].store if memory.blocks else ""),
    }
    if memory.num_locked:
        summary["locked"] = memory.num_locked
    if memory.num_points:
        low, high = memory.bounds
        summary["extent"] = [round(float(n), 3) for n in high - low]
        summary["frames"] = len(torch.unique(memory.column("frame")))
        summary["confidence"] = round(float(memory.column("confidence").mean()), 3)
        summary["token_width"] = round(float(memory.column("footprint").median()), 4)
    return summary


def memory_report(memory: LatentMemory) -> str:
    """The same in a few lines of text."""
    s = memory_summary(memory)
    lines = [
        f"{s['points']:,} points, {s['mib']:.2f} MiB in {s['blocks']} block{'s' if s['blocks'] != 1 else ''}",
        f"latents: {memory.spec}" + (f", kept as {s['store']}" if s["store"] else ""),
        f"views written: {s['keyframes']}",
    ]
    if memory.num_locked:
        lines.append(f"locked: {s['locked']:,} points, which stay whatever is written")
    if memory.num_points:
        width, height, depth = s["extent"]
        lines += [
            f"extent: {width:g} x {height:g} x {depth:g} scene units (x, y, z)",
            f"seen in {s['frames']} latent frames; a token is {s['token_width']:g} units wide (median)",
            f"confidence: {s['confidence']:.2f} (share of a token's pixels with depth, mean)",
        ]
    return "\n".join(lines)
