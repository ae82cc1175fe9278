"""Fails unless everything that the tests call can be imported."""

import complete_torchvision  # noqa: F401
import onnx  # noqa: F401
import onnxruntime  # noqa: F401
import pyarrow  # noqa: F401
import safetensors  # noqa: F401
import timm  # noqa: F401
from tensorboard.backend.event_processing import event_accumulator  # noqa: F401
from transformers import AutoImageProcessor, IJepaModel  # noqa: F401
