"""A remembered wall, half of it, and a tiny model that walks past: for tests inside ComfyUI's own process."""

import importlib
from dataclasses import dataclass, field

import torch
from torch import Tensor

FRAMES, T = 9, 3  # video frames, latent frames
SPATIAL = {4: 8, 12: 8, 16: 8, 24: 16, 32: 16, 48: 16, 128: 32}  # pixels per token by latent channels
MODELS = {
    "per-token": "wan22_ti2v",
    "vace": "wan21_vace",
    "concat": "wan22_i2v_high",
    "uni3c": "wan21_t2v",
    "branch": "wan22_ti2v",
    "blend": "wan21_t2v",
}
CHANNELS = {"wan22_ti2v": 48}  # the others have 16
WALK_SAMPLER = dict(seed=3, steps=2, cfg=1.0, sampler_name="euler", scheduler="simple", denoise=1.0)
WALK = dict(
    chunk_frames=9,
    depth_fit="scale",
    policy="fill",
    budget=0.0,
    save_as="",
    keep_from="",
    keep_chunks=0,
    preceding=2,
    references=4,
)
SAMPLER = dict(seed=3, steps=3, cfg=3.0, sampler_name="euler", scheduler="simple", denoise=1.0)


class Pack:
    """This pack as ComfyUI has loaded it."""

    def __init__(self, host_nodes):
        self.host_nodes = host_nodes
        self.package = self.node("Mirage_ApplyMemory").__module__.removesuffix(".nodes.sampler")
        self.core = self.module("mirage_core")

    def node(self, node_id: str):
        return self.host_nodes.NODE_CLASS_MAPPINGS[node_id]

    def module(self, name: str):
        return importlib.import_module(f"{self.package}.{name}")

    def model(self, name: str, dtype: str = "default"):
        return self.host_nodes.UNETLoader().load_unet(f"{name}.safetensors", dtype)[0]

    def vae(self, name: str):
        return self.host_nodes.VAELoader().load_vae(f"{name}.safetensors")[0]


@dataclass
class World:
    """The left two thirds of a wall, seen from a camera that moves to the right."""

    memory: object
    cameras: object
    size: tuple[int, int]  # of the video, (H, W)
    readout: object = field(repr=False)

    @property
    def known(self) -> Tensor:
        """bool ``(T, h, w)``."""
        return self.readout.known

    @property
    def splat(self) -> Tensor:
        """``(1, C, T, h, w)``, raw VAE scale."""
        return self.readout.latents.transpose(0, 1).unsqueeze(0)

    def inputs(self, **others) -> dict:
        """Of Apply Memory to Model, without the model."""
        H, W = self.size
        given = {"memory": self.memory, "cameras": self.cameras, "width": W, "height": H, "strength": 1.0}
        return {**given, "positive": text(1), "negative": text(2), **mode("auto"), **others}


def world(
    pack: Pack,
    channels: int,
    tokens: tuple[int, int] = (6, 10),
    name: str = "",
    temporal: int = 4,
    frames: int = FRAMES,
    clip: int = 0,
) -> World:
    core, (h, w), spatial = pack.core, tokens, SPATIAL[channels]
    H, W = h * spatial, w * spatial
    K = torch.tensor([[0.8, 0.0, 0.5], [0.0, 0.8 * W / H, 0.5], [0.0, 0.0, 1.0]])
    cam2world = torch.eye(4).repeat(frames, 1, 1)
    cam2world[:, 0, 3] = torch.linspace(0.0, 0.6, frames)
    cameras = core.Cameras(cam2world, K)
    depth = torch.full((1, H, W), 2.0)
    depth[:, :, W * 2 // 3 :] = 0.0  # no depth
    latents = torch.randn(1, channels, h, w, generator=torch.Generator().manual_seed(0))
    block = core.lift(latents, core.Geometry(depth, cameras[[0]]))
    spec = core.LatentSpec(channels, spatial, temporal, name, clip)
    memory = core.LatentMemory(spec).insert(block, cameras=cameras[[0]])
    readout = core.splat(memory, core.LatentPath.of(cameras, spec, W, H))
    share = readout.known.float().mean()
    assert 0.2 < share < 0.8 and not torch.equal(readout.known[0], readout.known[-1])
    return World(memory, cameras, (H, W), readout)


def text(seed: int, batch: int = 1) -> list:
    """A CONDITIONING."""
    generator = torch.Generator().manual_seed(seed)
    return [[torch.randn(batch, 7, 4096, generator=generator), {}]]


def texts_with(**values) -> dict:
    """Both texts, which bring these values too."""
    return {"positive": [[text(1)[0][0], dict(values)]], "negative": [[text(2)[0][0], dict(values)]]}


def mode(name: str, start_percent: float = 0.0, end_percent: float = 1.0, **settings) -> dict:
    """The dynamic choice as ComfyUI hands it to a node."""
    return {"mode": {"mode": name, "start_percent": start_percent, "end_percent": end_percent, **settings}}


def first(here):
    """A LATENT of the start picture, as far as the memory shows it."""
    return {"samples": here.splat[:, :, :1]}


def empty(model, here: World, batch: int = 1) -> Tensor:
    """Latents that the model sees as zeros: the format's mean."""
    return model.model.latent_format.process_out(torch.zeros_like(here.splat).repeat(batch, 1, 1, 1, 1))


def normal(model, latents: Tensor) -> Tensor:
    """Latents in the model's own space."""
    return model.model.latent_format.process_in(latents)


def settings(name: str, **others) -> dict:
    """The dynamic choice with every setting of the mode."""
    return mode(name, **({"score": "white clip"} if name == "branch" else {}), **others)


class Captured:
    """What a network is called with, call after call; the network answers as always."""

    def __init__(self, model, monkeypatch):
        self.calls: list[dict] = []
        network = model.get_model_object("diffusion_model")
        original = network.forward_orig

        def forward_orig(x, t, context, *args, freqs=None, **kwargs):
            options = kwargs["transformer_options"]
            call = {"x": x.clone(), "t": t.clone(), "freqs": freqs, "options": options, **kwargs}
            self.calls.append({name: one.cpu() if isinstance(one, Tensor) else one for name, one in call.items()})
            self.calls[-1]["sigma"] = float(options["sigmas"][0])
            return original(x, t, context, *args, freqs=freqs, **kwargs)

        monkeypatch.setattr(network, "forward_orig", forward_orig)

    @property
    def first(self) -> dict:
        return self.calls[0]
