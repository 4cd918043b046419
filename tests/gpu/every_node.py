"""Every node once, in a ComfyUI that was started one way on a pretend GPU: `python every_node.py START HOST MODELS`.

HOST is a ComfyUI checkout, MODELS a folder that `.ci/tiny_models.py` filled. Prints what failed, and exits with 1 if
anything did.
"""

import logging
import shutil
import sys
import tempfile
import traceback
import warnings
from contextlib import nullcontext
from itertools import product
from pathlib import Path
from unittest import mock

(START, HOST, MODELS), sys.argv = (sys.argv[1], *map(Path, sys.argv[2:4])), sys.argv[:1]  # ComfyUI reads them too
PACK = Path(__file__).parents[2]

sys.path.extend(map(str, (PACK / "tests" / "host", PACK / ".ci")))  # the tiny models of its tests

import torch  # noqa: E402
from pretend_host import pretend_host  # noqa: E402

H, W, FRAMES = 96, 160, 9
WALK = dict(chunk_frames=5, depth_fit="scale", budget=0.0, save_as="", keep_from="", keep_chunks=0, preceding=2)
SAMPLER = dict(seed=3, steps=2, cfg=3.0, sampler_name="euler", scheduler="simple", denoise=1.0)
MODEL_OF = {"taew22": "wan22_ti2v", "wan21_vae": "wan21_t2v"}
SHAPES = """{"format": "mirage-memory-shapes", "version": 1, "shapes": [
    {"kind": "sphere", "does": "lock", "center": [0, 0, 2], "radius": 1},
    {"kind": "lasso", "does": "keep", "cam2world": [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]],
     "K": [[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]], "polygon": [[0, 0], [0.6, 0], [0.6, 1], [0, 1]]}]}"""
MODES = {"taew22": ("per-token", "blend", "branch"), "wan21_vae": ("uni3c", "blend")}


class Run:
    def __init__(self, nodes, gpu, room):
        self.nodes, self.gpu, self.room, self.failed, self.count = nodes, gpu, room, [], 0

    def fail(self, line):
        if line not in self.failed:
            print(line, flush=True)  # noqa: T201 - at once: a run that is stopped has told what it found
        self.failed.append(line)

    def node(self, name, may_refuse="", **inputs):
        """Outputs of a node of the pack, None where it fails, or refuses in the given words."""
        self.count += 1
        try:
            made = self.nodes.NODE_CLASS_MAPPINGS[f"Mirage_{name}"].execute(**inputs).result
            if self.gpu.unwaited:
                raise AssertionError(f"nobody waits for {self.gpu.unwaited}")
            return made
        except Exception as error:  # noqa: BLE001 - whatever it is, it is reported
            if may_refuse and may_refuse in str(error):
                return None
            lines = [frame for frame in traceback.extract_tb(error.__traceback__) if str(PACK) in frame.filename]
            where = " < ".join(f"{Path(line.filename).relative_to(PACK)}:{line.lineno}" for line in lines[:-4:-1])
            self.fail(f"{name}: {type(error).__name__}: {str(error)[:160]} ({where})")
            return None
        finally:
            self.gpu.unwaited.clear()


def geometries(run, sample, inter):
    """The sample's depth by every way that depth comes in."""
    depth, K = sample.depth, sample.cameras.K
    picture = (1.0 / depth.clamp(min=0.5)).clamp(max=1)[..., None].expand(-1, -1, -1, 3).to(inter)
    yield sample
    for device in ("cpu", run.gpu.device):
        packet = {"depth": depth.to(device), "intrinsics": K.to(device), "mask": sample.valid.to(device)}
        yield run.node("SceneGeometry", source={"source": "MoGe", "moge_geometry": packet, "farthest": 0.0})[0]
        packet = {"depth": depth.to(device), "sky": torch.zeros_like(depth).to(device)}
        source = {"source": "Depth Anything 3", "da3_geometry": packet, "field_of_view": 60.0, "farthest": 0.0}
        yield run.node("SceneGeometry", source=source)[0]
    source = {"source": "depth picture", "depth": picture, "field_of_view": 60.0, "far": 4.0}
    yield run.node("SceneGeometry", source=source)[0]


