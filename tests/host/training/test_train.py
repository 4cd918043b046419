"""Training and measuring, seconds long, and its files in ComfyUI's own nodes."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from remembered import CHANNELS, SAMPLER, mode, world
from safetensors import safe_open
from safetensors.torch import load_file

CPU = torch.device("cpu")


def seen(pack, training, network, latents):
    """A path that stands still, and a memory that shows it ``latents`` ``(T, C, h, w)`` of mean 0 and deviation 1."""
    (T, _, h, w), core = latents.shape, pack.core
    known = torch.ones(T, h, w, dtype=torch.bool)
    readout = core.Readout(
        latents=network.network.model.model.latent_format.process_out(latents.transpose(0, 1)[None])[0].transpose(0, 1),
        known=known,
        depth=known.float(),
        point=known.long(),
        offset=torch.zeros(T, 2, h, w),
        scale=known.float(),
    )
    K = torch.tensor([[1.0, 0.0, 0.5], [0.0, w / h, 0.5], [0.0, 0.0, 1.0]])
    cameras = core.Cameras(torch.eye(4).repeat(4 * (T - 1) + 1, 1, 1), K)
    return core.LatentPath.of(cameras, training("ways").LATENTS, 16 * w, 16 * h), readout


def statistics_of(training, folder: Path):
    return training("decoder").statistics_of(training("decoder").load_codec(folder / "codec.safetensors"))


def weights(folder: Path) -> dict:
    return {name: load_file(folder / f"{name}.safetensors") for name in ("model", "branch")}


def assert_equal(one: dict, other: dict) -> None:
    for name in one:
        assert one[name].keys() == other[name].keys()
        for key, value in one[name].items():
            assert torch.equal(value, other[name][key]), f"{name} {key}"


def test_a_run_that_was_stopped_goes_on_bit_for_bit(training, run, trained, tmp_path, monkeypatch):
    train = training("train")
    clock = iter(float(n) for n in range(10_000))
    with monkeypatch.context() as patched:
        patched.setattr(training("fit").time, "monotonic", lambda: next(clock))  # a second passes with every look at it
        assert not train.train(run, tmp_path, CPU, seconds=6.0)
    stopped = torch.load(tmp_path / "state.pt", weights_only=True)["step"]
    assert 0 < stopped < run.steps
    assert train.train(run, tmp_path, CPU)
    assert_equal(weights(tmp_path), weights(trained))


def test_a_folder_of_another_network_is_refused(training, pack, run, trained):
    other = replace(run, shape=replace(run.shape, heads=2))
    with pytest.raises(
        pack.core.MirageError, match=r"must hold a network of Shape.*heads=2.*it holds one of .*heads=4"
    ):
        training("train").train(other, trained, CPU)


def test_a_batch_that_cuts_walks_in_two_is_refused(training, run):
    with pytest.raises(ValueError, match="batch must be a multiple of 2 windows; got 3"):
        replace(run, batch=3)


def test_matrices_can_be_multiplied_in_bfloat16(training, run, trained, tmp_path):
    assert training("train").train(replace(run, bfloat16=True), tmp_path, CPU)
    exact, rounded = weights(trained), weights(tmp_path)
    assert all(value.dtype == torch.float32 and value.isfinite().all() for value in rounded["model"].values())
    apart = [float((value - rounded["model"][key]).abs().max()) for key, value in exact["model"].items()]
    assert 0 < max(apart) < 0.05


def test_every_weight_learns(training, run, trained, tmp_path):
    training("network").write_new_network(
        run.shape, run.seed, tmp_path / "model.safetensors", tmp_path / "branch.safetensors"
    )
    before, after = weights(tmp_path), weights(trained)
    still = [
        f"{name} {key}"
        for name in before
        for key, value in before[name].items()
        # one token of text is attended to whatever is asked for; and attention ignores a shift of all keys
        if torch.equal(value, after[name][key])
        and not any(part in key for part in ("cross_attn", "norm3", "text_embedding", "self_attn.k.bias"))
    ]
    assert not still


def test_the_flow_is_learnt(training, run, trained):
    """On one batch, again and again, the loss falls to well below that of saying nothing."""
    network_module, train = training("network"), training("train")
    statistics = statistics_of(training, trained)
    network = network_module.Network.load(trained / "model.safetensors", trained / "branch.safetensors")
    sample = training("samples").Sample.batch(training("samples").walk_samples(3, run.samples, statistics))
    parameters = [one.requires_grad_(True) for module in network.modules for one in module.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=2e-3)
    weight, losses = train.channel_weights(statistics), []
    with network_module.training_mode():
        for _ in range(40):
            loss = train.flow_loss(network, sample, weight, train.step_generator(0, 1))
            loss.backward()
            optimiser.step()
            optimiser.zero_grad()
            losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]


def test_an_untrained_network_copies_what_is_remembered(training, pack, tmp_path, monkeypatch):
    network_module = training("network")
    files = tmp_path / "model.safetensors", tmp_path / "branch.safetensors"
    network_module.write_new_network(network_module.Shape(dim=256, ffn_dim=64, blocks=3, branch_blocks=2), 0, *files)
    ways = training("ways")
    monkeypatch.setattr(ways, "STEPS", 20)
    network = ways.Sampled(network_module.Network.load(*files))
    latents = torch.randn(3, 48, 8, 12, generator=torch.Generator().manual_seed(0))
    path, readout = seen(pack, training, network, latents)
    raw = readout.latents
    deviation = raw.std(dim=(0, 2, 3), keepdim=True)

    def apart(shown) -> float:
        """Mean squared error of new frames, of a variance of 1."""
        made = network.chunk(ways.WAYS["branch"], path, shown, raw[:1], seed=1)
        assert torch.equal(made[0], raw[0])
        return float(((made - raw) / deviation)[1:].square().mean())

    assert apart(readout) < 0.05
    forgotten = replace(readout, **{name: torch.zeros_like(getattr(readout, name)) for name in ("latents", "known")})
    assert apart(forgotten) > 0.9


@pytest.mark.parametrize("dim", [128, 192, 250])
def test_a_width_that_cannot_hold_a_patch_is_refused(training, dim):
    with pytest.raises(ValueError, match=rf"more than 192 and a multiple of twice the heads, 8; got {dim}"):
        training("network").Shape(dim=dim, heads=4)


def test_muon_takes_the_matrices_of_the_blocks(training, run, trained):
    network = training("network").Network.load(trained / "model.safetensors", trained / "branch.safetensors")
    modules = torch.nn.ModuleList(network.modules)
    muon, adam = training("train")._optimisers(modules, replace(run, muon=0.01))
    taken = [one for group in muon.param_groups for one in group["params"]]
    assert len(taken) > 20 and all(one.ndim == 2 for one in taken)
    count = len(taken) + sum(len(group["params"]) for group in adam.param_groups)
    assert count == len(list(modules.parameters()))


def test_noise_levels_are_spread_over_all_of_them(training):
    levels = training("train").noise_levels(64, torch.Generator().manual_seed(0))
    assert 0 <= float(levels.min()) < 0.1 and 0.95 < float(levels.max()) <= 1
    assert float(levels.median()) > 0.6  # shifted towards noise


def test_an_untrained_decoder_is_not_exported(training, pack, trained, tmp_path):
    with pytest.raises(pack.core.MirageError, match=r"codec\.safetensors: must have been trained; .* 0 steps"):
        training("export").export(trained, tmp_path, "mine")


def test_an_export_is_half_as_large_and_loads_as_it_was_trained(training, pack, run, trained, tmp_path):
    decoder, export, network = training("decoder"), training("export").export, training("network").Network
    run_folder = shutil.copytree(trained, tmp_path / "run")
    decoder.train_decoder(decoder.DecoderRun(2, run.samples.image_size, pictures=2), run_folder, CPU, 1000.0)
    files = export(run_folder, tmp_path / "models", "mine")
    places = ["diffusion_models/mine", "model_patches/mine_branch", "vae/mine_codec"]
    assert [str(file.relative_to(tmp_path / "models")) for file in files] == [f"{one}.safetensors" for one in places]
    before, after = weights(run_folder), {"model": load_file(files[0]), "branch": load_file(files[1])}
    for name, values in before.items():
        for key, value in values.items():
            assert torch.equal(after[name][key], value.half()), f"{name} {key}"
    assert_equal({"codec": load_file(run_folder / "codec.safetensors")}, {"codec": load_file(files[2])})
    loaded = network.load(files[0], files[1])
    assert loaded.shape == run.shape and loaded.branch.heads == run.shape.heads == 4
    assert loaded.branch.latents == "learned-codec-16"
    with safe_open(files[0], "pt") as file:
        assert file.metadata()["license"] == "Apache-2.0" and file.metadata()["steps"] == "6"


def test_a_branch_refuses_latents_that_it_was_not_trained_on(pack, training, trained):
    network = training("network").Network.load(trained / "model.safetensors", trained / "branch.safetensors")
    other = world(pack, CHANNELS["wan22_ti2v"], name="wan22")
    inputs = other.inputs(branch=network.branch, **mode("branch"), **SAMPLER)
    with pytest.raises(
        pack.core.MirageError, match=r"must hold learned-codec-16 latents, which .* trained on; it holds wan22"
    ):
        pack.node("Mirage_MemorySampler").execute(model=network.model, **inputs)


def test_the_averaged_weights_run_in_comfyuis_sampler(pack, trained):
    """*Load Diffusion Model*, *Load Mirage Branch* and *Memory-Conditioned Sampler* take the files as they are."""
    import folder_paths

    models = Path(folder_paths.models_dir)
    shutil.copy(trained / "model.safetensors", models / "diffusion_models" / "trained.safetensors")
    shutil.copy(trained / "branch.safetensors", models / "model_patches" / "trained_branch.safetensors")
    with torch.inference_mode():
        model = pack.model("trained")
        (branch,) = pack.node("Mirage_LoadBranch").execute("trained_branch.safetensors").result
        here = world(pack, CHANNELS["wan22_ti2v"])
        settings = mode("branch", score="mask, offset and scale")
        inputs = here.inputs(branch=branch, **settings, **SAMPLER)
        made = pack.node("Mirage_MemorySampler").execute(model=model, **inputs).result[0]["samples"]
        without = pack.node("Mirage_MemorySampler").execute(model=model, **{**inputs, "strength": 0.0})
    assert made.shape[1] == 48 and bool(made.isfinite().all())
    assert not torch.equal(made, without.result[0]["samples"])


def test_a_decoder_begins_as_the_inverse_transform_and_learns(training, pack, trained, run, tmp_path, monkeypatch):
    decoder, samples = training("decoder"), training("samples")
    shutil.copy(trained / "codec.safetensors", tmp_path)
    settings = decoder.DecoderRun(steps=100, image_size=run.samples.image_size, pictures=4, rate=0.003, ema=0.8)
    room, cameras = samples.walk_in_a_room(0, 4, settings.image_size)
    pictures, _ = room.seen(cameras, settings.image_size)
    latents = samples.encoded(pictures)
    new = decoder.load_codec(tmp_path / "codec.safetensors")

    def of_codec(coefficients):
        return new.scaled(coefficients.transpose(0, 1)[None])[0].transpose(0, 1)

    plain = pack.module("mirage_core.codec").PatchCodec(16).frames(latents.transpose(0, 1)[None])[0].permute(1, 2, 3, 0)
    torch.testing.assert_close(
        decoder.pictures_of(new, of_codec(latents)), plain.clamp(-1, 1) * 0.5 + 0.5, atol=1e-5, rtol=0
    )
    # of one room alone, so that seconds are enough
    monkeypatch.setattr(decoder, "walk_in_a_room", lambda seed, *about: samples.walk_in_a_room(0, *about))
    assert decoder.train_decoder(settings, tmp_path, CPU, 1000.0)
    learnt = decoder.load_codec(tmp_path / "codec.safetensors")
    for name in ("mean", "deviation", "model_mean", "model_deviation"):
        assert torch.equal(getattr(learnt, name), getattr(new, name))
    noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(0))
    worn = latents + 0.4 * noise * new.deviation[:, None, None]
    after, before = (
        float((decoder.pictures_of(some, of_codec(worn)) - pictures).square().mean()) for some in (learnt, new)
    )
    assert after < 0.8 * before


def test_points_of_a_learned_codec_are_drawn_in_about_their_colours(training, pack):
    decoder, samples = training("decoder"), training("samples")
    codec = decoder.new_codec(samples.Statistics.of_rooms((64, 96)))
    room, cameras = samples.walk_in_a_room(3, 4, (64, 96))
    pictures, _ = room.seen(cameras, (64, 96))
    latents = codec.scaled(samples.encoded(pictures).transpose(0, 1)[None])[0]  # (C, T, h, w)
    features = latents.flatten(1).T
    spec = pack.core.LatentSpec(48, 16, 4, codec.name)
    drawn = pack.module("nodes.host.formats").colours_of(spec, features)
    true = codec.mean_colours(features) * 0.5 + 0.5
    assert float((drawn - true).abs().mean()) < 0.1 < float((true - 0.5).abs().mean())
