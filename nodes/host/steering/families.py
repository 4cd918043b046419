"""How a memory can enter the models of each family that ComfyUI knows: one table, and all else is read off it.

What a class does with noise masks and picture channels is from ComfyUI's ``model_base.py``; what its published weights
were trained on is from their cards. The order of a family's modes is judged by that: what comes closest to its training
is first; "blend", which needs none, stands before what the weights would have to make out by themselves.
"""

from dataclasses import dataclass

# What a noise mask of ComfyUI tells the network beside keeping what it covers.
NOTHING = "nothing"
FRAME = "frame"  # the timestep of each latent frame, by the mean of its mask; the network takes one per token too
WHOLE = "whole frame"  # the timestep of each latent frame likewise, and no other: a frame is known all over, or not
TOKEN = "token"  # the timestep of each token
CHANNEL = "channel"  # a channel of the input, or latents that enter clean

# How a network is told the frames that a video begins with.
BY_MASK = "mask"  # the noise mask, which is kept
BY_PICTURE = "picture"  # ``concat_latent_image`` and ``concat_mask``
BY_LEADING = "leading frames"  # ``time_dim_replace`` and ``concat_mask``
BY_KEYFRAME = "keyframe"  # ``minimax_keyframes``: clean tokens at the time of their frame
BY_CONTEXT = "context"  # ``ar_config``: frames that a causal network has read before it makes the next ones
HELD = "held"  # not at all: they are put back after each step

# Where guides stand: tokens beside those of the video, each at the time of its frame.
BEHIND = "behind"  # as frames behind those of the video
ROWS = "rows"  # as rows before those of the video

# What stands in picture channels where nothing is given.
GREY_CLIP = "grey"  # a grey clip, encoded
MEAN = "mean"  # zeros in the model's own space
ZEROS = "zeros"  # zeros in the scale of the VAE


@dataclass(frozen=True)
class Picture:
    """Channels in which a network is shown a picture, by ComfyUI's ``concat_latent_image``.

    Attributes:
        unknown: what stands where nothing is given.
        masked: other channels, by ``concat_mask``, say what is given.
        after_control: those of a control video stand before it, as many as a latent has.
        mask_index: of ``concat_mask`` among the channels.
        of_latent: unless it is told what to show, ComfyUI shows all of the latent that is sampled.
        in_place: it has no channels of its own: clean tokens stand where the noise of those that are made would.
    """

    unknown: str = GREY_CLIP
    masked: bool = True
    after_control: bool = False
    mask_index: int = 0
    of_latent: bool = False
    in_place: bool = False


@dataclass(frozen=True)
class Family:
    """One family.

    Attributes:
        entries: modes that fit its models, beside those of a patch that is connected; "auto" takes the first.
        mask: what a noise mask tells the network.
        start: how the network is told the frames that the video begins with.
        picture: its picture channels.
        guides: where guides stand, empty if it takes none.
        inside: modes that work inside the network, which is then left uncompiled, see compiling.py.
        sound_channels: of its sound latents; 0 = it makes no sound.
        sound_axis: of these, the axis of time.
        needs_sound: it makes no video without.
        cameras: it is told the camera of every video frame, by ``camera_conditions``.
        begins_with_reference: its first latent frame is a reference picture, and the video begins with the second.
        of_frames: it was trained with whole frames only: remembered tokens that it is told are also pulled to.
        refusal: why no memory can steer it.
    """

    entries: tuple[str, ...] = ("blend",)
    mask: str = NOTHING
    start: str = HELD
    picture: Picture | None = None
    guides: str = ""
    inside: tuple[str, ...] = ()
    sound_channels: int = 0
    sound_axis: int = 0
    needs_sound: bool = False
    cameras: bool = False
    begins_with_reference: bool = False
    of_frames: bool = False
    refusal: str = ""


# What has no entry of its own. A text can make a Wan text-to-video model Bernini, by ``context_latents``: whole videos
# and pictures that it was trained to edit. No mask says what is unknown of them, so that a splat with holes would be a
# video of holes: none is added.
PLAIN = Family()