def remember(run, vae, image, sample, inter):
    """Lift in every way, and a memory made of all of them."""
    latent = run.nodes.VAEEncode().encode(vae, image)[0]
    from_file = {"samples": latent["samples"].cpu()}  # as ComfyUI loads it
    memory = None
    for number, (geometry, given) in enumerate(product(geometries(run, sample, inter), (latent, from_file))):
        mask = torch.zeros(1, H, W).to(inter) if number % 3 else None
        lifted = run.node("LiftLatents", latent=given, geometry=geometry, vae=vae, exclude=mask, edge=0.3)
        if lifted is None:
            continue
        devices = {column.device for column in lifted[0].block.columns.values()}
        if len(devices) > 1:
            run.fail(f"LiftLatents: a block on {devices}")
        if memory is not None:
            settings = {"depth_fit": "scale", "max_residual": 10.0, "tolerance": 10.0}
            run.node("AlignGeometry", "too little in common", geometry=geometry, memory=memory, **settings)
        for policy, store in (("append", "as it comes"), ("fill", "int8"), ("refresh", "bfloat16")):
            made = run.node(
                "LatentMemoryCache", points=lifted[0], memory=memory, policy=policy, store=store, budget=0.0, voxel=0.0
            )
            memory = made[0] if made is not None and policy == "append" else memory
    for encode, count in (("one by one", 2), ("as a clip", FRAMES)):
        views = {
            "pictures": image.repeat(count, 1, 1, 1),
            "geometry": sample[[0] * count],
            "vae": vae,
            "encode": encode,
        }
        for known in (None, memory):
            run.node("ViewsToMemory", **views, depth_fit="scale", policy="fill", memory=known, exclude=mask)
    return latent, memory


def look_around(run, vae, inter):
    """A small panorama, and its distances, wherever ComfyUI has them."""
    picture, value = torch.rand(1, 32, 64, 3), torch.full((1, 32, 64, 3), 0.4)
    mask = torch.zeros(1, 32, 64)
    mask[:, :8] = 1.0
    layout, size = {"layout": "at the horizon", "views": 2}, {"width": W, "height": H}
    for device in ("cpu", inter):
        source = {"source": "distance picture", "distance": value.to(device), "far": 5.0}
        given = {"picture": picture.to(inter), "source": source, "vae": vae, "layout": layout, "field_of_view": 75.0}
        made = run.node("PanoramaToViews", **given, **size, exclude=mask.to(device))
        if made is not None:
            run.node("LatentMemoryCache", points=made[0], policy="fill", budget=0.0, voxel=0.0)


def read(run, vae, sample, memory):
    """Everything that reads or changes a memory."""
    move = {"move": "truck", "amount": 0.2}
    cameras = run.node("CameraPath", geometry=sample, frames=FRAMES, easing="linear", return_to_start=True, move=move)[
        0
    ]
    view = {"memory": memory, "cameras": cameras, "width": W, "height": H}
    run.room.reset_mock()
    for store, footprint in product(("float32", "float16", "int8"), (True, False)):
        run.node("WarpLatents", **{**view, "memory": memory.stored_as(store)}, footprint=footprint)
    if not run.room.called:
        run.fail("WarpLatents: ComfyUI was not asked for room on the GPU")
    run.node("PreviewWalk", **view)
    preview = run.node("PreviewWalk", **view, vae=vae)
    run.node("RenderMemoryPreview", **view, vae=vae, unknown="black")
    if preview is not None:
        frames = preview[1]
        walk = {"frames": frames, "cameras": cameras[list(range(len(frames)))]}
        other = {f"other_{name}": value for name, value in walk.items()}
        run.node("LoopClosure", **walk, distance=0.05, angle=3.0)
        run.node("LoopClosure", **walk, **other, distance=0.05, angle=3.0)
    run.node("MemoryInfo", memory=memory)
    run.node("MemoryToPointCloud", memory=memory)
    run.node("CameraPathEditor", geometry=sample, memory=memory, frames=FRAMES, path="")
    run.node("CropMemory", memory=memory, keep=True, by={"by": "frames", "first_frame": 0, "last_frame": 0})
    (painted,) = run.node("CropMemory", memory=memory, keep=True, by={"by": "shapes", "shapes": SHAPES}) or (memory,)
    run.node("MergeMemories", memory=painted, other=memory, voxel=0.05)
    run.node("PreviewMemory", memory=painted, geometry=sample)
    run.node("MemoryBrush", memory=memory, shapes=SHAPES)
    run.node("PathToWanCamera", cameras=cameras, width=W, height=H, scale=1.0)
    saved = run.node("SaveLatentMemory", memory=memory, filename_prefix="memory")
    (loaded,) = run.node("LoadLatentMemory", file=saved[0])
    run.node("MergeMemories", memory=memory, other=loaded, voxel=0.05)
    run.node("MergeMemories", memory=loaded, other=memory, voxel=0.05)
    return view


def sample_and_walk(run, name, vae, latent, image, view):
    model = run.nodes.UNETLoader().load_unet(f"{MODEL_OF[name]}.safetensors", "default")[0]
    generator = torch.Generator().manual_seed(0)
    text = [[torch.randn(1, 7, 4096, generator=generator).to(image.device), {}]]
    extras = {"per-token": {}, "blend": {}}
    if name == "taew22" and (branch := run.node("LoadBranch", file="branch.safetensors")):
        extras["branch"] = {"branch": branch[0], "vae": vae}
    if name == "wan21_vae":
        loader = run.nodes.NODE_CLASS_MAPPINGS["ModelPatchLoader"]()
        extras["uni3c"] = {"uni3c": loader.load_model_patch("uni3c.safetensors")[0]}
    ways = ((0.0, 1.0, {"start": latent}), (0.2, 0.7, {"start_picture": image}))
    for mode, (start, end, begin) in product([mode for mode in MODES[name] if mode in extras], ways):
        score = {"score": "mask, offset and scale"} if mode == "branch" else {}
        settings = {"mode": {"mode": mode, "start_percent": start, "end_percent": end, **score}}
        given = {
            "model": model,
            "positive": text,
            "negative": text,
            **view,
            **settings,
            "strength": 1.0,
            **extras[mode],
        }
        run.node("MemorySampler", **given, **SAMPLER, keep_exact=start > 0)
        run.node("SceneWalk", **{**given, "vae": vae}, **SAMPLER, **WALK, **begin, policy="fill", references=4)


