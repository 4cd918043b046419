"""Tiny models of families whose large sizes ComfyUI's detection fixes: made from a configuration of small ones."""

import torch
from families import SHORT, shapes
from tiny_models import random_weights

# Of both generations of Cosmos.
COSMOS = {
    "max_img_h": 240, "max_img_w": 240, "max_frames": 128, "out_channels": 16, "patch_spatial": 2, "patch_temporal": 1,
    "model_channels": 64, "concat_padding_mask": True, "crossattn_emb_channels": SHORT, "pos_emb_interpolation": "crop",
    "use_adaln_lora": True, "adaln_lora_dim": 16, "num_blocks": 2, "num_heads": 2, "rope_t_extrapolation_ratio": 1.0,
}  # fmt: skip
# The class of Stable Video Diffusion is told by the sizes of the real one; the network is then made narrow.
STABLE_VIDEO = {
    "use_checkpoint": False, "image_size": 32, "use_spatial_transformer": True, "legacy": False,
    "num_classes": "sequential", "model_channels": 320, "in_channels": 8, "out_channels": 4,
    "num_res_blocks": [2, 2, 2, 2], "channel_mult": [1, 2, 4, 4], "transformer_depth": [1, 1, 1, 1, 1, 1, 0, 0],
    "use_linear_in_transformer": True, "context_dim": 1024, "use_temporal_attention": True,
    "use_temporal_resblock": True, "transformer_depth_middle": 1, "video_kernel_size": [3, 1, 1],
    "transformer_depth_output": [1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0], "extra_ff_mix_layer": True,
    "use_spatial_context": True, "merge_strategy": "learned_with_images", "merge_factor": 0.0, "num_heads": -1,
    "num_head_channels": 64, "disable_temporal_crossattention": False, "max_ddpm_temb_period": 10000,
}  # fmt: skip
NARROW = {
    "model_channels": 32, "num_res_blocks": [1, 1, 1, 1], "context_dim": SHORT, "num_head_channels": 16,
    "transformer_depth": [1, 1, 1, 0], "transformer_depth_output": [1, 1, 1, 1, 1, 1, 0, 0],
}  # fmt: skip


def mochi():
    return _configured({
        "image_model": "mochi_preview", "depth": 2, "patch_size": 2, "num_heads": 2, "hidden_size_x": 64,
        "hidden_size_y": 32, "mlp_ratio_x": 192.0, "mlp_ratio_y": 4.0, "learn_sigma": False, "in_channels": 12,
        "qk_norm": True, "qkv_bias": False, "out_bias": True, "attn_drop": 0.0, "patch_embed_bias": True,
        "posenc_preserve_area": True, "timestep_mlp_bias": True, "attend_to_padding": False, "timestep_scale": 1000.0,
        "use_t5": True, "t5_feat_dim": SHORT, "t5_token_length": 256, "rope_theta": 10000.0,
    })  # fmt: skip


def cogvideox_5b():
    """Its 48 heads tell it from the small one, whose latents have another scale."""
    return _configured({
        "image_model": "cogvideox", "num_attention_heads": 48, "attention_head_dim": 16, "time_embed_dim": 32,
        "num_layers": 1, "in_channels": 16, "patch_size": 2, "text_embed_dim": SHORT,
        "use_learned_positional_embeddings": False, "use_rotary_positional_embeddings": True,
    })  # fmt: skip


def kandinsky5():
    return _configured({
        "image_model": "kandinsky5", "model_dim": 64, "axes_dims": (8, 12, 12), "time_dim": 32, "ff_dim": 64,
        "visual_embed_dim": 132, "num_text_blocks": 1, "num_visual_blocks": 2, "in_text_dim": SHORT,
    })  # fmt: skip


def cosmos(in_channels: int):
    """Cosmos 1; with 17 channels it makes videos from pictures."""
    return _configured({
        **COSMOS, "image_model": "cosmos", "in_channels": in_channels, "block_config": "FA-CA-MLP",
        "pos_emb_cls": "rope3d", "pos_emb_learnable": False, "block_x_format": "THWBD", "affline_emb_norm": True,
        "rope_h_extrapolation_ratio": 1.0, "rope_w_extrapolation_ratio": 1.0, "extra_per_block_abs_pos_emb": True,
        "extra_per_block_abs_pos_emb_type": "learnable",
    })  # fmt: skip


def cosmos_predict2(in_channels: int):
    """Cosmos Predict2, likewise."""
    return _configured({
        **COSMOS, "image_model": "cosmos_predict2", "in_channels": in_channels, "pos_emb_cls": "rope3d",
        "pos_emb_learnable": True, "min_fps": 1, "max_fps": 30, "extra_per_block_abs_pos_emb": False,
        "rope_h_extrapolation_ratio": 3.0, "rope_w_extrapolation_ratio": 3.0, "extra_h_extrapolation_ratio": 1.0,
        "extra_w_extrapolation_ratio": 1.0, "extra_t_extrapolation_ratio": 1.0, "rope_enable_fps_modulation": False,
    })  # fmt: skip


def stable_video(adm: int):
    """Stable Video Diffusion (768), SV3D_u (256), SV3D_p (1280)."""
    return _configured({**STABLE_VIDEO, "adm_in_channels": adm, "dtype": torch.float32}, NARROW)


def _configured(config: dict, narrow: dict | None = None):
    """A MODEL as ComfyUI's loader makes it, but for the detection.

    Args:
        narrow: other sizes of the network, once its class is found.
    """
    import comfy.model_detection
    import comfy.model_patcher

    found, cpu = comfy.model_detection.model_config_from_unet_config(config, None), torch.device("cpu")
    assert found is not None, "ComfyUI does not know it"
    found.unet_config.update(narrow or {})
    found.set_inference_dtype(torch.float32, None, device=cpu)
    model = found.get_model({}, "")
    model.diffusion_model.load_state_dict(random_weights(shapes(model.diffusion_model), 0))
    return comfy.model_patcher.CoreModelPatcher(model, load_device=cpu, offload_device=cpu)
