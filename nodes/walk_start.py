"""What a walk begins with: a picture, or a clip with its cameras."""

from torch import Tensor

from ..mirage_core import Cameras, LatentPath, LatentSpec, MirageError
from ..mirage_core.walk import WalkState
from .host.latents import latent_frames
from .host.steering.request import Request
from .host.steering.sound import separated

SAME_PLACE, SAME_TURN = 2.0**-7, 2.0**-7  # of scene units or of the way so far; of the entries of a rotation


def path_from_clip(clip: Cameras | None, cameras: Cameras) -> Cameras:
    """The cameras of a whole walk: those of a clip, and a path that goes on from the last of them.

    Raises:
        MirageError: the path begins elsewhere.
    """
    if clip is None:
        return cameras
    end, begin = clip.cam2world[-1], cameras.cam2world[0].to(clip.cam2world)
    apart = float((end[:3, 3] - begin[:3, 3]).norm())
    reach = float((clip.centers - clip.centers[:1]).norm(dim=1).max())
    if apart > SAME_PLACE * max(1.0, reach) or float((end[:3, :3] - begin[:3, :3]).abs().max()) > SAME_TURN:
        raise MirageError(
            "cameras: must begin where start_cameras end, as the walk goes on from there; their positions are "
            f"{apart:.3g} scene units apart, and the pictures may be turned. Let the path begin with the last of "
            "start_cameras, or disconnect start_cameras and connect the cameras of the whole walk."
        )
    return Cameras.concatenated([clip, cameras[1:].to(clip.cam2world.device)]) if len(cameras) > 1 else clip


def start_latents(vae: object, latent: dict | None, pictures: Tensor | None, size: tuple[int, int]) -> Tensor:
    """The encoded start, as a LATENT holds it.

    Args:
        latent, pictures: one of them; pictures are encoded as one video.
        size: ``(H, W)`` pixels of the video.
    """
    if (latent is None) == (pictures is None):
        both = "both are" if latent is not None else "neither is"
        raise MirageError(f"start, start_picture: connect one of them; {both} connected.")
    if latent is not None:
        samples, _, sound, _ = separated(latent)
        if sound is not None:
            raise MirageError(
                "start: must be the encoded start picture or clip, without sound. Connect the sound to sound."
            )
        return samples
    if tuple(pictures.shape[1:3]) != size:
        raise MirageError(
            f"start_picture: must be of the size of the video, {size[1]} x {size[0]}; "
            f"got {pictures.shape[2]} x {pictures.shape[1]}. Scale and cut it first."
        )
    return vae.encode(pictures[..., :3])


def begin_state(request: Request, clip: Cameras | None) -> WalkState:
    """A walk before its first chunk.

    Args:
        clip: cameras of the start, which the path begins with, if they came by themselves.

    Raises:
        MirageError: the start does not fit the memory's latents, the path or ``clip``.
    """
    memory, path = request.memory, request.path
    frames = latent_frames(request.start, memory.spec.channels)  # (T, C, h, w)
    _check_start(frames, memory.spec, path, clip)
    return WalkState(frames.float().cpu(), memory.to("cpu"))  # the loop is light; ComfyUI's models do the work


def _check_start(frames: Tensor, spec: LatentSpec, path: LatentPath, clip: Cameras | None) -> None:
    (h, w), count = path.grid, len(frames)
    if tuple(frames.shape[2:]) != (h, w):
        raise MirageError(
            f"start: must have {w} x {h} tokens, as width and height say; got {frames.shape[3]} x {frames.shape[2]}. "
            f"Encode a start picture of {w * spec.spatial} x {h * spec.spatial}."
        )
    video = path.timing.frames_of(count)
    if count > 1:
        path.timing.check("start (its latent frames, as video)", video)
        if count >= len(path):
            raise MirageError(
                f"cameras: must be those of the start and of the walk behind it, more than {video} video frames; got "
                f"{len(path.video)}, and nothing is left to make. Connect a longer path, or the cameras of the clip to "
                "start_cameras."
            )
    if clip is not None and len(clip) != video:
        raise MirageError(
            f"start_cameras: must be one per video frame of the start, {video} of its {count} latent "
            f"frame{'s' if count > 1 else ''}; got {len(clip)}."
        )
