"""Conditioning the next chunk on what was seen: latent memory against RGB point cloud, after 1 to 5 chunks.

Latent: lift the tokens of the new latent frames, insert with fill, splat into the nine latent frames of the next chunk.
RGB: lift the pixels of the same frames, splat into its 33 video frames, encode with the Wan 2.2 VAE (own architecture,
random weights: time does not depend on their values). Everything else of a chunk is the same for both. Depth is given.
"""

import torch
from common import Asked, seconds
from memories import CHUNK, STRIDE, Footage, LatentSide, RgbSide, loop_path, wan22_vae

PICTURE = {"cpu": (176, 320), "cuda": (704, 1280)}  # on a CPU a sixteenth of the published pixels
CHUNKS = 5
PUBLISHED = {  # arXiv 2606.09828, at 704 x 1280: after five chunks, of the latent memory and of RGB memories
    "latent": {"seconds_per_frame": 0.25, "mib": 2.25},
    "rgb": {"seconds_per_frame": [2.9, 7.6], "mib": [44, 124]},
}


def run(asked: Asked) -> dict:
    picture = (64, 96) if asked.quick else PICTURE[asked.device]
    chunks = 2 if asked.quick else CHUNKS
    footage = Footage(picture, asked.device)
    latent, rgb = LatentSide(footage), RgbSide(footage, wan22_vae(asked))
    path = loop_path(chunks + 1, footage.tokens)
    rows = []
    for chunk in range(chunks):
        begin = chunk * (CHUNK - 1)
        made = path[begin : begin + CHUNK][::STRIDE][0 if chunk == 0 else 1 :]
        ahead = path[begin + CHUNK - 1 : begin + 2 * CHUNK - 1]
        geometry, tokens = footage.geometry(made), footage.latents(len(made))
        with torch.inference_mode():
            latent_memory, rgb_memory = latent.inserted(geometry, tokens), rgb.inserted(geometry)
            calls = {
                "latent_write": lambda g=geometry, t=tokens: latent.inserted(g, t),
                "latent_read": lambda m=latent_memory, a=ahead: latent.condition(m, a),
                "rgb_write": lambda g=geometry: rgb.inserted(g),
                "rgb_read_and_encode": lambda m=rgb_memory, a=ahead: rgb.condition(m, a),
            }
            took = seconds(calls, asked.device, 5 if asked.on_gpu else 1)
        latent.memory, rgb.memory = latent_memory, rgb_memory
        of_latent = took["latent_write"] + took["latent_read"]
        of_rgb = took["rgb_write"] + took["rgb_read_and_encode"]
        rows.append(
            {
                "chunks": chunk + 1,
                **{f"{name}_s": round(value, 4) for name, value in took.items()},
                "latent_s_per_frame": round(of_latent / CHUNK, 5),
                "rgb_s_per_frame": round(of_rgb / CHUNK, 4),
                "times_faster": round(of_rgb / of_latent, 1),
                "latent_mib": round(latent.nbytes / 2**20, 3),
                "rgb_mib": round(rgb.nbytes / 2**20, 2),
                "times_smaller": round(rgb.nbytes / latent.nbytes, 1),
            }
        )
    return {"picture": picture, "rows": rows, "published": PUBLISHED}