# Families whose models differ by the input channels that they have beside those of the latent. Wan:
WAN_PICTURES = {
    20: Family(("concat", "blend"), picture=Picture()),  # image-to-video, Fun-InP
    32: Family(("concat", "blend"), picture=Picture(MEAN, masked=False, after_control=True)),  # Fun-Control
    36: Family(("concat", "blend"), picture=Picture(MEAN, after_control=True, mask_index=16)),  # 2.2's
}
# Fun-Camera, likewise: 2.1 and 2.2.
CAMERA_PICTURES = {
    16: Family(("blend", "concat"), start=BY_PICTURE, picture=Picture(MEAN, masked=False), cameras=True),
    20: Family(("concat", "blend"), picture=Picture(), cameras=True),
}
# Wan models of 48 latent channels, likewise.
WAN22_PICTURES = {
    0: Family(("per-token", "blend"), mask=FRAME, start=BY_MASK),  # Wan2.2-TI2V-5B
    52: Family(("concat", "per-token", "blend"), mask=FRAME, start=BY_MASK, picture=Picture()),  # Fun-5B-InP
    100: Family(  # Fun-5B-Control
        ("concat", "per-token", "blend"),
        mask=FRAME,
        start=BY_MASK,
        picture=Picture(MEAN, after_control=True, mask_index=48),
    ),
}

BY_CHANNELS = {
    "WAN21_Camera": CAMERA_PICTURES,
    "WAN22": WAN22_PICTURES,
    "CosmosVideo": {1: Family(("blend", "per-token"), mask=CHANNEL, start=BY_MASK)},
    "CosmosPredict2": {1: Family(("blend", "per-token"), mask=WHOLE, start=BY_MASK, of_frames=True)},
    "CogVideoX": {16: Family(start=BY_PICTURE, picture=Picture(MEAN, masked=False))},
}

FAMILIES = {
    "LTXV": Family(("per-token", "guides", "blend"), mask=TOKEN, start=BY_MASK, guides=BEHIND),
    "LTXAV": Family(
        ("per-token", "guides", "blend"), mask=TOKEN, start=BY_MASK, guides=BEHIND, sound_channels=8, sound_axis=2
    ),
    "MiniMaxH3": Family(
        ("blend", "guides"),
        start=BY_KEYFRAME,
        guides=ROWS,
        inside=("guides",),
        sound_channels=32,
        sound_axis=3,
        needs_sound=True,
    ),
    "WAN21_Vace": Family(("vace", "blend")),
    "WAN21_CausalAR": Family(start=BY_CONTEXT),
    "WAN21_SCAIL2": Family(("per-token", "blend"), mask=CHANNEL, start=BY_MASK),
    "WAN22_Animate": Family(("concat", "blend"), picture=Picture(), begins_with_reference=True),
    "WAN21_HuMo": PLAIN,  # it has picture channels, and writes over them
    "HunyuanVideoI2V": Family(start=BY_PICTURE, picture=Picture(MEAN, of_latent=True)),
    "HunyuanVideoSkyreelsI2V": Family(start=BY_PICTURE, picture=Picture(MEAN, masked=False, of_latent=True)),
    "HunyuanVideo15": Family(("blend", "concat"), start=BY_PICTURE, picture=Picture(ZEROS), of_frames=True),
    "Kandinsky5": Family(
        ("blend", "concat"),
        start=BY_LEADING,
        picture=Picture(MEAN, in_place=True),
        inside=("concat",),
        of_frames=True,
    ),
    "HunyuanVideo15_SR_Distilled": Family(refusal="makes a video larger that is there already"),
    "HunyuanImage21Refiner": Family(refusal="refines a picture that is there already"),
    "SD_X4Upscaler": Family(refusal="makes a picture larger that is there already"),
    "SeedVR2": Family(refusal="restores a video that is there already"),
}
FROM_PICTURES = ("IMG_TO_IMG", "IMG_TO_IMG_FLOW")  # model types: FlowRVS finds objects in a video, Lotus its depth


def family_of(name: str, model_type: str, beside: int | None) -> Family:
    """The family of a model.

    Args:
        name: of ComfyUI's class; those of Wan begin with WAN.
        model_type: ComfyUI's name for what it predicts.
        beside: input channels of the network beside those of the latent; None: it does not say.
    """
    if model_type in FROM_PICTURES:
        return Family(refusal="works on pictures that are there already")
    if name in FAMILIES:
        return FAMILIES[name]
    by_channels = BY_CHANNELS.get(name, WAN_PICTURES if name.startswith("WAN") else {})
    return by_channels.get(beside, PLAIN)
