"""Training the branch: not loaded by ComfyUI, and not needed to use the pack. See README.md in this folder."""
