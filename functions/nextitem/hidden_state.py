"""The type of a session's hidden state, which models compute and stores keep."""

import numpy as np
from numpy.typing import NDArray

HiddenState = NDArray[np.float32]
"""float32, flattened: [layers * hidden size]."""
