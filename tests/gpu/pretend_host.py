"""ComfyUI as it starts on a machine with a GPU, in this process, around a ``PretendGPU``.

ComfyUI decides at import what machine it runs on: this comes before anything of it is imported, once per process.
"""

import asyncio
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest import mock

from cuda_answers import cuda_functions
from pretend_gpu import PretendGPU
from safetensors import safe_open

STARTS = {  # how users start it: arguments, and whether weights come through the dynamic loader
    "default": ({}, False),
    "dynamic": ({}, True),  # what ComfyUI does on NVIDIA
    "gpu-only": ({"gpu_only": True}, False),
    "lowvram": ({"lowvram": True}, False),
    "fp16-intermediates": ({"fp16_intermediates": True}, False),
    "bf16": ({"bf16_unet": True}, False),
    "fp16": ({"fp16_unet": True}, False),
    "cpu-vae": ({"cpu_vae": True}, False),
    "novram": ({"novram": True}, False),
    "fp32": ({"fp32_unet": True, "fp32_vae": True}, False),
    "gpu-only fp32": ({"gpu_only": True, "fp32_unet": True, "fp32_vae": True}, False),
    "dynamic fp32": ({"fp32_unet": True, "fp32_vae": True}, True),
}


@contextmanager
def pretend_host(host: Path, base: Path, packs: list[Path], start: str = "default", root: str = ""):
    """Start ComfyUI; gives its ``nodes`` module and the GPU, which is entered."""
    assert "comfy.model_management" not in sys.modules, "ComfyUI is imported already"
    arguments, dynamic = STARTS[start]
    sys.path.insert(0, str(host))
    with ExitStack() as stack:
        stack.enter_context(mock.patch.multiple("torch.cuda", **cuda_functions()))
        import comfy.cli_args

        given = {"cpu": False, "base_directory": str(base), "disable_pinned_memory": True, **arguments}
        for name, value in given.items():
            setattr(comfy.cli_args.args, name, value)
        import comfy.quant_ops  # kernels of its own, in CUDA and Triton

        for backend in ("cuda", "triton"):
            comfy.quant_ops.ck.registry.disable(backend)
        if dynamic:
            stack.enter_context(_dynamic_loader())
        gpu = stack.enter_context(PretendGPU(root=root))
        import comfy.model_management

        import nodes

        assert comfy.model_management.get_torch_device() == gpu.device

        async def load() -> None:
            await nodes.init_public_apis()
            for extra in ("nodes_wan.py", "nodes_model_patch.py", "nodes_lt.py", "nodes_minimax_h3.py"):
                assert await nodes.load_custom_node(str(host / "comfy_extras" / extra), module_parent="comfy_extras")
            for pack in packs:
                assert await nodes.load_custom_node(str(pack))

        asyncio.run(load())
        yield nodes, gpu


class _Room:
    """Stands for a model's room on the GPU: no weight stays in it."""

    def __init__(self, size, device):
        assert device == 0

    def alloc(self, size):
        return (self, 0, size)

    def prioritize(self): ...
    def loaded_size(self):
        return 0

    def free_memory(self, size):
        return 0


class _HostBuffer:
    """Stands for pinned memory, of which there is none."""

    size = 0

    def __init__(self, *sizes): ...
    def truncate(self, *_, **__): ...


def _load_safetensors(path):
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}


@contextmanager
def _dynamic_loader():
    """ComfyUI's dynamic loader, with a GPU that never has room for a weight: each is copied when it is used."""
    import comfy.memory_management
    import comfy.model_patcher
    import comfy_aimdo.host_buffer
    import comfy_aimdo.model_vbar

    patches = [
        mock.patch.object(comfy_aimdo.model_vbar, "ModelVBAR", _Room),
        mock.patch.object(comfy_aimdo.model_vbar, "vbar_fault", lambda alloc: None),
        mock.patch.object(comfy_aimdo.model_vbar, "vbar_unpin", lambda alloc: None),
        mock.patch.object(comfy_aimdo.model_vbar, "vbars_analyze", lambda device=None: 0),
        mock.patch.object(comfy_aimdo.host_buffer, "HostBuffer", _HostBuffer),
        mock.patch.object(comfy.model_patcher, "CoreModelPatcher", comfy.model_patcher.ModelPatcherDynamic),
        mock.patch.object(comfy.memory_management, "aimdo_enabled", True),
        mock.patch.object(comfy.utils, "load_safetensors", _load_safetensors),
        mock.patch.object(comfy.model_management, "NUM_STREAMS", 0),  # its buffers are aimdo's own
    ]
    with ExitStack() as stack:
        for patch in patches:
            stack.enter_context(patch)
        yield
