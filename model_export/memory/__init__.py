"""The session memory: what similar sessions of the training data held, recalled and blended with the network's scores.

numpy only: no torch, no ONNX. `export` builds the same function as a graph, and is proved against this one.
"""

from model_export.memory.blend import Blend
from model_export.memory.blended_memory import BlendedMemory
from model_export.memory.config import MemoryConfig
from model_export.memory.index import MemoryIndex, build_index
from model_export.memory.recall import Memory

__all__ = ["Blend", "BlendedMemory", "Memory", "MemoryConfig", "MemoryIndex", "build_index"]
