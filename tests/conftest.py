"""For all tests: machines are noisy, so no test may fail for being slow once."""

import os
import sys

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy: small matrices, many processes
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # a thousand processes, each would parse our code

from hypothesis import settings

sys.dont_write_bytecode = False  # nor are the assertions of all tests rewritten each time

settings.register_profile("noisy", deadline=None)
settings.load_profile("noisy")
