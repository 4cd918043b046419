"""Tiny models with random weights of families that ComfyUI knows, by its own loader and detection."""

import json

import torch
from remembered import text
from tiny_models import DIM, TEXT, random_weights

SHORT = 32  # of a text's tokens, where ComfyUI reads it from the file


def wan(cls: str, file: str = "model", transformer: dict | None = None, **sizes):
    """A MODEL of a Wan class of ComfyUI.

    Args:
        file: ComfyUI's module that has the class.
        transformer: what the file says about itself.
    """
    import importlib

    network = getattr(importlib.import_module(f"comfy.ldm.wan.{file}"), cls)
    size = {"dim": DIM, "ffn_dim": 64, "num_heads": DIM // 128, "num_layers": 2, "text_dim": TEXT}
    return _loaded(network(**{**size, **sizes}, **_meta()), transformer)


def hunyuan(in_channels: int = 16, **others):
    from comfy.ldm.hunyuan_video.model import HunyuanVideo

    sizes = dict(
        in_channels=in_channels, out_channels=16, vec_in_dim=768, context_in_dim=SHORT, hidden_size=128, mlp_ratio=4.0,
        num_heads=1, depth=1, depth_single_blocks=1, axes_dim=[16, 56, 56], theta=256, patch_size=[1, 2, 2],
        qkv_bias=True, guidance_embed=True, byt5=False, meanflow=False, use_cond_type_embedding=False,
        vision_in_dim=None, meanflow_sum=False,
    )  # fmt: skip
    return _loaded(HunyuanVideo(**{**sizes, **others}, **_meta()))


def hunyuan15(in_channels: int = 65):
    """HunyuanVideo 1.5; with 98 channels it makes a video larger."""
    return hunyuan(in_channels, out_channels=32, vec_in_dim=None, guidance_embed=False, patch_size=[1, 1, 1],
                   use_cond_type_embedding=True, vision_in_dim=1152)  # fmt: skip


def ltx():
    from comfy.ldm.lightricks.model import LTXVModel

    sizes = dict(num_attention_heads=2, attention_head_dim=32, cross_attention_dim=64, caption_channels=SHORT,
                 num_layers=2, causal_temporal_positioning=True)  # fmt: skip
    return _loaded(LTXVModel(in_channels=128, **sizes, **_meta()), sizes)


def ltx_with_sound():
    from comfy.ldm.lightricks.av_model import LTXAVModel

    sizes = dict(
        num_attention_heads=2, attention_head_dim=32, cross_attention_dim=64, caption_channels=SHORT, num_layers=2,
        audio_num_attention_heads=2, audio_attention_head_dim=16, audio_cross_attention_dim=32,
        connector_attention_head_dim=16, connector_num_attention_heads=2, connector_num_layers=1,
        causal_temporal_positioning=True,
    )  # fmt: skip
    return _loaded(LTXAVModel(in_channels=128, audio_in_channels=128, **sizes, **_meta()), sizes)


def minimax_h3():
    from comfy.ldm.minimax.model import MiniMaxH3Model

    return _loaded(MiniMaxH3Model(
        hidden_size=64, num_layers=2, token_refiner_num_layers=1, num_attention_heads=2, attention_head_dim=32,
        ffn_hidden_size=64, text_dim=SHORT, timestep_input_dim=32, time_embed_hidden_size=32, time_embed_dim=32,
        rope_inv_freq_len=4, **_meta(),
    ))  # fmt: skip


def cogvideox(in_channels: int = 16, **others):
    from comfy.ldm.cogvideo.model import CogVideoXTransformer3DModel

    return _loaded(CogVideoXTransformer3DModel(
        num_attention_heads=2, attention_head_dim=64, in_channels=in_channels, time_embed_dim=32, num_layers=2,
        text_embed_dim=SHORT, use_rotary_positional_embeddings=True, **others, **_meta(),
    ))  # fmt: skip


def short_texts(mask: torch.dtype | None = None, width: int = SHORT) -> dict:
    """Both conditionings for a model that is not Wan.

    Args:
        mask: of the attention mask that LTX (int64) and Mochi (bool) read.
        width: of a token; that of an LTX model with sound holds two texts.
    """
    entries = {}
    for seed, name in enumerate(("positive", "negative")):
        values = {"pooled_output": torch.zeros(1, 768)}
        if mask is not None:
            values["attention_mask"] = torch.ones(1, 7, dtype=mask)
        entries[name] = [[text(seed)[0][0][..., :width].contiguous(), values]]
    return entries


class Read:
    """What ComfyUI hands to a network, call after call: ``x`` with the channels that it adds, and the rest."""

    def __init__(self, model, monkeypatch):
        self.calls: list[dict] = []
        network = model.get_model_object("diffusion_model")
        original = network.forward

        def forward(x, timestep, *args, **kwargs):
            self.calls.append({**kwargs, "x": _copy(x), "t": _copy(timestep)})
            return original(x, timestep, *args, **kwargs)

        monkeypatch.setattr(network, "forward", forward)

    @property
    def first(self) -> dict:
        return self.calls[0]


def _copy(value):
    return value.clone() if isinstance(value, torch.Tensor) else [_copy(one) for one in value]


def _loaded(network: torch.nn.Module, transformer: dict | None = None):
    import comfy.sd

    metadata = {"config": json.dumps({"transformer": transformer})} if transformer else None
    model = comfy.sd.load_diffusion_model_state_dict(random_weights(shapes(network), 0), metadata=metadata)
    assert model is not None, "ComfyUI's loader does not know it"
    return model


def shapes(network: torch.nn.Module) -> dict[str, tuple[int, ...]]:
    return {key: tuple(value.shape) for key, value in network.state_dict().items()}


def _meta() -> dict:
    """For networks of which only the shapes count: some starts of ComfyUI leave its own layers empty at first."""
    return {"device": "meta", "dtype": torch.float32, "operations": torch.nn}
