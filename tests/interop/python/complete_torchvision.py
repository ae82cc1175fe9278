"""Import before anything that imports torchvision. A torchvision built for another build of torch (CUDA beside CPU, as
two package indexes may combine) cannot load its operators and then fails on import, though nothing here calls them."""

import importlib.util
import pathlib
import re

import torch

_spec = importlib.util.find_spec("torchvision")
if _spec is not None:
    _folder = pathlib.Path(_spec.origin).parent
    try:
        for _library in _folder.glob("_C*.so"):
            torch.ops.load_library(str(_library))
    except OSError:
        _source = (_folder / "_meta_registrations.py").read_text()
        for _name in re.findall(r'register_fake\("torchvision::(\w+)"\)', _source):
            torch.library.define(f"torchvision::{_name}", "() -> ()")
