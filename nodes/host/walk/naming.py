"""Names for content: the same text wherever and whenever the same content is met, and another one for other content.

What a walk is made with reaches it as Python objects, which are others after every start of ComfyUI. Named are plain
values, tensors and containers; models of ComfyUI, by their weights and all that is patched on them; objects and
functions of ComfyUI, of torch and of this pack, by where their code stands and by what they hold. What other code does
cannot be told from what it holds, as it may read anything: such a thing is put down as unknown.
"""

import functools
import hashlib
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import Enum
from pathlib import Path

import comfy.sd
import comfy.utils
import folder_paths
import numpy as np
import torch
from comfy.model_patcher import ModelPatcher
from torch import Tensor, nn

from ..formats import spec_of

DIGITS = 12  # of a name: 48 bits
HOST = Path(folder_paths.__file__).resolve().parent
PACK = Path(__file__).resolve().parents[3]
LIBRARIES = ("builtins", "collections", "enum", "functools", "math", "operator", "typing", "torch", "numpy")
LIBRARIES += ("comfy_kitchen",)  # ComfyUI's quantised tensors
PLAIN = (type(None), bool, int, float, complex, str, bytes, range, slice, torch.dtype, torch.Size, torch.layout)
CAST = "_comfy_model_dtype"  # behind a weight's name: the attribute of its module that ComfyUI keeps a dtype in
PARTS_OF_A_MODULE = ("_parameters", "_buffers", "_modules")

# Of a weight with more values than MOST, RUNS runs of RUN values are read, evenly spread. Other training, another merge
# and another precision change nearly all values of nearly all layers; nobody makes a model that differs in a few values
# of one layer. Of a model of 14 billion weights some hundred MiB are read instead of 28 GB, in few places of a disk.
MOST, RUNS, RUN = 2**18, 16, 2**14


