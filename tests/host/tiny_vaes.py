"""Small VAEs of ComfyUI's own classes with random weights, made by its own detection, for tests of decoding."""

import json
from unittest.mock import patch

import torch
from random_weights import random_weights, shapes_of
from tiny_sound_models import LTX_VAE, small_h3_vaes, usable_weights

LTX_DEEP = {  # as many layers as the published one of LTX-2 has at each rate of frames
    **LTX_VAE,
    "decoder_blocks": [
        ["res_x", {"num_layers": 4}],
        ["compress_all", {"residual": True, "multiplier": 2}],
        ["res_x", {"num_layers": 6}],
        ["compress_all", {"residual": True, "multiplier": 2}],
        ["res_x", {"num_layers": 4}],
        ["compress_all", {"residual": True, "multiplier": 2}],
        ["res_x", {"num_layers": 2}],
    ],
}


def tiny_vae(name: str):
    """A VAE of ComfyUI's by a name of ``MAKERS``."""
    return MAKERS[name]()


def latents_of(vae, frames: int, seed: int = 0, h: int = 2, w: int = 3) -> torch.Tensor:
    """Latents ``(frames, C, h, w)`` that change smoothly, as those of a video do."""
    generator = torch.Generator().manual_seed(seed)
    keys = torch.randn(frames // 4 + 2, vae.latent_channels, h, w, generator=generator)
    at = torch.arange(frames) / 4
    low = at.floor().long()
    share = (at - low).view(-1, 1, 1, 1)
    still = torch.randn(1, vae.latent_channels, h, w, generator=generator)
    return 0.7 * still + 0.7 * torch.lerp(keys[low], keys[low + 1], share)


def _vae(weights: dict, metadata: dict | None = None):
    import comfy.sd

    return comfy.sd.VAE(sd=dict(weights), dtype=torch.float32, metadata=metadata)


def _made(owner, attribute: str, change, marks: dict, keep: tuple = ()):
    """A VAE whose model ComfyUI makes with the sizes that ``change`` puts in the place of its own.

    Args:
        owner: module in whose ``attribute`` ComfyUI finds the model's class.
        marks: what its detection looks for in a file, beside the model's weights.
        keep: names of weights that stay as they are made.
    """
    original = getattr(owner, attribute)

    def small(*args, **sizes):
        return original(*args, **change(sizes))

    unread = patch.object(torch.nn.Module, "load_state_dict", lambda *_, **__: ([], []))
    with patch.object(owner, attribute, small), unread:
        vae = _vae(marks)
    model = vae.first_stage_model
    kept = {key: value for key, value in model.state_dict().items() if key.rsplit(".", 1)[-1] in keep}
    model.load_state_dict({**random_weights(shapes_of(model), 5), **kept})
    return vae


def _wan21():
    import comfy.ldm.wan.vae as owner

    marks = {
        "decoder.middle.0.residual.0.gamma": torch.zeros(1),
        "decoder.head.0.gamma": torch.zeros(8),
        "encoder.conv1.weight": torch.zeros(8, 3, 3, 3, 3),
        "decoder.head.2.weight": torch.zeros(3, 8, 3, 3, 3),
    }
    return _made(owner, "WanVAE", lambda sizes: sizes, marks)


def _wan22():
    import comfy.ldm.wan.vae2_2 as owner

    marks = {
        "decoder.middle.0.residual.0.gamma": torch.zeros(1),
        "decoder.upsamples.0.upsamples.0.residual.2.weight": torch.zeros(1),
    }
    return _made(owner, "WanVAE", lambda sizes: {**sizes, "dim": 8, "dec_dim": 8}, marks)


def _h3():
    with small_h3_vaes() as (video, _):
        return _vae(usable_weights(video(), 4))


def _ltx():
    from comfy.ldm.lightricks.vae.causal_video_autoencoder import VideoVAE

    return _vae(usable_weights(VideoVAE(config=LTX_DEEP), 1), {"config": json.dumps({"vae": LTX_DEEP})})


def _hunyuan():
    import comfy.sd as owner

    marks = {
        "decoder.conv_in.conv.weight": torch.zeros(512, 16, 3, 3, 3),
        "post_quant_conv.weight": torch.zeros(16, 16, 1, 1, 1),
    }
    return _made(owner, "AutoencoderKL", lambda sizes: {**sizes, "ddconfig": {**sizes["ddconfig"], "ch": 32}}, marks)


def _hunyuan15():
    import comfy.sd as owner

    def smaller(sizes):
        for name in ("encoder_config", "decoder_config"):
            sizes[name]["params"] = {**sizes[name]["params"], "block_out_channels": [32, 32, 64, 64, 64]}
        return sizes

    marks = {"decoder.conv_in.conv.weight": torch.zeros(1024, 32, 3, 3, 3)}
    return _made(owner, "AutoencodingEngine", smaller, marks)


def _cogvideox():
    import comfy.ldm.cogvideo.vae as owner

    marks = {
        "decoder.conv_in.conv.weight": torch.zeros(512, 16, 3, 3, 3),
        "decoder.mid_block.resnets.0.norm1.norm_layer.weight": torch.zeros(1),
        "encoder.conv_out.conv.weight": torch.zeros(32, 512, 3, 3, 3),
    }
    return _made(
        owner, "AutoencoderKLCogVideoX", lambda sizes: {**sizes, "block_out_channels": (32, 32, 32, 64)}, marks
    )


def _cosmos():
    import comfy.ldm.cosmos.vae as owner

    return _made(
        owner,
        "CausalContinuousVideoTokenizer",
        lambda sizes: {**sizes, "channels": 16},
        {"decoder.unpatcher3d.wavelets": torch.zeros(1)},
        keep=("wavelets", "_arange", "latent_mean", "latent_std"),
    )


def _mochi():
    import comfy.ldm.genmo.vae.model as owner

    decoder = owner.Decoder

    def small(**sizes):
        return decoder(**{**sizes, "base_channels": 32})

    with patch.object(owner, "Decoder", small), patch.object(owner, "Encoder", torch.nn.Identity):
        return _made(owner, "VideoVAE", lambda sizes: sizes, {"blocks.2.blocks.3.stack.5.weight": torch.zeros(1)})


def _taehv():
    from comfy.taesd.taehv import TAEHV

    return _vae(random_weights(shapes_of(TAEHV(latent_channels=48)), 3))


def _pictures():
    from comfy.taesd.taesd import TAESD

    return _vae(random_weights(shapes_of(TAESD(latent_channels=16)), 3))


MAKERS = {
    "wan21": _wan21,
    "wan22": _wan22,
    "h3": _h3,
    "ltx": _ltx,
    "hunyuan": _hunyuan,
    "hunyuan15": _hunyuan15,
    "cogvideox": _cogvideox,
    "cosmos": _cosmos,
    "mochi": _mochi,
    "taehv": _taehv,
    "pictures": _pictures,
}
