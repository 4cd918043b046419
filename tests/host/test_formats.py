"""Which latents a VAE makes, which models they are for, and which numbers the nodes' inputs let pass."""

import contextlib

import pytest
import torch
from remembered import Pack


def of(*shape):
    return torch.empty(shape, device="meta")


# What ComfyUI's detection looks at in a file, by VAE: weights, and what the memory says of its latents.
VAES = {
    "LTX": ({"decoder.up_blocks.0.res_blocks.0.conv1.conv.weight": of(1024, 1024, 3, 3, 3)}, (128, 32, 8, "ltx")),
    "small LTX-2": ({"decoder.22.bias": of(3), "decoder.1.weight": of(256, 128, 3, 3)}, (128, 32, 8, "ltx")),
    "HunyuanVideo": (
        {"decoder.conv_in.conv.weight": of(512, 16, 3, 3, 3), "post_quant_conv.weight": of(16, 16, 1, 1, 1)},
        (16, 8, 4, "hunyuanvideo"),
    ),
    "small HunyuanVideo": (
        {"decoder.22.bias": of(3), "decoder.1.weight": of(256, 16, 3, 3).half()},
        (16, 8, 4, "hunyuanvideo"),
    ),
    "small Wan 2.1": ({"decoder.22.bias": of(3), "decoder.1.weight": of(256, 16, 3, 3)}, (16, 8, 4, "wan21")),
    "HunyuanVideo 1.5": ({"decoder.conv_in.conv.weight": of(1024, 32, 3, 3, 3)}, (32, 16, 4, "hunyuanvideo15")),
    "HunyuanImage refiner": ({"decoder.conv_in.weight": of(1024, 32, 3, 3, 3)}, (32, 16, 4, "hunyuanvideo15 picture")),
    "CogVideoX": (
        {
            "decoder.conv_in.conv.weight": of(512, 16, 3, 3, 3),
            "decoder.mid_block.resnets.0.norm1.norm_layer.weight": of(1),
            "encoder.conv_out.conv.weight": of(32, 512, 3, 3, 3),
        },
        (16, 8, 4, "cogvideox"),
    ),
    "Cosmos 1": ({"decoder.unpatcher3d.wavelets": torch.zeros(1)}, (16, 8, 8, "cosmos1")),
    "Mochi": ({"blocks.2.blocks.3.stack.5.weight": of(1)}, (12, 8, 6, "mochi")),
    "Wan 2.1": (
        {
            "decoder.middle.0.residual.0.gamma": of(1),
            "decoder.head.0.gamma": of(96),
            "encoder.conv1.weight": of(96, 3, 3, 3, 3),
            "decoder.head.2.weight": of(3, 96, 3, 3, 3),
        },
        (16, 8, 4, "wan21"),
    ),
    "Wan 2.2": (
        {
            "decoder.middle.0.residual.0.gamma": of(1),
            "decoder.upsamples.0.upsamples.0.residual.2.weight": of(1),
        },
        (48, 16, 4, "wan22"),
    ),
    "SeedVR2": ({"decoder.up_blocks.2.upsamplers.0.upscale_conv.weight": of(1)}, (16, 8, 4, "seedvr2")),
    "Flux": (
        {"decoder.conv_in.weight": of(512, 16, 3, 3), "encoder.down.2.downsample.conv.weight": of(1)},
        (16, 8, 1, ""),
    ),
}
FAMILIES = {  # classes of ComfyUI's supported_models by what their latents are called
    "wan21": ["WAN21_T2V", "WAN21_I2V", "WAN21_Vace", "QwenImage", "CosmosI2VPredict2", "Anima"],
    "wan22": ["WAN22_T2V"],
    "hunyuanvideo": ["HunyuanVideo", "HunyuanVideoI2V", "HunyuanVideoSkyreelsI2V", "Kandinsky5"],
    "hunyuanvideo15": ["HunyuanVideo15"],
    "ltx": ["LTXV", "LTXAV"],
    "mochi": ["GenmoMochi"],
    "cogvideox": ["CogVideoX_T2V", "CogVideoX_I2V"],
    "cosmos1": ["CosmosT2V", "CosmosI2V"],
    "minimax_h3": ["MiniMaxH3"],
}


@pytest.fixture(scope="module")
def pack(comfy):
    return Pack(comfy)


@pytest.fixture
def vae(comfy, monkeypatch):
    """ComfyUI's own VAE object of a name, without weights."""
    import comfy.sd

    def build(weights):
        with monkeypatch.context() as patch:
            patch.setattr(torch.nn.Module, "load_state_dict", lambda *_, **__: ([], []))
            elsewhere = any(value.is_meta for value in weights.values())
            with torch.device("meta") if elsewhere else contextlib.nullcontext():
                return comfy.sd.VAE(sd=dict(weights))

    return build


