"""The one place that touches comfy.* and the host's files and models."""
