from importlib.util import find_spec

import pytest
import torch

# Triton decides when it is first imported whether its kernels are compiled or interpreted: here on the CPU, interpreted
if find_spec("triton") is not None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRITON_INTERPRET", "1")
        from mirage_core.splatting import triton_kernels  # noqa: F401


@pytest.fixture(scope="session")
def pose():
    """A function from a rotation vector (radians) and a position to ``cam2world`` ``(4, 4)``."""

    def build(turn, position):
        x, y, z = turn
        skew = torch.tensor([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]], dtype=torch.float64)
        cam2world = torch.eye(4)
        cam2world[:3, :3] = torch.linalg.matrix_exp(skew).float()
        cam2world[:3, 3] = torch.tensor(position)
        return cam2world

    return build
