"""The one place that touches comfy.* and ComfyUI's files and models."""
