"""Views to Memory in a real ComfyUI server: pictures and depth of any scale to one memory, and what it says."""

import numpy as np
import pytest
import torch
from comfy_server import ComfyError
from prompts import HEIGHT, WIDTH, call, info, run_and_keep

VIEWS = ("middle of the room", "a step back", "at the table")
SETTINGS = dict(encode="one by one", depth_fit="scale", policy="fill")


def batched(name, kind, first, *others, **names):
    """Nodes that join pictures of three nodes."""
    one, two = names["inputs"]
    prompt = {f"{name}0": call(kind, **{one: first, two: others[0]})}
    prompt[f"{name}"] = call(kind, **{one: [f"{name}0", 0], two: others[1]})
    return prompt


def scene():
    """Three pictures of one room as a batch, with the depth of each in a scale of its own."""
    prompt = {f"scene{n}": call("Mirage_SampleScene", view=view) for n, view in enumerate(VIEWS)}
    pictures = [[f"scene{n}", 0] for n in range(3)]
    prompt |= batched("pictures", "ImageBatch", *pictures, inputs=("image1", "image2"))
    geometries = {f"geometry{n}": [f"scene{n}", 1] for n in range(3)}
    prompt["geometry"] = call("MirageTest_Views", **geometries, scales="1, 0.5, 2")
    prompt["vae"] = call("Mirage_PatchCodec", patch="16")
    return prompt


def views(prompt, **inputs):
    given = {"pictures": ["pictures", 0], "vae": ["vae", 0], "geometry": ["geometry", 0], **SETTINGS, **inputs}
    given = {name: value for name, value in given.items() if value is not None}
    prompt = {**prompt, "views": call("Mirage_ViewsToMemory", **given)}
    return {**prompt, "info": info(["views", 0]), "text": call("PreviewAny", source=["views", 2])}


def report(server, prompt):
    return server.run(prompt)["outputs"]["text"]["text"][0]


def test_photographs_of_a_room_come_to_one_scale(server):
    prompt = views(scene())
    text = report(server, prompt)
    lines = text.splitlines()
    assert "3 of 3 written; the memory holds" in lines[0]
    assert "picture 0: depth as it is; it gives the scale" in lines[1]
    assert "scale 2.0" in lines[2] or "scale 1.9" in lines[2]
    assert "by the memory" in lines[2] and "residual" in lines[2]
    assert "scale 0.5" in lines[3] or "scale 0.4" in lines[3]
    kept = run_and_keep(server, prompt, "views", geometry=["views", 1])
    true = {**prompt, "true": call("MirageTest_Views", **{f"geometry{n}": [f"scene{n}", 1] for n in range(3)})}
    expected = run_and_keep(server, true, "true", geometry=["true", 0])
    both = kept["valid"] & expected["valid"]
    assert kept["depth"].shape == (3, HEIGHT, WIDTH) and both.float().mean() > 0.4
    for ours, theirs, where in zip(kept["depth"], expected["depth"], both, strict=True):
        assert float((ours / theirs - 1.0)[where].abs().median()) < 0.05
    torch.testing.assert_close(kept["cam2world"], expected["cam2world"])


def write_model(folder, kept):
    """A COLMAP model of the three pictures, with sparse points where the depth camera saw something."""
    g = torch.Generator().manual_seed(0)
    K = kept["K"] * torch.tensor([WIDTH, HEIGHT, 1.0])[:, None]
    cameras, images, points = [], [], []
    for n, (depth, cam2world) in enumerate(zip(kept["depth"], kept["cam2world"], strict=True), start=1):
        focal = [float(K[n - 1, i, j]) for i, j in ((0, 0), (1, 1), (0, 2), (1, 2))]
        cameras.append(f"{n} PINHOLE {WIDTH} {HEIGHT} " + " ".join(map(str, focal)))
        world2cam = torch.linalg.inv(cam2world.double()).numpy()
        w = np.sqrt(max(1.0 + np.trace(world2cam[:3, :3]), 0.0)) / 2.0
        xyz = [world2cam[i, j] - world2cam[j, i] for i, j in ((2, 1), (0, 2), (1, 0))]
        images.append(
            f"{n} {w} {' '.join(str(x / (4.0 * w)) for x in xyz)} {' '.join(map(str, world2cam[:3, 3]))} {n} {n}.png\n"
        )
        rows, columns = depth.nonzero()[torch.randperm(int((depth > 0).sum()), generator=g)[:80]].T
        pixels = torch.stack([columns + 0.5, rows + 0.5, torch.ones(80)], dim=1)
        local = (pixels @ torch.linalg.inv(K[n - 1]).T) * depth[rows, columns, None]
        world = local @ cam2world[:3, :3].T + cam2world[:3, 3]
        points += [f"{len(points) + k} {x} {y} {z} 0 0 0 1 {n} 0" for k, (x, y, z) in enumerate(world.tolist())]
    folder.mkdir()
    for name, lines in (("cameras", cameras), ("images", images), ("points3D", points)):
        (folder / f"{name}.txt").write_text("\n".join(lines) + "\n")


