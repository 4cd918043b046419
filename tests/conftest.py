import sys
from pathlib import Path

from hypothesis import HealthCheck, settings

# last, not first: the checkout holds a folder named `nodes`, and so does ComfyUI
TESTS = Path(__file__).parent
sys.path += [str(folder) for folder in (TESTS.parent, TESTS / "core", TESTS / "long")]

# how long a machine takes is no property of the code: neither a deadline per example, nor one for making them
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")