def sample_with_sound(run, core, inter):
    """LTX-2 and MiniMax H3, with latents as ComfyUI loads them, and as its nodes make them."""
    from comfy.nested_tensor import NestedTensor
    from families import ltx_with_sound, minimax_h3, short_texts

    for build, spec, frames, sound, width in (
        (ltx_with_sound, core.LatentSpec(128, 32, 8, "ltx"), 17, (1, 8, 5, 16), 64),
        (minimax_h3, core.LatentSpec(24, 16, 4, "minimax_h3", 5), 22, (1, 32, 2, 37), 32),
    ):
        model, size = build(), (H // spec.spatial, W // spec.spatial)
        cameras = core.Cameras.at_origin(60.0, (H, W))
        picture = torch.randn(1, spec.channels, *size)
        points = core.lift(picture, core.Geometry(torch.full((1, H, W), 2.0), cameras))
        memory = core.LatentMemory(spec).insert(points, cameras=cameras)
        path = core.Cameras(cameras.cam2world.expand(frames, 4, 4), cameras.K[0])
        given = {"model": model, "memory": memory, "cameras": path, "width": W, "height": H, "strength": 1.0}
        for mode, place in product(("auto", "blend", "guides"), ("cpu", inter)):
            texts = {name: [[text[0][0].to(inter), text[0][1]]] for name, text in short_texts(width=width).items()}
            start = NestedTensor((picture[:, :, None].to(place), torch.zeros(sound).to(place)))
            settings = {"mode": {"mode": mode, "start_percent": 0.0, "end_percent": 1.0}, "start": {"samples": start}}
            run.node("MemorySampler", **given, **texts, **settings, **SAMPLER)


def main() -> int:
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    with pretend_host(HOST, Path(tempfile.mkdtemp()), [PACK], START, str(PACK)) as (nodes, gpu), torch.inference_mode():
        import comfy.model_management
        import comfy.utils
        import folder_paths

        comfy.utils.PROGRESS_BAR_ENABLED = False
        shutil.copytree(MODELS, folder_paths.models_dir, dirs_exist_ok=True)
        memory_management = comfy.model_management
        room = mock.patch.object(memory_management, "free_memory", wraps=memory_management.free_memory).start()
        run, inter = Run(nodes, gpu, room), memory_management.intermediate_device()
        image, sample = run.node("SampleScene", view="middle of the room")
        image, sample = image.to(inter)[:, :H, :W], sample.cropped(0, 0, H, W)
        (codec,) = (PACK / "nodes" / "assets" / "models" / "vae").glob("*.safetensors")
        vaes = {"codec": run.node("PatchCodec", patch="8")[0], "learned": run.node("LoadCodec", file=codec.name)[0]}
        vaes |= {name: nodes.VAELoader().load_vae(f"{name}.safetensors")[0] for name in MODEL_OF}
        package = nodes.NODE_CLASS_MAPPINGS["Mirage_WarpLatents"].__module__.removesuffix(".nodes.warp")
        splatting = sys.modules[f"{package}.mirage_core.splatting"]
        plain_torch = mock.patch.object(splatting, "runs_triton", lambda device: False)
        for name, vae in vaes.items():
            try:  # interpreted, the kernels take minutes: they read one of the four memories, plain torch the others
                with plain_torch if name != "codec" else nullcontext():
                    latent, memory = remember(run, vae, image, sample, inter)
                    look_around(run, vae, inter)
                    view = read(run, vae, sample, memory)
                    if name != "codec":
                        pictures = {"pictures": image, "geometry": sample}
                        run.node("RenderMemoryPreview", **view, vae=vae, unknown="green", **pictures)
                    if name in MODEL_OF:
                        sample_and_walk(run, name, vae, latent, image, view)
            except Exception as error:  # noqa: BLE001
                run.fail(f"{name}: {type(error).__name__}: {str(error)[:200]}")
            memory_management.unload_all_models()
        sample_with_sound(run, sys.modules[f"{package}.mirage_core"], inter)
        print(f"{START}: {run.count} nodes run, {len(run.failed)} failed, {sum(gpu.calls.values())} calls on the GPU")  # noqa: T201
        return int(bool(run.failed))


if __name__ == "__main__":
    sys.exit(main())
