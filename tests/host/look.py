"""A look at what a network, and the patches beside it, are called with."""

import torch
import torch.nn.functional as F
from expected_of_families import PULLED, UNI3C, Seen
from families import Read
from remembered import normal


class Look:
    """At what the network, and the patches beside it, are called with first."""

    def __init__(self, tiny, monkeypatch):
        self.tiny, self.read = tiny, Read(tiny.model, monkeypatch)
        self.beside = {UNI3C: [], "branch": [], "rows": [], "in_place": []}
        modes = tiny.pack.module("nodes.host.steering.modes")
        self._spy(monkeypatch, tiny.connected[UNI3C].model, "process_input", UNI3C, lambda x: x.clone())
        self._spy(monkeypatch, modes, "attach_branch", "branch", lambda model, branch, splat, *_: splat)
        network = tiny.model.get_model_object("diffusion_model")
        if type(network).__name__ == "Kandinsky5":
            self._spy(monkeypatch, network, "forward_orig", "in_place", lambda x, *_: x[:1, :16].clone())
        if tiny.row.latents == "minimax_h3":
            self._spy(monkeypatch, network, "_cond_video_rows", "rows", lambda made, *_: made["cond_video_latents"][0])

    def _spy(self, monkeypatch, of, name: str, kind: str, what):
        original = getattr(of, name)

        def spy(*args, **kwargs):
            if kind != "rows" or args[0].get("cond_video_latents"):
                self.beside[kind].append(what(*args))
            return original(*args, **kwargs)

        monkeypatch.setattr(of, name, spy)

    @property
    def x(self):
        """What the network reads: ``(B, C', T', h, w)``, or pictures ``(T, C', h, w)``."""
        x = self.read.first["x"]
        return x[0] if isinstance(x, list) else x

    def assert_seen(self, seen: Seen, latents, known):
        """That ``latents`` are shown where they are ``known``, and that this is told, as ``seen`` says."""
        clean = normal(self.tiny.model, latents)
        if seen == PULLED:
            self.assert_noisy(clean)
        elif seen.by:
            getattr(self, f"assert_{seen.by}")(clean, known)
        elif seen.first == 0:
            sampling = self.tiny.model.get_model_object("model_sampling")
            enters = sampling.calculate_input(torch.zeros(1), clean)  # as without noise
            assert_same(self.x[:1, : clean.shape[1]], enters, patches(known) if seen.told == "patch" else known)
        else:
            assert_same(self.x[:1, seen.first : seen.first + clean.shape[1]], clean, known)
        for channel in seen.mask:
            assert torch.equal(self.x[0, channel], known.float())
        if seen.told:
            self.assert_told(seen.told, known)

    def assert_told(self, what: str, known):
        t = self.read.first["t"]
        t = (t[0] if isinstance(t, list) else t)[0].reshape(-1)
        told = {"token": known, "frame": known[:, 0, 0], "patch": patches(known)[:, ::2, ::2]}[what]
        assert torch.equal(t[: told.numel()].view(told.shape) == 0, told)

    def assert_noisy(self, clean):
        x = self.x[0, : clean.shape[1]] if self.tiny.video else self.x[: clean.shape[2]].transpose(0, 1)[:4]
        assert (x - clean[0]).abs().mean() > 0.3

    def assert_vace(self, clean, known):
        context = self.read.first["vace_context"][:1, 0]
        assert_same(context[:, :16], clean, known)
        assert torch.equal(context[0, 32], (~known).float())

    def assert_uni3c(self, clean, known):
        assert_same(self.beside[UNI3C][0][:1, 20:, : len(known)], clean, known)

    def assert_in_place(self, clean, known):
        assert_same(self.beside["in_place"][0], clean, known)

    def assert_branch(self, clean, known):
        (splat,) = self.beside["branch"]
        assert torch.equal(splat, torch.where(known, clean, 0.0))

    def assert_behind(self, clean, known):
        assert_same(self.x[:1, :, len(known) :], clean, known)

    def assert_rows(self, clean, known):
        whole = patches(known)[:, ::2, ::2]
        T, h, w = known.shape
        rows = clean[0].reshape(-1, T, h // 2, 2, w // 2, 2).permute(1, 2, 4, 0, 3, 5)[whole]  # (N, C, 2, 2)
        assert torch.equal(self.beside["rows"][0], rows.permute(1, 2, 0, 3).flatten(2)[None, :, None])

    def assert_keyframe(self, clean, known):
        (keyframe,) = self.read.first["minimax_payload"]["keyframes"]
        assert keyframe["resolved_frame_index"] == 0 and torch.equal(keyframe["latent"], clean[:, :, :1])


def patches(known):
    """Of ``known`` tokens, those of wholly known patches of 2 x 2."""
    whole = F.max_pool2d((~known).float()[None], 2)[0] == 0
    return whole.repeat_interleave(2, 1).repeat_interleave(2, 2)


def assert_same(video, expected, where, atol=1e-4):
    torch.testing.assert_close(video[0][:, where], expected[0][:, where], atol=atol, rtol=0)
