"""For all tests: machines are noisy, so no test may fail for being slow once."""

from hypothesis import settings

settings.register_profile("noisy", deadline=None)
settings.load_profile("noisy")
