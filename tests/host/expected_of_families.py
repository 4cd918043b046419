"""What a memory is to do in every family of video models, written down apart from the pack's own table.

From ComfyUI's source and the cards of the models: which modes are possible, which one auto takes, and where a network
sees what is known.
"""

from dataclasses import dataclass

FORMATS = {  # channels, and what else a world needs
    "": (4, {"temporal": 1, "frames": 3}),
    "ltx": (128, {"temporal": 8, "frames": 17}),
    "minimax_h3": (24, {"clip": 5, "frames": 22}),
    "hunyuanvideo": (16, {}),
    "hunyuanvideo15": (32, {}),
    "cogvideox": (16, {}),
    "cosmos1": (16, {"temporal": 8, "frames": 17}),
    "mochi": (12, {"temporal": 6, "frames": 13}),
    "wan21": (16, {}),
    "wan22": (48, {}),
}
UNI3C = "uni3c"  # where a Wan model has room for the patch


@dataclass(frozen=True)
class Seen:
    """Where a network sees what is known.

    Attributes:
        first: channel of its input from which on the known latents stand clean.
        mask: channels that are 1 where they do, and 0 elsewhere.
        told: its timesteps are 0 there, of each "token", "patch" of 2 x 2, or "frame".
        by: another way: "vace", "branch", "uni3c", "in_place" of noise, "behind" or "rows" as guides, "keyframe".
        kept: known tokens of the result are those of the memory.
    """

    first: int | None = None
    mask: range = range(0)
    told: str = ""
    by: str = ""
    kept: bool = False


@dataclass(frozen=True)
class Row:
    """What is to be expected of a family.

    Attributes:
        latents: their format.
        auto: the mode that it takes.
        modes: that are possible, and where each is seen.
        start: where a start is seen, in mode auto.
        alone: at strength 0, if not there too.
        refused: what is said where no memory can steer it.
    """

    latents: str
    auto: str
    modes: dict[str, Seen]
    start: Seen = Seen(kept=True)
    alone: Seen | None = None
    refused: str = ""


PULLED = Seen(kept=True)
BLEND = {"blend": PULLED}
ANY_WAN = {**BLEND, UNI3C: Seen(by=UNI3C)}
BRANCH = {"branch": Seen(by="branch")}
TOKENS = Seen(0, told="token", kept=True)
PATCHES = Seen(0, told="patch", kept=True)
FRAME = Seen(0, told="frame", kept=True)
PICTURE = Seen(20, range(16, 20))
OWN_SAMPLER = "CogVideoX needs one of its own"
LTX = {**BLEND, "per-token": TOKENS, "guides": Seen(by="behind")}
IMAGE = Row("wan21", "concat", {**ANY_WAN, "concat": PICTURE}, PICTURE, PULLED)

