"""Measuring whether a network remembers: every way as the nodes would have it, and the files that are written."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

ROOT = Path(__file__).parents[3]
FORGOTTEN = ("latents", "known", "depth", "offset", "scale")


@pytest.fixture(scope="module")
def ways(training):
    return training("ways")


@pytest.fixture(scope="module")
def files(training, trained) -> list[Path]:
    return [trained / name for name in training("train").FILES]


@pytest.fixture(scope="module")
def network(training, ways, files):
    return ways.Sampled(training("network").Network.load(*files[:2]))


@pytest.fixture(scope="module")
def held(training, run, files):
    codec = training("decoder").load_codec(files[2])
    return training("held_out").HeldOutWalk.of(1_000_000, run.samples, codec)


@pytest.fixture(scope="module")
def chunk(pack, held):
    """The second chunk of the walk, and what a memory of the first frames shows of it."""
    part = held.path.part(8, 17)
    readout = pack.core.splat(held.memory(1), part)
    assert 0.1 < float(readout.known.float().mean()) < 0.95
    return part, readout, held.latents[[2]]


@pytest.fixture
def made(ways, network, chunk, monkeypatch):
    """Latents of the chunk, made in a way; the memory shows its readout or another one."""
    monkeypatch.setattr(ways, "STEPS", 2)
    part, readout, first = chunk
    return lambda name, shown=readout: network.chunk(ways.WAYS[name], part, shown, first, seed=4)


def in_whole_patches(known: torch.Tensor) -> torch.Tensor:
    """Where all four tokens of a patch are known."""
    return known.unfold(1, 2, 2).unfold(2, 2, 2).all(dim=-1).all(dim=-1).repeat_interleave(2, 1).repeat_interleave(2, 2)


def test_all_ways_begin_with_the_frame_that_is_given_and_are_different(ways, made, chunk):
    # another room's memory is shown by the walk
    found = {name: made(name) for name, way in ways.WAYS.items() if not way.anothers}
    for one in found.values():
        assert torch.equal(one[0], chunk[2][0]) and bool(one.isfinite().all())
    names = [name for name in found if name != "branch, exact tokens kept"]  # there are none in this chunk
    assert all(not torch.equal(found[one], found[other]) for one in names for other in names if one < other)


@pytest.mark.parametrize("name", ["blend", "blend, branch at rest", "per-token", "per-token, branch at rest"])
def test_modes_without_training_copy_what_is_known(made, chunk, name):
    readout = chunk[1]
    known = (readout.known if "blend" in name else in_whole_patches(readout.known))[1:]
    assert bool(known.any()) and not bool(known.all())

    def apart(of: str) -> torch.Tensor:
        """``(T - 1, h, w)`` of the new frames, from what the memory shows."""
        return (made(of) - readout.latents)[1:].abs().amax(dim=1)

    assert float(apart(name)[known].max()) < 1e-3 < float(apart("branch")[known].min())


def test_a_branch_at_rest_is_one_whose_memory_shows_nothing(made, chunk):
    forgotten = replace(chunk[1], **{name: torch.zeros_like(getattr(chunk[1], name)) for name in FORGOTTEN})
    torch.testing.assert_close(made("without memory, branch at rest"), made("branch", forgotten))


def test_exact_tokens_are_kept_where_a_way_says_so(made, chunk, pack, training, ways, held):
    last = slice(4, 5)  # the frame that the chunk ends with
    memory = pack.core.LatentMemory(ways.LATENTS)
    memory = training("samples").remember(memory, held.latents[last], held.depth[last], held.path.views[last])
    readout = pack.core.splat(memory, chunk[0])
    assert bool(readout.exact[-1].all()) and bool((readout.known & ~readout.exact).any())

    def apart(name: str) -> torch.Tensor:
        return (made(name, readout) - readout.latents)[-1].abs().amax(dim=0)

    assert float(apart("branch, exact tokens kept").max()) < 1e-3 < float(apart("branch").min())


def test_another_rooms_memory_is_brought_to_where_the_walk_begins(pack, training, held):
    other = training("held_out").HeldOutWalk.of(held.seed + 1, held.settings, held.codec)
    begin, there = held.path.views[[0]], other.path.views[[0]]
    lens = replace(begin, K=there.K)
    ours = pack.core.splat(held.anothers_memory, lens, held.path.grid)
    theirs = pack.core.splat(other.memory(len(other.latents)), there, held.path.grid)
    assert not torch.allclose(begin.cam2world, there.cam2world, atol=0.1)
    same = (ours.point == theirs.point) & theirs.known
    assert float(same.float().mean()) > 0.9  # of some the cell is another by rounding


class Copying:
    """In place of a network: makes what it is shown, and notes with which noise."""

    def __init__(self):
        self.seeds = []

    def chunk(self, way, path, readout, first, seed):
        self.seeds.append(seed)
        return torch.cat([first, readout.latents[1:]])


def test_only_another_rooms_memory_shows_another_room(ways, held):
    own, anothers = Copying(), Copying()
    mine, theirs = (
        held.one_chunk(copying, ways.WAYS[name])
        for copying, name in ((own, "branch"), (anothers, "branch, another room's memory"))
    )
    assert mine.known == mine.splat == theirs.splat > theirs.known + 3
    walked, other = (
        held.made(copying, ways.WAYS[name], seed=2)
        for copying, name in ((own, "branch"), (anothers, "branch, another room's memory"))
    )
    loop = held.closed_loop(walked)
    assert loop.known == loop.splat and loop.last_known == loop.last_splat  # a copy of the splat is the splat
    assert held.closed_loop(other).last_against_first < loop.last_against_first - 3
    assert own.seeds == anothers.seeds and len(set(own.seeds)) == len(own.seeds) == 8


def test_modes_are_chosen_and_always_compared(ways, training):
    compared = ["without memory, branch at rest", "without memory", "branch, another room's memory"]
    assert list(ways.ways_of(("blend",))) == ["blend", "blend, branch at rest", *compared]
    assert list(ways.ways_of(ways.MODES)) == list(ways.WAYS)
    parser = training("command_line")._parser()
    assert parser.parse_args(["remember"]).modes == ways.MODES
    assert parser.parse_args(["remember", "--modes", "blend", "branch"]).modes == ["blend", "branch"]


def test_measuring_compares_the_ways_in_one_table_and_draws_sheets(training, ways, run, files, tmp_path, monkeypatch):
    remember = training("remember")
    monkeypatch.setattr(training("held_out"), "CHUNKS", 2)
    monkeypatch.setattr(ways, "STEPS", 2)
    report = remember.evaluate(files, run.samples, rooms=1, seeds=1, out=tmp_path, modes=("branch", "blend"))
    assert json.loads((tmp_path / "remember.json").read_text()) == report
    names = list(ways.ways_of(("branch", "blend")))
    assert list(report["closed loop"]) == list(report["one chunk"]) == names
    for name, one in report["one chunk"].items():
        assert one["splat"] == report["one chunk"]["branch"]["splat"]  # they are compared in the same tokens
        copies = name in ("blend", "blend, branch at rest")
        assert copies == (one["known"] == pytest.approx(one["splat"], abs=0.5)), name  # six steps teach nothing
    frames = 2 * (run.samples.frames - 1) + 1
    assert all(len(decibels) == frames for decibels in report["along the way"].values())
    rows = (tmp_path / "remember.md").read_text().splitlines()
    assert len(rows) == 2 + len(names) and f"{report['closed loop']['blend']['last_against_first']:.1f}" in rows[4]
    with Image.open(tmp_path / "along_the_way.png") as curve:
        assert len(curve.getcolors(1 << 20)) > 20  # lines in three colours, smoothed, on white
    with Image.open(tmp_path / "walk_00.png") as sheet:
        assert sheet.size == (9 * 96, (2 + len(names)) * 64)


@pytest.mark.parametrize("exported", [True, False])
def test_a_run_or_an_exported_model_is_measured(training, trained, tmp_path, monkeypatch, capsys, exported):
    import comfy.utils

    asked = []
    monkeypatch.setattr(comfy.utils, "PROGRESS_BAR_ENABLED", comfy.utils.PROGRESS_BAR_ENABLED)
    monkeypatch.setattr(training("remember"), "evaluate", lambda *given: asked.append(given))
    monkeypatch.setattr(training("remember"), "table", lambda report: "the table")
    folder = tmp_path if exported else trained
    options = ["--exported", "mirage_rooms"] if exported else []
    given = ["remember", *options, "--folder", f"{folder}", "--size", "cpu", "--seeds", "3", "--modes", "blend"]
    monkeypatch.setattr("sys.argv", ["training", *given, "--device", "cpu"])
    training("command_line").main()
    ((files, settings, *rest),) = asked
    assert all(file.is_file() for file in files)
    ends = ["rooms.safetensors", "rooms_branch.safetensors", "rooms_codec.safetensors"]
    assert [file.name for file in files] == (
        [f"mirage_{end}" for end in ends] if exported else [*training("train").FILES]
    )
    assert settings == training("train").SIZES["cpu"].samples and rest == [10, 3, folder / "remember", ["blend"]]
    assert f"the table\nin dB; more in {folder / 'remember'}" in capsys.readouterr().out


def test_the_card_shows_what_was_measured(training, ways):
    report = json.loads((ROOT / "training" / "sheets" / "remember.json").read_text())
    assert list(report["closed loop"]) == list(ways.WAYS)
    assert training("remember").table(report) in (ROOT / "nodes" / "assets" / "models" / "README.md").read_text()
    for readme in (ROOT / "README.md", ROOT / "training" / "README.md"):
        for way in ("branch", "branch, exact tokens kept", "without memory, branch at rest"):
            assert f"{report['closed loop'][way]['last_against_first']:.1f} dB" in readme.read_text(), (readme, way)
