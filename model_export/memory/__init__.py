"""The session memory: recalls the items of similar training sessions and blends their votes with the network's scores.

Written in numpy. `model_export.export` builds the same function as a graph, whose scores are compared with these.
"""

from model_export.memory.blend import Blend, Gate
from model_export.memory.blended_memory import BlendedMemory
from model_export.memory.config import MemoryConfig
from model_export.memory.index import MemoryIndex, build_index
from model_export.memory.recall import Memory

__all__ = ["Blend", "BlendedMemory", "Gate", "Memory", "MemoryConfig", "MemoryIndex", "build_index"]
