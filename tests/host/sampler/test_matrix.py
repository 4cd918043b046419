"""Every family of video models in every mode, through Memory-Conditioned Sampler."""

from dataclasses import replace

import pytest
import torch
from every_family import EVERY
from expected_of_families import FORMATS, PULLED, ROWS, UNI3C
from look import Look, assert_same, patches
from remembered import SAMPLER, empty, settings, world

MODES = ("branch", "vace", "concat", "per-token", "guides", UNI3C, "blend")
STEERED = {name: row for name, row in ROWS.items() if not row.refused}
REFUSED = {name: row for name, row in ROWS.items() if row.refused}


class Tiny:
    """A family's tiny model in a world whose latents it makes."""

    def __init__(self, pack, extras, name: str):
        self.pack, self.row, (build, self.texts) = pack, ROWS[name], EVERY[name]
        self.model = build()
        channels, others = FORMATS[self.row.latents]
        self.here = world(pack, channels, name=self.row.latents, **others)
        self.connected = {**extras["uni3c"], "branch": extras["branch"]["branch"]}
        vae = {"wan21": extras["vace"], "wan22": extras["branch"]}.get(self.row.latents, {})
        self.inputs = {key: value for key, value in vae.items() if key == "vae"}

    def made(self, mode="auto", **others):
        """The video ``(1, C, T, h, w)`` of Memory-Conditioned Sampler, and the mode that it says."""
        patch = {key: value for key, value in self.connected.items() if key == mode}
        given = {**SAMPLER, "steps": 2, **self.inputs, **patch, **settings(mode), **self.texts(), **others}
        output = self.pack.node("Mirage_MemorySampler").execute(model=self.model, **self.here.inputs(**given))
        video = output.result[0]["samples"]
        return self.as_video(video), output.ui["mirage_conditioning"][0]["mode"]

    def plain(self):
        """The video of ComfyUI's KSampler, from an empty latent."""
        nothing = empty(self.model, self.here)
        latent = {"samples": nothing if self.video else nothing[0].transpose(0, 1)}
        if self.row.latents == "minimax_h3":
            node = self.pack.host_nodes.NODE_CLASS_MAPPINGS["EmptyMiniMaxH3LatentAV"]
            (latent,) = node.execute(160, 96, len(self.here.cameras)).result
        texts = self.texts()
        sampler = {**SAMPLER, "steps": 2}
        names = ("seed", "steps", "cfg", "sampler_name", "scheduler")
        arguments = (*(sampler[name] for name in names), texts["positive"], texts["negative"], latent)
        return self.as_video(self.pack.host_nodes.KSampler().sample(self.model, *arguments)[0]["samples"])

    @property
    def video(self) -> bool:
        return self.model.get_model_object("latent_format").latent_dimensions == 3

    @property
    def known(self):
        return self.here.known

    def other(self):
        """The same memory with other latents in it."""
        (block,) = self.here.memory.blocks
        return replace(self.here.memory, blocks=(replace(block, features=-block.features),))

    def as_video(self, samples):
        video = samples.unbind()[0] if samples.is_nested else samples
        return video if video.ndim == 5 else video.transpose(0, 1)[None]


@pytest.fixture(scope="module")
def tiny(request, pack, extras):
    with torch.inference_mode():
        return Tiny(pack, extras, request.param)


def every(rows):
    return pytest.mark.parametrize("tiny", list(rows), indirect=True, scope="module")


def every_mode(possible: bool):
    pairs = [(name, mode) for name, row in STEERED.items() for mode in MODES if (mode in row.modes) is possible]
    return pytest.mark.parametrize("tiny, mode", pairs, indirect=["tiny"], scope="module")


def test_no_family_is_left_out():
    assert set(ROWS) == set(EVERY)


@every(STEERED)
def test_strength_0_is_the_plain_model(tiny):
    mode = "blend" if tiny.row.auto == "refused" else "auto"
    made, _ = tiny.made(mode, strength=0.0)
    assert torch.isfinite(made).all() and torch.equal(made, tiny.plain())


@every(STEERED)
def test_auto_is_what_was_trained_for(tiny):
    if tiny.row.auto == "refused":
        with pytest.raises(tiny.pack.core.MirageError, match="mode auto: must not choose"):
            tiny.made()
    else:
        assert tiny.made(steps=1, cfg=1.0)[1] == tiny.row.auto


@every(REFUSED)
@pytest.mark.parametrize("strength", [1.0, 0.0])
def test_what_no_memory_can_steer_is_refused(tiny, strength):
    for mode in ("auto", *MODES):
        words = tiny.row.refused if mode in ("auto", "blend") else r"^\S.*: .+\.$"
        with pytest.raises(tiny.pack.core.MirageError, match=words):
            tiny.made(mode, strength=strength)


@every_mode(possible=False)
def test_a_mode_that_is_none_of_the_model_is_refused_in_words(tiny, mode, monkeypatch):
    import comfy.samplers

    monkeypatch.setattr(comfy.samplers.KSampler, "sample", lambda *_, **__: pytest.fail("it went on to sample"))
    words = r"must be attached to|its number of context" if mode == "branch" else f"mode {mode}: .* can choose: "
    with pytest.raises(tiny.pack.core.MirageError, match=words):
        tiny.made(mode)


@every_mode(possible=True)
def test_a_memory_arrives_and_matters(tiny, mode, monkeypatch):
    seen, look = tiny.row.modes[mode], Look(tiny, monkeypatch)
    made, chosen = tiny.made(mode)
    assert chosen == mode and torch.isfinite(made).all() and made.shape == tiny.here.splat.shape
    if seen.kept:
        assert_same(made, tiny.here.splat, patches(tiny.known) if seen.told == "patch" else tiny.known)
    look.assert_seen(seen, tiny.here.splat, tiny.known)
    other, _ = tiny.made(mode, memory=tiny.other())
    apart = (made - other)[0][:, tiny.known if seen == PULLED else ~tiny.known]
    assert apart.abs().max() > 1e-5


@every(STEERED)
@pytest.mark.parametrize("strength", [1.0, 0.0])
def test_a_start_is_kept_and_told(tiny, strength, monkeypatch):
    start = torch.zeros_like(tiny.here.splat)
    start[:, :, 0] = torch.randn(start[:, :, 0].shape, generator=torch.Generator().manual_seed(9))
    first, look = torch.zeros_like(tiny.known), Look(tiny, monkeypatch)
    first[0] = True
    samples = start[:, :, :1] if tiny.video else start[0, :, :1].transpose(0, 1)
    mode = "blend" if tiny.row.auto == "refused" else "auto"
    made, _ = tiny.made(mode, start={"samples": samples}, strength=strength)
    assert_same(made, start, first)
    if strength == 0:
        look.assert_seen(tiny.row.alone or tiny.row.start, start, first)
        return
    both = tiny.known | first if tiny.row.auto != "blend" else first  # the memory shows the rest
    look.assert_seen(tiny.row.start, torch.where(first, start, tiny.here.splat), both)