@pytest.mark.parametrize("name", VAES)
def test_the_class_of_a_vae_names_its_latents_and_their_strides(pack, vae, name):
    weights, (channels, spatial, temporal, called) = VAES[name]
    expected = pack.core.LatentSpec(channels, spatial, temporal, called)
    assert pack.module("nodes.host.formats").spec_of(vae(weights)) == expected


def test_latents_of_minimax_h3_come_in_clips_and_are_lifted_with_the_depth_of_their_own_video_frames(pack, vae):
    weights = {"decoder.transformer_blocks.0.scale1": torch.zeros(1), "encoder.down.5.block.0.conv1.weight": of(1)}
    h3 = vae(weights)
    expected = pack.core.LatentSpec(24, 16, 4, "minimax_h3", clip=5)
    assert pack.module("nodes.host.formats").spec_of(h3) == expected
    depth = torch.arange(1.0, 23.0)[:, None, None].expand(22, 96, 160)
    geometry = pack.core.Geometry(depth, pack.core.Cameras(torch.eye(4).repeat(22, 1, 1), torch.eye(3)))
    latent = {"samples": torch.zeros(1, 24, 7, 6, 10)}
    lifted, used = pack.node("Mirage_LiftLatents").execute(latent, geometry, h3).result
    assert used.depth[:, 0, 0].tolist() == [1.0, 5.0, 9.0, 13.0, 17.0, 18.0, 22.0] and lifted.spec == expected


def test_latents_are_for_the_models_of_their_format_and_for_no_others(pack):
    import comfy.supported_models

    of_format = pack.module("nodes.host.formats").of_format
    for name in (*FAMILIES, "seedvr2", "flux"):
        for family, classes in FAMILIES.items():
            for model in classes:
                latent_format = getattr(comfy.supported_models, model).latent_format()
                assert of_format(name, latent_format) is (name == family), (name, model)
                assert of_format("", latent_format)


@pytest.mark.parametrize("name", ["wan21", "wan22", "hunyuanvideo", "hunyuanvideo15", "ltx", "mochi", "cosmos1"])
def test_tokens_are_coloured_by_the_factors_of_their_format_where_they_are(pack, name):
    formats = pack.module("nodes.host.formats")
    latent_format = formats.LATENT_FORMATS[name]()
    channels = latent_format.latent_channels
    spec = pack.core.LatentSpec(channels, 8, 4, name)
    tokens = torch.randn(7, channels, generator=torch.Generator().manual_seed(0))
    normal = latent_format.process_in(tokens.T[None, :, None, :, None])[0, :, 0, :, 0].T
    factors, bias = (
        torch.tensor(value) for value in (latent_format.latent_rgb_factors, latent_format.latent_rgb_factors_bias)
    )
    torch.testing.assert_close(formats.colours_of(spec, tokens), (normal @ factors + bias) * 0.5 + 0.5)
    assert formats.colours_of(spec, tokens.to("meta")).is_meta  # on the device of the tokens


def test_tokens_of_a_format_without_factors_are_told_apart(pack):
    colours = pack.module("nodes.host.formats").colours_of
    tokens = torch.randn(50, 16, generator=torch.Generator().manual_seed(0))
    drawn = colours(pack.core.LatentSpec(16, 8, 4, "cogvideox"), tokens)
    assert drawn.shape == (50, 3) and drawn.min() == 0 and drawn.max() == 1


@pytest.mark.parametrize(
    "node, name, values",
    [
        ("Mirage_CameraPath", "frames", (1, 25, 31, 33, 37, 41, 81)),
        ("Mirage_CameraPathEditor", "frames", (1, 25, 31, 33, 37, 41, 81)),
        ("Mirage_SceneWalk", "chunk_frames", (7, 9, 31, 33, 37, 41, 81)),
        *((node, side, (48, 488, 480, 832, 1216)) for node in (
            "Mirage_WarpLatents", "Mirage_RenderMemoryPreview", "Mirage_PreviewWalk", "Mirage_MemorySampler",
            "Mirage_ApplyMemory", "Mirage_SceneWalk",
        ) for side in ("width", "height")),
    ],
)  # fmt: skip
def test_inputs_let_the_numbers_of_every_format_pass(pack, node, name, values):
    given = next(value for value in pack.node(node).define_schema().inputs if value.id == name)
    for value in values:
        assert given.min <= value <= given.max and (value - given.min) % (given.step or 1) == 0, value
