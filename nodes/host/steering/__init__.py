"""How a memory steers a diffusion model: from a request to what a sampler takes."""
