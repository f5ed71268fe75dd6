"""Ray imported with our settings: it reads its environment once, when it is imported."""

import os

SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_grpc_client_keepalive_time_ms": "5000",
    "RAY_grpc_client_keepalive_timeout_ms": "10000",
}
"""Ray tells nobody of a run and installs nothing; a node that has gone silent is given up in
seconds, not in seven minutes. What the user has set holds."""
for _name, _value in SETTINGS.items():
    os.environ.setdefault(_name, _value)

import ray  # noqa: E402  (must see SETTINGS)

__all__ = ["ray"]
