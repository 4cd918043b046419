"""Whole chunks, end to end: the shape of Wan2.2-TI2V-5B with random weights, conditioned by latent or by RGB memory.

20 steps without CFG, as published, and decoding, which both need; then what conditioning.py times. The ratio is what
the paper calls 10.57x. On a CPU one chunk would take hours: not run there.
"""

import torch
from common import CHANNELS, NOT_RUN, Asked, seconds
from memories import CHUNK, STRIDE, Footage, LatentSide, RgbSide, host, loop_path, wan22_vae

STEPS = 20
PICTURE = (704, 1280)
TI2V_5B = {"dim": 3072, "ffn_dim": 14336, "num_heads": 24, "num_layers": 30}
SMALL = {"dim": 64, "ffn_dim": 128, "num_heads": 4, "num_layers": 2}
PUBLISHED = 10.57


def transformer(asked: Asked) -> torch.nn.Module:
    host(asked)
    import comfy.ops
    from comfy.ldm.wan.model import WanModel

    dtype = torch.bfloat16 if asked.on_gpu else torch.float32
    model = WanModel(
        model_type="t2v",
        in_dim=CHANNELS,
        out_dim=CHANNELS,
        text_dim=4096,
        **(SMALL if asked.quick else TI2V_5B),
        device=asked.device,
        dtype=dtype,
        operations=comfy.ops.disable_weight_init,
    )
    generator = torch.Generator(asked.device).manual_seed(0)
    for parameter in model.parameters():  # ComfyUI leaves weights empty
        parameter.data.normal_(0.0, 0.02, generator=generator)
    return model.eval().requires_grad_(False)


def run(asked: Asked) -> dict:
    if not asked.on_gpu and not asked.quick:
        return {"status": f"{NOT_RUN}: needs a CUDA GPU", "published_times_faster": PUBLISHED}
    picture, chunks, steps = ((64, 96), 1, 2) if asked.quick else (PICTURE, 5, STEPS)
    footage = Footage(picture, asked.device)
    model, vae = transformer(asked), wan22_vae(asked)
    latent, rgb = LatentSide(footage), RgbSide(footage, vae)
    dtype = next(model.parameters()).dtype
    noise = torch.randn(1, CHANNELS, 1 + (CHUNK - 1) // STRIDE, *footage.tokens, device=asked.device, dtype=dtype)
    text = torch.zeros(1, 512, 4096, device=asked.device, dtype=dtype)

    def denoise():
        x = noise
        for step in range(steps):
            time = torch.full((1,), 1000.0 * (1 - step / steps), device=asked.device)
            x = x - model(x, time, text) / steps
        return x

    path, rows = loop_path(chunks + 1, footage.tokens), []
    with torch.inference_mode():
        shared = seconds({"denoise": denoise, "decode": lambda: vae.decode(noise)}, asked.device, 2)
        for chunk in range(chunks):
            begin = chunk * (CHUNK - 1)
            made = path[begin : begin + CHUNK][::STRIDE][0 if chunk == 0 else 1 :]
            ahead = path[begin + CHUNK - 1 : begin + 2 * CHUNK - 1]
            geometry, tokens = footage.geometry(made), footage.latents(len(made))
            calls = {
                "latent": lambda g=geometry, t=tokens, a=ahead: latent.condition(latent.inserted(g, t), a),
                "rgb": lambda g=geometry, a=ahead: rgb.condition(rgb.inserted(g), a),
            }
            took = seconds(calls, asked.device, 3)
            latent.memory, rgb.memory = latent.inserted(geometry, tokens), rgb.inserted(geometry)
            common = shared["denoise"] + shared["decode"]
            rows.append(
                {
                    "chunks": chunk + 1,
                    **{f"{name}_s": round(value, 4) for name, value in {**shared, **took}.items()},
                    "times_faster": round((common + took["rgb"]) / (common + took["latent"]), 2),
                }
            )
    return {"status": "run", "picture": picture, "steps": steps, "rows": rows, "published_times_faster": PUBLISHED}