def test_sparse_points_of_colmap_give_every_picture_its_scale(server):
    prompt = scene()
    true = {**prompt, "true": call("MirageTest_Views", **{f"geometry{n}": [f"scene{n}", 1] for n in range(3)})}
    expected = run_and_keep(server, true, "true", geometry=["true", 0])
    write_model(server.base / "input" / "room", expected)
    loaded = call("Mirage_LoadCameraPath", file="room/images.txt", format="auto", frames=0, scale=3.0)
    prompt["load"], prompt["found"] = loaded, call("PreviewAny", source=["load", 1])
    prompt["moge"] = call("MirageTest_MogeOfGeometry", geometry=["geometry", 0], scale=0.2)
    packet = {"source__moge_geometry": ["moge", 0], "source__farthest": 0, "cameras": ["load", 0]}
    prompt["scenes"] = call("Mirage_SceneGeometry", source="MoGe", **packet)
    made = views(prompt, geometry=["scenes", 0], points=["load", 2])
    outputs = server.run(made)["outputs"]
    assert "sparse points: 240 in all pictures, at least 80 in each" in outputs["found"]["text"][0]
    lines = outputs["text"]["text"][0].splitlines()
    for line, scale in zip(lines[1:], (15.0, 30.0, 7.5), strict=True):  # three times the world, a fifth of the depth
        assert f"scale {scale:.3f} by sparse points, 80 compared, residual 0.0%" in line
    kept = run_and_keep(server, made, "views", geometry=["views", 1])
    where = kept["valid"] & expected["valid"]
    torch.testing.assert_close(kept["depth"][where], 3.0 * expected["depth"][where], rtol=1e-3, atol=0)
    loaded["inputs"]["frames"] = 5
    outputs = server.run({"load": loaded, "found": prompt["found"]})["outputs"]
    assert "sparse points: left out, as frames is not 0" in outputs["found"]["text"][0]


def test_a_clip_is_encoded_as_one_video(server_models):
    prompt = scene()
    prompt["vae"] = call("VAELoader", vae_name="wan21_vae.safetensors")
    prompt["five"] = call("RepeatImageBatch", image=["scene0", 0], amount=5)
    prompt["depths"] = call("MirageTest_Views", **{f"geometry{n}": ["scene0", 1] for n in range(5)})
    clip = dict(pictures=["five", 0], geometry=["depths", 0], depth_fit="none")
    lines = report(server_models, views(prompt, encode="as a clip", **clip)).splitlines()
    assert "2 of 2 written" in lines[0] and lines[1].startswith("video frame 0: depth as it is")
    assert lines[2].startswith("video frame 4: depth as it is") and "gives the scale" not in "".join(lines)
    lines = report(server_models, views(prompt, **clip)).splitlines()
    assert "5 of 5 written" in lines[0] and lines[5].startswith("picture 4")
    prompt["four"] = call("ImageFromBatch", image=["five", 0], batch_index=0, length=4)
    prompt["depths"] = call("MirageTest_Views", **{f"geometry{n}": ["scene0", 1] for n in range(4)})
    with pytest.raises(ComfyError, match=r"pictures \(encode: as a clip\): must be 1 \+ 4 n video frames"):
        server_models.run(views(prompt, encode="as a clip", **clip | {"pictures": ["four", 0]}))


def test_cameras_and_a_depth_model_serve_as_well(server):
    prompt = scene()
    prompt["cameras"] = call("MirageTest_CamerasOf", geometry=["geometry", 0])
    prompt["model"] = call("MirageTest_MogeModel")
    given = dict(geometry=None, cameras=["cameras", 0], moge_model=["model", 0], max_residual=10.0, tolerance=10.0)
    lines = report(server, views(prompt, **given)).splitlines()
    assert "3 of 3 written" in lines[0] and "sky" in lines[1]  # a wall at 4 units, sky above it
    prompt["cut"] = call("ImageCrop", image=["pictures", 0], width=WIDTH, height=288, x=0, y=32)
    text = report(server, views(prompt, pictures=["cut", 0], **given))
    assert f"taken as those of larger pictures, of which {WIDTH} x 288 pixels were cut from the middle" in text


def test_what_a_mask_names_stays_out(server):
    prompt = {**scene(), "mask": call("SolidMask", value=1.0, width=WIDTH, height=HEIGHT)}
    prompt["left"] = call("CropMask", mask=["mask", 0], x=0, y=0, width=WIDTH // 2, height=HEIGHT)
    prompt["nothing"] = call("SolidMask", value=0.0, width=WIDTH, height=HEIGHT)
    given = dict(destination=["nothing", 0], source=["left", 0], x=0, y=0, operation="add")
    prompt["half"] = call("MaskComposite", **given)
    h, w = HEIGHT // 16, -(-WIDTH // 32)  # tokens that the left half of the picture touches
    lines = report(server, views(prompt, exclude=["half", 0])).splitlines()
    assert all(f"excluded {h * w}" in line for line in lines[1:])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"geometry": None}, "geometry, cameras: connect geometry, or else cameras and one of moge_model"),
        ({"cameras": ["cameras", 0]}, "geometry: brings cameras and depth of its own"),
        ({"pictures": ["scene0", 0]}, r"geometry: must be one per picture, 1; got 3"),
    ],
)
def test_what_is_missing_or_too_much_is_said(server, change, words):
    prompt = {**scene(), "cameras": call("MirageTest_CamerasOf", geometry=["geometry", 0])}
    with pytest.raises(ComfyError, match=words):
        server.run(views(prompt, **change))
