"""A tiny model of every family of video models that ComfyUI knows, and texts for each, by a name of our own."""

from collections.abc import Callable
from types import SimpleNamespace

import torch
from families import cogvideox, hunyuan, hunyuan15, ltx, ltx_with_sound, minimax_h3, short_texts, wan
from families_by_configuration import cogvideox_5b, cosmos, cosmos_predict2, kandinsky5, mochi, stable_video
from remembered import text

Build = Callable[[], object]
Texts = Callable[[], dict]


def wan_texts(**values) -> dict:
    """Both conditionings for a Wan model, with more values in them."""
    return {name: [[text(seed)[0][0], dict(values)]] for seed, name in enumerate(("positive", "negative"))}


def with_picture_tokens(count: int = 257) -> dict:
    """Texts with what CLIP Vision says of one picture (257 tokens) or two (514)."""
    tokens = torch.randn(1, count, 1280, generator=torch.Generator().manual_seed(3))
    return wan_texts(clip_vision_output=SimpleNamespace(penultimate_hidden_states=tokens))


def with_subject() -> dict:
    """Texts with a picture of a subject, as Phantom takes them."""
    return wan_texts(time_dim_concat=torch.randn(1, 16, 1, 6, 10, generator=torch.Generator().manual_seed(4)))


def one_token() -> dict:
    """What Stable Video Diffusion takes: a token of CLIP Vision."""
    return {name: [[entries[0][0][:, :1], entries[0][1]]] for name, entries in short_texts().items()}


def _animate():
    return wan("AnimateWanModel", "model_animate", in_dim=36, num_layers=5)


EVERY: dict[str, tuple[Build, Texts]] = {
    "LTX-Video": (ltx, lambda: short_texts(torch.int64)),
    "LTX-2": (ltx_with_sound, lambda: short_texts(width=64)),
    "MiniMax H3": (minimax_h3, short_texts),
    "HunyuanVideo": (hunyuan, short_texts),
    "HunyuanVideo I2V": (lambda: hunyuan(33), short_texts),
    "SkyReels I2V": (lambda: hunyuan(32), short_texts),
    "HunyuanVideo 1.5": (hunyuan15, short_texts),
    "HunyuanVideo 1.5 SR": (lambda: hunyuan15(98), short_texts),
    "Kandinsky 5": (kandinsky5, short_texts),
    "CogVideoX": (cogvideox, short_texts),
    "CogVideoX 5B": (cogvideox_5b, short_texts),
    "CogVideoX I2V": (lambda: cogvideox(32), short_texts),
    "CogVideoX 1.5 I2V": (lambda: cogvideox(32, patch_size_t=2, ofs_embed_dim=32), short_texts),
    "CogVideoX Fun, VOID": (lambda: cogvideox(48, patch_size_t=2), short_texts),
    "Cosmos": (lambda: cosmos(16), short_texts),
    "Cosmos I2V": (lambda: cosmos(17), short_texts),
    "Cosmos Predict2": (lambda: cosmos_predict2(16), short_texts),
    "Cosmos Predict2 I2V": (lambda: cosmos_predict2(17), short_texts),
    "Mochi": (mochi, lambda: short_texts(torch.bool)),
    "Stable Video Diffusion": (lambda: stable_video(768), one_token),
    "SV3D_u": (lambda: stable_video(256), one_token),
    "SV3D_p": (lambda: stable_video(1280), one_token),
    "Wan T2V": (lambda: wan("WanModel", in_dim=16), wan_texts),
    "Wan T2V, Phantom": (lambda: wan("WanModel", in_dim=16), with_subject),
    "Wan 2.1 I2V": (lambda: wan("WanModel", in_dim=36, model_type="i2v"), with_picture_tokens),
    "Wan 2.1 FLF2V": (
        lambda: wan("WanModel", in_dim=36, model_type="i2v", flf_pos_embed_token_number=514),
        lambda: with_picture_tokens(514),
    ),
    "Wan 2.2 I2V, Fun-InP": (lambda: wan("WanModel", in_dim=36), wan_texts),
    "Wan 2.1 Fun-Control": (lambda: wan("WanModel", in_dim=48, model_type="i2v"), with_picture_tokens),
    "Wan 2.1 Fun-Control 1.1": (
        lambda: wan("WanModel", in_dim=48, model_type="i2v", in_dim_ref_conv=16),
        with_picture_tokens,
    ),
    "Wan 2.2 Fun-Control": (lambda: wan("WanModel", in_dim=52, in_dim_ref_conv=16), wan_texts),
    "Wan2.2-TI2V-5B": (lambda: wan("WanModel", in_dim=48, out_dim=48), wan_texts),
    "Wan 2.2 Fun-5B-InP": (lambda: wan("WanModel", in_dim=100, out_dim=48), wan_texts),
    "Wan 2.2 Fun-5B-Control": (lambda: wan("WanModel", in_dim=148, out_dim=48, in_dim_ref_conv=48), wan_texts),
    "Wan 2.1 Fun-Camera": (lambda: wan("CameraWanModel", in_dim=32, model_type="camera"), with_picture_tokens),
    "Wan 2.2 Fun-Camera": (lambda: wan("CameraWanModel", in_dim=36, model_type="camera_2.2"), wan_texts),
    "Wan VACE": (lambda: wan("VaceWanModel", in_dim=16, vace_layers=1, vace_in_dim=96), wan_texts),
    "HuMo 17B": (lambda: wan("HumoWanModel", in_dim=36), wan_texts),
    "HuMo 1.7B": (lambda: wan("HumoWanModel", in_dim=16), wan_texts),
    "Wan 2.2 S2V": (lambda: wan("WanModel_S2V", in_dim=16), wan_texts),
    "Wan 2.2 Animate": (_animate, with_picture_tokens),
    "FlowRVS": (lambda: wan("WanModel", in_dim=16, transformer={"model_type": "flow_rvs"}), wan_texts),
    "SCAIL": (lambda: wan("SCAILWanModel", in_dim=20), with_picture_tokens),
    "SCAIL-2": (lambda: wan("SCAIL2WanModel", in_dim=20), with_picture_tokens),
    "WanDancer": (lambda: wan("WanDancerModel", "model_wandancer", in_dim=36), with_picture_tokens),
    "Wan causal": (lambda: wan("WanModel", in_dim=16, transformer={"causal_ar": True}), wan_texts),
}
