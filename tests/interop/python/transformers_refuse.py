"""transformers_refuse.py DIRECTORY: what IJepaModel and AutoModel say of an encoder's directory, one line each."""

import sys

import complete_torchvision  # noqa: F401
from transformers import AutoModel, IJepaModel

for model in (IJepaModel, AutoModel):
    try:
        model.from_pretrained(sys.argv[1])
        print(f"{model.__name__}: loaded")
    except (RuntimeError, ValueError) as error:
        print(f"{model.__name__}: {type(error).__name__}: {str(error).splitlines()[0]}")