class Naming:
    """Names of things that are alive while it is.

    Attributes:
        unknown: what could not be named by its content, in words.
    """

    def __init__(self):
        self.unknown: list[str] = []
        self._names: dict[tuple[int, bool], str] = {}
        self._alive: list[object] = []  # so that no id is used twice
        self._own: set[int] = set()  # modules of models that are named by their weights
        self._sampling = False

    def of(self, value: object) -> str:
        """The name of anything. Two unknown things of one type have one name."""
        if isinstance(value, PLAIN):
            return _digest(type(value).__name__, repr(value))
        key = (id(value), self._sampling)
        if key not in self._names:
            self._alive.append(value)
            self._names[key] = "itself"  # where it holds itself
            self._names[key] = self._named(value)
        return self._names[key]

    def model(self, patcher: ModelPatcher) -> dict[str, str]:
        """Names of what a model of ComfyUI is made of, by what a user calls it."""
        self._own |= _own_modules(patcher)
        model, parts = patcher.model, ("model_type", "latent_format", "manual_cast_dtype")
        config = getattr(model, "model_config", None)
        facts = [getattr(config, name, None) for name in ("unet_config", "sampling_settings")]
        facts += [patcher.get_model_object(name) for name in parts if hasattr(model, name)]
        sampling = patcher.get_model_object("model_sampling") if hasattr(model, "model_sampling") else None
        fields = ("model_options", "wrappers", "callbacks", "injections", "attachments", "additional_models")
        fields += ("weight_wrapper_patches", "forced_hooks", "force_cast_weights")
        objects = {name: value for name, value in patcher.object_patches.items() if name != "model_sampling"}
        weights = self._weights(patcher)
        with self._in_part():
            patches = self.of([patcher.patches, list(patcher.hook_patches.values())])
        return {
            "checkpoint": _digest(self._class(model), self.of(facts), weights),
            "LoRA": patches,
            "model sampling": self.of(sampling) if sampling is None else self._object(sampling),
            "model patches": self.of([objects, *(getattr(patcher, name, None) for name in fields)]),
        }

    def _named(self, value: object) -> str:
        match value:
            case Tensor():
                return self._tensor(value)
            case np.ndarray():
                return _digest("array", str((value.dtype, value.shape)), value.tobytes())
            case Enum():
                return _digest("choice", self._class(value), value.name)
            case torch.device():
                return _digest("device")  # the same content wherever it lies
            case Mapping():
                return _digest("table", *sorted(self.of(key) + self.of(item) for key, item in value.items()))
            case list() | tuple():
                return _digest("list", *map(self.of, value))
            case set() | frozenset():
                return _digest("set", *sorted(map(self.of, value)))
            case ModelPatcher():
                return _digest("model", *self.model(value).values())
            case comfy.sd.VAE():
                made = (repr(spec_of(value)), str(value.vae_dtype), self._class(value))
                return _digest("vae", *made, self._class(value.first_stage_model), self.of(value.patcher))
            case types.FunctionType():
                return self._function(value)
            case types.MethodType():
                return _digest("method", self.of(value.__func__), self.of(value.__self__))
            case functools.partial():
                return _digest("partial", self.of([value.func, value.args, value.keywords]))
            case type() | types.BuiltinFunctionType():
                return _digest("known", _place(value.__module__, value.__qualname__) or self._unknown(value))
            case nn.Module() if id(value) in self._own:
                return _digest("part", self._class(value))
            case nn.Module(_orig_mod=nn.Module() as compiled):
                return _digest("compiled", self.of(compiled))
            case _:
                return self._object(value)

    def _tensor(self, value: Tensor, dtype: torch.dtype | None = None) -> str:
        if hasattr(value, "__tensor_flatten__"):  # quantised: some plain tensors
            inner, about = value.__tensor_flatten__()
            return _digest("quantised", *(self.of(getattr(value, name)) for name in inner), self.of(about))
        if value.is_meta:  # ComfyUI fills what its file lacks with zeros
            value = torch.zeros_like(value, device="cpu")
        values = value.as_subclass(Tensor).detach().reshape(-1).contiguous()
        data = values.view(torch.uint8)  # few devices can index every dtype
        if self._sampling and len(values) > MOST:
            run = RUN * values.element_size()
            runs = data[: len(data) // run * run].view(-1, run)
            chosen = torch.linspace(0, len(runs) - 1, RUNS).long().to(data.device)
            data = torch.cat([runs[chosen].view(-1), data[-run:]])
        data, dtype = data.cpu(), dtype or values.dtype
        if dtype != values.dtype:
            data = data.view(values.dtype).to(dtype).view(torch.uint8)
        return _digest("tensor", str((dtype, tuple(value.shape))), data.numpy().tobytes())

    def _weights(self, patcher: ModelPatcher) -> str:
        """Of the weights as they came from their file, wherever they lie now and whatever is patched into them."""
        with patcher.use_ejected():
            weights, dtypes = _plain_weights(patcher), _as_it_came(patcher, _dtypes)
        with self._in_part():
            return _digest(*(_digest(key, self._tensor(weights[key], dtypes.get(key))) for key in sorted(weights)))

    @contextmanager
    def _in_part(self) -> Iterator[None]:
        """Within it, large tensors are read in part."""
        before, self._sampling = self._sampling, True
        try:
            yield
        finally:
            self._sampling = before

    def _function(self, value: types.FunctionType) -> str:
        place = _place(value.__globals__.get("__name__"), value.__qualname__)
        if place is None:
            return self._unknown(value)
        held = [cell.cell_contents for cell in value.__closure__ or ()]
        held += [value.__defaults__, value.__kwdefaults__]
        return _digest("function", place, str(value.__code__.co_firstlineno), self.of(held))

    def _object(self, value: object) -> str:
        if not hasattr(value, "__dict__") or not _known(type(value)):
            return self._unknown(type(value))
        held = vars(value).items()
        if isinstance(value, nn.Module):
            held = [(name, one) for name, one in held if name[0] != "_" or name in PARTS_OF_A_MODULE]
        # models first: their modules are then known as theirs
        held = sorted(held, key=lambda item: not isinstance(item[1], ModelPatcher))
        return _digest("object", self._class(value), *(self.of(name) + self.of(one) for name, one in held))

    def _class(self, value: object) -> str:
        cls = type(value)
        if not _known(cls):
            return self._unknown(cls)
        return _digest(*(_place(one.__module__, one.__qualname__) for one in cls.__mro__))

    def _unknown(self, code: object) -> str:
        words = f"{code.__qualname__} of {Path(str(code.__module__)).name}"
        if words not in self.unknown:
            self.unknown.append(words)
        return _digest("unknown", words)


def _digest(*parts: str | bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else part.encode()
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()[:DIGITS]


def _known(cls: type) -> bool:
    return all(_place(one.__module__, one.__qualname__) for one in cls.__mro__)


def _place(module: str | None, name: str) -> str | None:
    """Where code stands, whatever folder ComfyUI is in; None = neither in ComfyUI, nor in torch, nor in this pack."""
    module = str(module)
    if module.partition(".")[0] in LIBRARIES:
        return f"{module}:{name}"
    file = Path(getattr(sys.modules.get(module), "__file__", None) or "/").resolve()
    for root, folders in ((PACK, ("nodes", "mirage_core")), (HOST, None)):
        if file.is_relative_to(root):
            parts = file.relative_to(root).parts
            if parts[0] in folders if folders else len(parts) == 1 or parts[0].startswith("comfy"):
                return f"{'/'.join(parts)}:{name}"
    return None


def _own_modules(patcher: ModelPatcher) -> set[int]:
    """Ids of the modules of a model that came with it, not with an object patch of the clone that is loaded."""
    own = {id(module) for module in patcher.model.modules()}
    for name, original in patcher.object_patches_backup.items():
        installed = comfy.utils.get_attr(patcher.model, name)
        own -= {id(one) for one in (installed.modules() if isinstance(installed, nn.Module) else ())}
        own |= {id(one) for one in (original.modules() if isinstance(original, nn.Module) else ())}
    return own


def _as_it_came(patcher: ModelPatcher, table_of: Callable[[nn.Module, str], dict]) -> dict:
    """A table of a model's modules by key, without the object patches of the clone that is loaded."""
    table = table_of(patcher.model, "")
    for name, original in patcher.object_patches_backup.items():
        table = {key: value for key, value in table.items() if key != name and not key.startswith(f"{name}.")}
        if isinstance(original, nn.Module):
            table |= table_of(original, f"{name}.")
    return table


def _plain_weights(patcher: ModelPatcher) -> dict[str, Tensor]:
    """A model's state dict without what the clone that is loaded has patched into it."""
    weights = _as_it_came(patcher, lambda module, prefix: module.state_dict(prefix=prefix))
    kept = {key: kept.weight for key, kept in patcher.backup.items()}
    kept |= {key: weight for key, (weight, _) in patcher.hook_backup.items()}
    for key, weight in kept.items():
        weights |= weight.state_dict(key) if hasattr(weight, "state_dict") else {key: weight}
    sampling = "model_sampling."  # named by itself
    return {key: value for key, value in weights.items() if value is not None and not key.startswith(sampling)}


def _dtypes(module: nn.Module, prefix: str) -> dict[str, torch.dtype]:
    """What ComfyUI's loader casts weights to, and may have done already."""
    return {
        f"{prefix}{path}{'.' * bool(path)}{name.removesuffix(CAST)}": dtype
        for path, one in module.named_modules()
        for name, dtype in vars(one).items()
        if name.endswith(CAST)
    }
