"""For all tests: machines are noisy, so no test may fail for being slow once."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy: small matrices, many processes

from hypothesis import settings

settings.register_profile("noisy", deadline=None)
settings.load_profile("noisy")
