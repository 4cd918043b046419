"""A GPU that is not there: tensors say that they are on "cuda:0", while their numbers stay in ordinary memory.

Every tensor stays a plain CPU tensor. Being "on the GPU" is a mark on its storage, so that views, parameters and
modules keep it. Inside ``with PretendGPU() as gpu:`` every torch function and tensor method is seen, and the GPU

- answers ``device``, ``is_cuda`` and the like by the mark, and moves tensors by copying them;
- refuses what CUDA refuses: tensors of two devices in one operation (CPU numbers without dimensions and CPU indices of
  a GPU tensor are allowed, as in torch), and ``numpy()`` of a tensor on the GPU;
- notes where the host waits for the device (``waits``): values read, sizes that depend on values, blocking copies;
- notes copies to the host that nobody waits for (``unwaited``): until the next wait their memory holds anything;
- counts bytes on the device, now and at most.

It knows nothing of what only a device has: kernels, streams, rounding, speed.
"""

import os
import sys
import weakref
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

TORCH = os.path.dirname(torch.__file__)
CPU = torch.device("cpu")
MARK = "pretend_device"

# what reads values, or asks for a size that depends on them
READS = frozenset(
    "__bool__ __complex__ __contains__ __float__ __format__ __index__ __int__ allclose argwhere bincount cholesky "
    "eigh equal inv inverse is_nonzero item linalg_cholesky linalg_eigh linalg_inv linalg_solve masked_select nonzero "
    "solve tolist unique unique_consecutive".split()
)
UPLOADS = frozenset(("tensor", "as_tensor", "asarray", "new_tensor"))
INDEXING = frozenset(("__getitem__", "__setitem__", "index_put", "index_put_"))
MIXING = frozenset("__deepcopy__ _has_compatible_shallow_copy_type as_tensor copy_ is_same_size set_ tensor".split())
NOT_ELEMENTWISE = frozenset("cat concat concatenate hstack index_add_ index_copy_ stack vstack".split())


@dataclass(frozen=True)
class Event:
    """Something worth a look: what, and in which line."""

    what: str
    where: str


class DeviceError(RuntimeError):
    """What CUDA would have refused."""


