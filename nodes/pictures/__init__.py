"""Pictures for people: charts, maps and curves that nodes show. Nothing of ComfyUI."""
