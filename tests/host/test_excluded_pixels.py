"""What is kept out of a memory is cut like the picture that a VAE encodes."""

import torch
from remembered import Pack


def test_a_mask_and_a_depth_are_cut_to_the_same_pixels(comfy):
    pack = Pack(comfy)
    latents = pack.module("nodes.host.latents")
    spec = pack.core.LatentSpec(48, 4, 4)
    white = torch.zeros(1, 14, 23)
    white[0, 9:, 20:] = 1.0
    cameras = pack.core.Cameras(torch.eye(4)[None], torch.eye(3)[None])
    geometry = pack.core.Geometry(1.0 + white, cameras)  # twice as far where the mask is white
    kept_out = latents.exclude_for(white, geometry, 2, (3, 5), spec=spec)
    cut = latents.geometry_for(geometry, 2, (3, 5), spec=spec)
    assert kept_out.shape == (2, 12, 20)  # one mask serves both frames
    assert torch.equal(kept_out[1], cut.depth[0] == 2.0) and kept_out.any()