@dataclass(eq=False)
class PretendGPU(TorchFunctionMode):
    """One device, by default the first GPU.

    Attributes:
        device: its name; "mps:0" or "xpu:0" do as well.
        refused: dtypes that it does not have: ``{torch.float64}`` for MPS.
        lacks: functions that it does not have, by name.
        root: the folder of the code under test, for the places of events.
        waits, unwaited: see above.
        calls: torch functions called with a tensor on the device, by name.
        bytes, most_bytes: of all tensors on it.
    """

    device: torch.device | str = "cuda:0"
    refused: frozenset = frozenset()
    lacks: frozenset = frozenset()
    root: str = ""
    waits: list[Event] = field(default_factory=list)
    unwaited: list[Event] = field(default_factory=list)
    calls: Counter = field(default_factory=Counter)
    bytes: int = 0
    most_bytes: int = 0

    def __post_init__(self):
        super().__init__()
        self.device = torch.device(self.device)
        self._special = {
            "to": self._to,
            "cpu": lambda func, x, memory_format=torch.preserve_format: self._moved(x, CPU),
            "cuda": lambda func, x, device=None, non_blocking=False, **_: self._moved(
                x, self.device, non_blocking=non_blocking
            ),
            "copy_": self._copy,
            "numpy": self._numpy,
            "__array__": self._numpy,
            "type_as": lambda func, x, other: self._moved(x, self.device_of(other), dtype=other.dtype),
            "get_device": lambda func, x: -1 if self.device_of(x) == CPU else self.device_of(x).index,
            "pin_memory": lambda func, x, *_: x.clone(),
            "is_pinned": lambda func, x, *_: False,
            "record_stream": lambda func, x, *_: None,
        }

    def __enter__(self):
        self._generator, torch.Generator = torch.Generator, _Generator
        return super().__enter__()

    def __exit__(self, *error):
        torch.Generator = self._generator
        return super().__exit__(*error)

    def device_of(self, tensor: Tensor) -> torch.device:
        if tensor.device != CPU:  # meta
            return tensor.device
        return getattr(tensor.untyped_storage(), MARK, CPU)

    def put(self, tensor: Tensor) -> Tensor:
        """Say that the storage of a tensor is on the device."""
        storage = tensor.untyped_storage()
        if not hasattr(storage, MARK):
            if tensor.dtype in self.refused:
                raise TypeError(f"{self.device} does not have {tensor.dtype}.{_at(self.root)}")
            setattr(storage, MARK, self.device)
            size = storage.nbytes()
            self.bytes += size
            self.most_bytes = max(self.most_bytes, self.bytes)
            weakref.finalize(storage, self._freed, size).atexit = False
        return tensor

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = func.__name__
        if name == "__get__":
            return self._property(func, *args)
        if name in self._special and args and isinstance(args[0], Tensor):
            return self._special[name](func, *args, **kwargs)
        tensors = list(_tensors((args, kwargs)))
        device = self._common(name, tensors, args)
        if name in READS and device == self.device:
            self._wait(name)
        self._note_hidden_reads(name, args, kwargs, device)
        asked = kwargs.get("device")
        if asked is not None and self._resolved(asked).type in (self.device.type, "cpu"):
            device, kwargs = self._resolved(asked), {**kwargs, "device": CPU}
        if name in UPLOADS and device == self.device:
            self._wait(name)
        kwargs.pop("pin_memory", None)
        result = func(*args, **kwargs)
        if device == self.device:
            if name in self.lacks:
                raise NotImplementedError(f"{self.device} does not have {name}.{_at(self.root)}")
            self.calls[name] += 1
            inputs = {x.untyped_storage()._cdata for x in tensors if x.device == CPU}
            for made in _tensors(result):
                if made.device == CPU and made.untyped_storage()._cdata not in inputs:
                    self.put(made)
        return result

    # -- the rules ------------------------------------------------------------------------------------------------

    def _common(self, name: str, tensors: list[Tensor], args: tuple) -> torch.device:
        """The one device of an operation; raises if there are two."""
        if name in MIXING or name == "__set__":
            return self.device_of(tensors[0]) if tensors else CPU
        if name in INDEXING:
            return self._indexed(name, args)
        found = {self.device_of(x) for x in tensors if x.ndim or name in NOT_ELEMENTWISE}
        found |= {device for x in tensors if (device := self.device_of(x)) != CPU}
        if len(found) > 1:
            shown = ", ".join(f"{tuple(x.shape)} on {self.device_of(x)}" for x in tensors)
            raise DeviceError(
                f"Expected all tensors to be on the same device, but {name} was given {shown}.{_at(self.root)}"
            )
        return found.pop() if found else CPU

    def _indexed(self, name: str, args: tuple) -> torch.device:
        device, indices = self.device_of(args[0]), list(_tensors(args[1]))
        for index in indices:
            if self.device_of(index) not in (device, CPU):
                raise DeviceError(
                    f"indices should be either on cpu or on the same device as the indexed tensor ({device}); "
                    f"got {self.device_of(index)}.{_at(self.root)}"
                )
        value = args[2] if len(args) > 2 else None  # without tensors among the indices it is copied, from anywhere
        if indices and isinstance(value, Tensor) and value.ndim and self.device_of(value) != device:
            raise DeviceError(f"{name}: value on {self.device_of(value)} for a tensor on {device}.{_at(self.root)}")
        return device

    def _note_hidden_reads(self, name: str, args: tuple, kwargs: dict, device: torch.device) -> None:
        if device != self.device:
            return
        if name in INDEXING:
            indices = args[1] if isinstance(args[1], tuple) or name.startswith("index_") else (args[1],)
            number = name != "__getitem__" and not (isinstance(args[2], Tensor) and args[2].ndim)
            for index in indices:
                if isinstance(index, (list, range)):
                    self._wait("indexed by a list")
                elif isinstance(index, Tensor) and index.dtype in (torch.bool, torch.uint8) and not number:
                    self._wait("indexed by a mask")
                elif isinstance(index, Tensor) and self.device_of(index) == CPU and index.ndim:
                    self._wait("indexed by a CPU tensor")
                elif isinstance(index, Tensor) and index.ndim == 0 and index.dtype != torch.bool:
                    self._wait("indexed by a number on the device")
        elif name == "where" and len(args) + len(kwargs) == 1:
            self._wait("where(condition)")
        elif name == "repeat_interleave" and len(list(_tensors((args, kwargs)))) > 1 and "output_size" not in kwargs:
            self._wait("repeat_interleave")

    def _property(self, func, tensor: Tensor, *owner):
        name = func.__self__.__name__
        if name == "device":
            return self.device_of(tensor)
        if name in ("is_cuda", "is_mps", "is_xpu"):
            return self.device_of(tensor).type == name.removeprefix("is_")
        if name == "is_cpu":
            return self.device_of(tensor) == CPU
        return func(tensor, *owner)

    def _to(self, func, tensor: Tensor, *args, copy: bool = False, **kwargs) -> Tensor:
        other = args[0] if args and isinstance(args[0], Tensor) else kwargs.pop("other", None)
        if other is not None:
            device, dtype, non_blocking = self.device_of(other), other.dtype, kwargs.get("non_blocking", False)
            memory_format = kwargs.get("memory_format")
        else:
            device, dtype, non_blocking, memory_format = torch._C._nn._parse_to(*args, **kwargs)
        target = self.device_of(tensor) if device is None else self._resolved(device)
        return self._moved(tensor, target, dtype, non_blocking, memory_format, copy)

    def _moved(self, tensor, target, dtype=None, non_blocking=False, memory_format=None, copy=False) -> Tensor:
        source = self.device_of(tensor)
        if source.type == "meta" or target.type not in (self.device.type, "cpu"):
            return tensor.to(target, dtype)
        if source != target:
            copy = True
            self._transfer(source, target, non_blocking)
        kind = {} if memory_format is None else {"memory_format": memory_format}
        moved = tensor.to(dtype=dtype or tensor.dtype, copy=copy, **kind)
        return self.put(moved) if target == self.device and moved is not tensor else moved

    def _copy(self, func, into: Tensor, source: Tensor, non_blocking: bool = False) -> Tensor:
        if self.device_of(source) != self.device_of(into):
            self._transfer(self.device_of(source), self.device_of(into), non_blocking)
        return func(into, source, non_blocking)

    def _transfer(self, source: torch.device, target: torch.device, non_blocking: bool) -> None:
        if not non_blocking:
            self._wait(f"copy {source} to {target}")
        elif target == CPU:
            self.unwaited.append(Event(f"copy {source} to {target}", _where(self.root)))

    def _numpy(self, func, tensor: Tensor, *args, **kwargs):
        if self.device_of(tensor) == self.device:
            raise TypeError(
                f"can't convert {self.device} device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host "
                f"memory first.{_at(self.root)}"
            )
        return func(tensor, *args, **kwargs)

    def _resolved(self, device) -> torch.device:
        device = torch.device(device)
        return self.device if device.type == self.device.type and device.index is None else device

    def _wait(self, what: str) -> None:
        self.waits.append(Event(what, _where(self.root)))

    def _freed(self, size: int) -> None:
        self.bytes -= size


def _tensors(value) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _tensors(one)
    elif isinstance(value, dict):
        for one in value.values():
            yield from _tensors(one)


def _where(root: str) -> str:
    """The innermost line outside of torch as "file.py:12"; of other packages with the line below ``root`` behind it."""
    frame, inner = sys._getframe(1), ""
    while frame is not None:
        file = frame.f_code.co_filename
        if file != __file__ and not file.startswith((TORCH, "<")):
            if root and file.startswith(root):
                place = f"{os.path.relpath(file, root)}:{frame.f_lineno}"
                return f"{inner} < {place}" if inner else place
            inner = inner or f"{os.path.basename(file)}:{frame.f_lineno}"
            if not root:
                return inner
        frame = frame.f_back
    return inner


def _at(root: str) -> str:
    return f" [{_where(root)}]"


class _Generator(torch.Generator):
    """Of any device: its numbers are the CPU's."""

    def __new__(cls, device="cpu"):
        return super().__new__(cls, CPU)
