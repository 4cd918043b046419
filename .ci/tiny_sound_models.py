"""Small checkpoints of models that make a video with its sound, LTX-2.x and MiniMax H3; see `tiny_models`.

One file of LTX holds all that the published one does but the text encoder: network, VAE, audio VAE and vocoder, whose
sizes ComfyUI reads from the file's own configuration. Those of MiniMax H3's VAEs are fixed in ComfyUI, at billions of
weights: here are small ones of the same classes, which `small_h3_vaes` lets ComfyUI make.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import torch
from random_weights import File, lora_weights, random_weights, shapes_of

TEXT = 4096  # of a text's tokens, as in `tiny_models`; ComfyUI reads it from these files

LTX_NETWORK = dict(
    num_attention_heads=2, attention_head_dim=32, cross_attention_dim=64, caption_channels=TEXT // 2, num_layers=2,
    audio_num_attention_heads=2, audio_attention_head_dim=16, audio_cross_attention_dim=32,
    connector_attention_head_dim=16, connector_num_attention_heads=2, connector_num_layers=1,
    causal_temporal_positioning=True,
)  # fmt: skip
LTX_VAE = dict(
    _class_name="CausalVideoAutoencoder", dims=3, in_channels=3, out_channels=3, latent_channels=128, patch_size=4,
    norm_layer="pixel_norm", latent_log_var="uniform", use_quant_conv=False, causal_decoder=False,
    timestep_conditioning=False, encoder_base_channels=16, decoder_base_channels=4,
    encoder_blocks=[[name, {"multiplier": 1}] for name in ("compress_all_res",) * 3],
    decoder_blocks=[["compress_all", {"residual": True, "multiplier": 2}]] * 3 + [["res_x", {"num_layers": 1}]],
)  # fmt: skip
LTX_SOUND = dict(
    double_z=True, mel_bins=64, z_channels=8, resolution=256, downsample_time=False, in_channels=2, out_ch=2, ch=8,
    ch_mult=[1, 2, 4], num_res_blocks=1, attn_resolutions=[], dropout=0.0, mid_block_add_attention=False,
    norm_type="pixel", causality_axis="height",
)  # fmt: skip
LTX_VOCODER = dict(
    resblock_kernel_sizes=[3], upsample_rates=[5, 4, 2, 2, 2], upsample_kernel_sizes=[16, 16, 8, 4, 4],
    resblock_dilation_sizes=[[1, 3, 5]], upsample_initial_channel=64, stereo=True, resblock="1",
)  # fmt: skip
LTX_UPSCALER = dict(in_channels=128, mid_channels=32, num_blocks_per_stage=1, dims=3)
LTX = {
    "transformer": LTX_NETWORK,
    "vae": LTX_VAE,
    "audio_vae": {"model": {"params": {"ddconfig": LTX_SOUND, "sampling_rate": 16000}}},
    "vocoder": LTX_VOCODER,
}
H3 = dict(
    hidden_size=64, num_layers=2, token_refiner_num_layers=1, num_attention_heads=2, attention_head_dim=32,
    ffn_hidden_size=64, text_dim=TEXT, timestep_input_dim=32, time_embed_hidden_size=32, time_embed_dim=32,
    rope_inv_freq_len=4,
)  # fmt: skip


def sound_files() -> dict[str, File]:
    """The files by their place in ComfyUI's folder of models."""
    import comfy.ops
    from comfy.ldm.lightricks.av_model import LTXAVModel
    from comfy.ldm.lightricks.latent_upsampler import LatentUpsampler
    from comfy.ldm.lightricks.vae.audio_vae import AudioVAE
    from comfy.ldm.lightricks.vae.causal_video_autoencoder import VideoVAE
    from comfy.ldm.minimax.model import MiniMaxH3Model

    operations = comfy.ops.disable_weight_init
    on_meta = {"device": "meta", "dtype": torch.float32, "operations": operations}
    sound = usable_weights(AudioVAE({"config": json.dumps(LTX)}), 2)
    ltx = {
        **_named("model.diffusion_model.", usable_weights(LTXAVModel(in_channels=128, **LTX_NETWORK, **on_meta), 0)),
        **_named("vae.", usable_weights(VideoVAE(config=LTX_VAE), 1)),
        **{key.replace("autoencoder.", "audio_vae.", 1): value for key, value in sound.items()},
    }
    upscaler = usable_weights(LatentUpsampler.from_config(LTX_UPSCALER, operations=operations), 3)
    with small_h3_vaes() as (video, audio):
        h3_vaes = {"vae/h3_video_vae.safetensors": video(), "vae/h3_audio_vae.safetensors": audio()}
    h3 = {"diffusion_models/minimax_h3.safetensors": MiniMaxH3Model(**H3, **on_meta), **h3_vaes}
    return {
        "checkpoints/ltx_av.safetensors": (ltx, {"config": json.dumps(LTX)}),
        "latent_upscale_models/ltx_upscaler.safetensors": (upscaler, {"config": json.dumps(LTX_UPSCALER)}),
        **{file: (usable_weights(network, 4), {}) for file, network in h3.items()},
        "loras/h3_lora.safetensors": (
            lora_weights({"blocks.0.attn.out_proj": (64, 64)}, prefix="diffusion_model."),
            {},
        ),
    }


@contextmanager
def small_h3_vaes() -> Iterator[tuple]:
    """Within it ComfyUI makes small VAEs of MiniMax H3, for video and sound; yields what makes them."""
    import comfy.ldm.minimax.audio_vae as sounds
    import comfy.ldm.minimax.vae as videos

    of_video, of_sound, decoder = videos.MiniMaxH3VideoVAE, sounds.MiniMaxH3AudioVAE, videos.ViT3DDecoder

    def video():
        with patch.object(videos, "ViT3DDecoder", small_decoder):
            return of_video(ch=32, ch_mult=(1, 1, 1, 1, 1, 1), num_res_blocks=1)

    def small_decoder(**sizes):
        return decoder(num_layers=1, heads=1, dim_head=64, **sizes)

    def audio():
        return of_sound(encoder_dim=2, latent_dim=64, decoder_dim=128)

    with patch.object(videos, "MiniMaxH3VideoVAE", video), patch.object(sounds, "MiniMaxH3AudioVAE", audio):
        yield video, audio


def usable_weights(network: torch.nn.Module, seed: int) -> dict[str, torch.Tensor]:
    """Random weights; what a network divides by stays 1, and what is no weight stays as it is."""
    found, weights = network.state_dict(), random_weights(shapes_of(network), seed)
    for key in weights:
        name = key.rsplit(".", 1)[-1]
        if name in ("std-of-means", "latents_std", "scale1", "scale2"):
            weights[key] = torch.ones_like(weights[key])
        elif name in ("mean-of-means", "latents_mean", "zero_k_bias"):
            weights[key] = torch.zeros_like(weights[key])
        elif name == "filter":
            weights[key] = found[key].clone()
        elif name == "alpha":
            weights[key] = weights[key].abs() + 0.5
    return weights


def _named(prefix: str, weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {prefix + key: value for key, value in weights.items()}
