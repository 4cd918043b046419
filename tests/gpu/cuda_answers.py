"""What ``torch.cuda`` says of the GPU that is not there."""

from types import SimpleNamespace

import torch


class _Stream:
    """Nothing runs on it."""

    cuda_stream = 0
    device = torch.device("cuda:0")

    def __init__(self, *args, **kwargs):
        pass

    def wait_stream(self, other) -> None: ...
    def synchronize(self) -> None: ...
    def __enter__(self):
        return self

    def __exit__(self, *error) -> None: ...


def cuda_functions(vram: int = 8 * 2**30, capability: tuple[int, int] = (8, 9)) -> dict:
    """Answers of ``torch.cuda`` for one GPU, for ``unittest.mock.patch.multiple("torch.cuda", **cuda_functions())``."""
    properties = SimpleNamespace(
        name="Pretend GPU", major=capability[0], minor=capability[1], total_memory=vram, multi_processor_count=1
    )
    runtime = SimpleNamespace(cudaHostRegister=lambda *_: 0, cudaHostUnregister=lambda *_: 0)
    return {
        "is_available": lambda: True,
        "is_initialized": lambda: True,
        "_lazy_init": lambda: None,
        "_lazy_call": lambda *_, **__: None,
        "device_count": lambda: 1,
        "current_device": lambda: 0,
        "set_device": lambda device: None,
        "_exchange_device": lambda index: index,
        "_maybe_exchange_device": lambda index: index,
        "get_device_name": lambda device=None: properties.name,
        "get_device_properties": lambda device=None: properties,
        "get_device_capability": lambda device=None: capability,
        "is_bf16_supported": lambda *_, **__: capability >= (8, 0),
        "mem_get_info": lambda device=None: (vram, vram),
        "memory_stats": lambda device=None: dict.fromkeys(
            ("reserved_bytes.all.current", "active_bytes.all.current", "allocated_bytes.all.current"), 0
        ),
        "synchronize": lambda device=None: None,
        "empty_cache": lambda: None,
        "ipc_collect": lambda: None,
        "get_allocator_backend": lambda: "native",
        "Stream": _Stream,
        "current_stream": lambda device=None: _Stream(),
        "stream": lambda stream: stream or _Stream(),
        "cudart": lambda: runtime,
    }