ROWS = {
    "LTX-Video": Row("ltx", "per-token", LTX, TOKENS),
    "LTX-2": Row("ltx", "per-token", LTX, TOKENS),
    "MiniMax H3": Row("minimax_h3", "blend", {**BLEND, "guides": Seen(by="rows")}, Seen(by="keyframe", kept=True)),
    "HunyuanVideo": Row("hunyuanvideo", "blend", BLEND),
    "HunyuanVideo I2V": Row("hunyuanvideo", "blend", BLEND, Seen(16, range(32, 33), kept=True)),
    "SkyReels I2V": Row("hunyuanvideo", "blend", BLEND, Seen(16, kept=True)),
    "HunyuanVideo 1.5": Row(
        "hunyuanvideo15",
        "blend",
        {**BLEND, "concat": Seen(32, range(64, 65), kept=True)},
        Seen(32, range(64, 65), kept=True),
    ),
    "HunyuanVideo 1.5 SR": Row("hunyuanvideo15", "blend", {}, refused="HunyuanVideo15_SR_Distilled makes a video larg"),
    "Kandinsky 5": Row(
        "hunyuanvideo",
        "blend",
        {**BLEND, "concat": Seen(mask=range(32, 33), by="in_place", kept=True)},
        Seen(mask=range(32, 33), by="in_place", kept=True),
    ),
    "CogVideoX": Row("cogvideox", "blend", {}, refused=OWN_SAMPLER),
    "CogVideoX 5B": Row("cogvideox", "blend", {}, refused=OWN_SAMPLER),
    "CogVideoX I2V": Row("cogvideox", "blend", {}, refused=OWN_SAMPLER),
    "CogVideoX 1.5 I2V": Row("cogvideox", "blend", {}, refused=r"cameras: must be 5 \+ 8 n video frames"),
    "CogVideoX Fun, VOID": Row("cogvideox", "blend", {}, refused=r"cameras: must be 5 \+ 8 n video frames"),
    "Cosmos": Row("cosmos1", "blend", BLEND),
    "Cosmos I2V": Row(
        "cosmos1",
        "blend",
        {**BLEND, "per-token": Seen(0, range(16, 17), kept=True)},
        Seen(0, range(16, 17), kept=True),
    ),
    "Cosmos Predict2": Row("wan21", "blend", BLEND),
    "Cosmos Predict2 I2V": Row(  # of this world it sees no frame as a whole
        "wan21",
        "blend",
        {**BLEND, "per-token": PULLED},
        Seen(0, range(16, 17), told="frame", kept=True),
    ),
    "Mochi": Row("mochi", "blend", BLEND),
    "Stable Video Diffusion": Row("", "blend", BLEND),
    "SV3D_u": Row("", "blend", BLEND),
    "SV3D_p": Row("", "blend", BLEND),
    "Wan T2V": Row("wan21", "blend", ANY_WAN),
    "Wan T2V, Phantom": Row("wan21", "blend", ANY_WAN),
    "Wan 2.1 I2V": IMAGE,
    "Wan 2.1 FLF2V": IMAGE,
    "Wan 2.2 I2V, Fun-InP": IMAGE,
    "Wan 2.1 Fun-Control": Row("wan21", "concat", {**ANY_WAN, "concat": Seen(32)}, Seen(32), PULLED),
    "Wan 2.1 Fun-Control 1.1": Row("wan21", "concat", {**ANY_WAN, "concat": Seen(32)}, Seen(32), PULLED),
    "Wan 2.2 Fun-Control": Row(
        "wan21",
        "concat",
        {**ANY_WAN, "concat": Seen(36, range(32, 36))},
        Seen(36, range(32, 36)),
        PULLED,
    ),
    "Wan2.2-TI2V-5B": Row("wan22", "per-token", {**BLEND, **BRANCH, "per-token": PATCHES}, PATCHES, FRAME),
    "Wan 2.2 Fun-5B-InP": Row(
        "wan22",
        "concat",
        {**BLEND, "per-token": PATCHES, "concat": Seen(52, range(48, 52), told="patch", kept=True)},
        Seen(52, range(48, 52), told="patch", kept=True),
        FRAME,
    ),
    "Wan 2.2 Fun-5B-Control": Row(
        "wan22",
        "concat",
        {**BLEND, "per-token": PATCHES, "concat": Seen(100, range(96, 100), told="patch", kept=True)},
        Seen(100, range(96, 100), told="patch", kept=True),
        FRAME,
    ),
    "Wan 2.1 Fun-Camera": Row("wan21", "blend", {**ANY_WAN, "concat": Seen(16)}, Seen(16)),
    "Wan 2.2 Fun-Camera": IMAGE,
    "Wan VACE": Row("wan21", "vace", {**ANY_WAN, "vace": Seen(by="vace")}, Seen(by="vace"), PULLED),
    "HuMo 17B": Row("wan21", "blend", ANY_WAN),
    "HuMo 1.7B": Row("wan21", "blend", ANY_WAN),
    "Wan 2.2 S2V": Row("wan21", "blend", ANY_WAN),
    "Wan 2.2 Animate": Row("wan21", "refused", {**ANY_WAN, "concat": PICTURE}),
    "FlowRVS": Row("wan21", "blend", {}, refused="WAN21_FlowRVS works on pictures that are there already"),
    "SCAIL": Row("wan21", "blend", ANY_WAN),
    "SCAIL-2": Row(
        "wan21",
        "per-token",
        {**ANY_WAN, "per-token": Seen(0, range(16, 20), kept=True)},
        Seen(0, range(16, 20), kept=True),
    ),
    "WanDancer": IMAGE,
    "Wan causal": Row("wan21", "blend", ANY_WAN),
}
