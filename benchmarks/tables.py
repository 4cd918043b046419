"""The results as Markdown."""

from collections.abc import Sequence

from quality import STORES

EACH_CHUNK = (("s", "{:.2f} s"), ("cpu_s", "{:.2f} s"), ("chunk_kib", "{:.0f} KiB"), ("video_kib", "{:.0f} KiB"))
BACKENDS = (("portable_nearest", "nearest"), ("portable_footprints", "with footprints"))


def markdown(result: dict) -> str:
    """All parts that a result holds, a table each."""
    writers = {
        "readout": _readout,
        "conditioning": _conditioning,
        "end_to_end": _end_to_end,
        "references": _references,
        "quality": _quality,
        "building": _building,
        "growth": _growth,
        "busy": _busy,
    }
    found = {name: write(result[name]) for name, write in writers.items() if name in result}
    written = [f"{text}\n\n`{result[name]['command']}`" for name, text in found.items()]
    return "\n\n".join([_machines(result), *written]) + "\n"


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def _machines(result: dict) -> str:
    """Which part was run where; once for parts of one machine."""
    parts: dict[str, list[str]] = {}
    for name, part in result.items():
        about = part["machine"]
        where = (
            f"{about['name']}, {about['threads']} threads, Python {about['python']}, torch {about['torch']}, "
            f"commit {about['commit']}"
        )
        parts.setdefault(where, []).append(name)
    return "\n".join(f"Machine of {', '.join(names)}: {where}." for where, names in parts.items())


def _readout(part: dict) -> str:
    h, w = part["tokens"]
    gpu = "triton" not in part["rows"][0]
    columns = [*BACKENDS, *((("triton_nearest", "Triton nearest"), ("triton_footprints", "Triton")) if gpu else ())]
    rows = [
        [
            f"{row['points']:,}",
            f"{row['sort_and_overwrite_ms']:,.0f} ms",
            *(f"{row[f'{key}_ms']:,.1f} ms, {row[f'{key}_times_faster']}x" for key, _ in columns),
            f"{100 * row['wrong_share']:.1f} %",
            f"{row['known_nearest']:.2f}, {row['known_footprints']:.2f}",
        ]
        for row in part["rows"]
    ]
    away = part["out_of_view"]
    return "\n\n".join(
        [
            f"**Reading a memory** into {part['views']} views of {h} x {w} tokens, against sort and overwrite, the "
            "published way.",
            _table(
                [
                    "points",
                    "sort and overwrite",
                    *(title for _, title in columns),
                    "cells it gets wrong",
                    "known: nearest, footprints",
                ],
                rows,
            ),
            ("" if gpu else "Triton: not run on this machine. ")
            + f"With {away['points_among']:,} points of which the same {away['points']:,} are in view, reading takes "
            f"{away['times_slower']} times as long ({away['alone_ms']} and {away['among_ms']} ms).",
        ]
    )


def _conditioning(part: dict) -> str:
    H, W = part["picture"]
    latent, rgb = part["published"]["latent"], part["published"]["rgb"]
    rows = [
        [
            row["chunks"],
            f"{row['latent_s_per_frame']:.4f} s",
            f"{row['rgb_s_per_frame']:.3f} s",
            f"{row['times_faster']}x",
            f"{row['latent_mib']:.2f} MiB",
            f"{row['rgb_mib']:,.1f} MiB",
            f"{row['times_smaller']}x",
        ]
        for row in part["rows"]
    ]
    return "\n\n".join(
        [
            f"**Conditioning the next chunk** (33 frames of {H} x {W}) on latent tokens, or on an RGB point cloud that "
            "is splatted and encoded by the Wan 2.2 VAE (its own architecture, random weights), per frame.",
            _table(["chunks", "latent", "RGB", "faster", "latent cache", "RGB cache", "smaller"], rows),
            f"Published, at 704 x 1280 on a GPU after five chunks: {latent['seconds_per_frame']} s a frame and "
            f"{latent['mib']} MiB against {rgb['seconds_per_frame'][0]} to {rgb['seconds_per_frame'][1]} s and "
            f"{rgb['mib'][0]} to {rgb['mib'][1]} MiB.",
        ]
    )


def _end_to_end(part: dict) -> str:
    title = "**Whole chunks** with a transformer of the shape of Wan2.2-TI2V-5B, random weights"
    published = f"The paper reports {part['published_times_faster']}x."
    if part["status"] != "run":
        return f"{title}: {part['status']}. {published}"
    rows = [
        [
            row["chunks"],
            f"{row['denoise_s']} s",
            f"{row['decode_s']} s",
            f"{row['latent_s']} s",
            f"{row['rgb_s']} s",
            f"{row['times_faster']}x",
        ]
        for row in part["rows"]
    ]
    head = ["chunks", f"{part['steps']} steps", "decode", "latent conditioning", "RGB conditioning", "faster"]
    return "\n\n".join([f"{title}.", _table(head, rows), published])


def _references(part: dict) -> str:
    rows = [
        [
            f"{row['points']:,}",
            row["views"],
            f"{row['in_view_ms']:,.0f} ms",
            f"{row['shown_ms']:,.0f} ms",
            f"{row['python_sets_ms']:,.0f} ms, {row['times_faster']}x" if "python_sets_ms" in row else "not run",
        ]
        for row in part["rows"]
    ]
    head = ["points", "past views", "points in view", "points shown (ours)", "Python sets, the published way"]
    return "\n\n".join(["**Choosing references** for one chunk.", _table(head, rows)])


def _quality(part: dict) -> str:
    rows = [
        [
            row["set"],
            row["tokens"],
            *(
                f"{row[f'{key}_filled']:.3f}, {row[f'{key}_error']:.3f}, {100 * row[f'{key}_wrong_depth']:.1f} %"
                for key in ("published", "nearest", "ours")
            ),
            f"{row['published_error_where_both']:.3f}, {row['ours_error_where_both']:.3f}",
            ", ".join(f"{row['rounding_error'][store]:g}" for store in STORES[1:]),
        ]
        for row in part["rows"]
    ]
    head = [
        "set",
        "tokens",
        "published",
        "nearest",
        "ours",
        "error where both fill",
        f"rounding: {', '.join(STORES[1:])}",
    ]
    return "\n\n".join(
        [
            "**Real depth**: share of the truly visible tokens that is filled, mean absolute error of their codec "
            "latents, share at a wrong depth.",
            _table(head, rows),
        ]
    )


def _building(part: dict) -> str:
    picked = [row for row in part["rows"] if row["chunk"] in (10, 100, 250, 500, 750, 1000)] or part["rows"]
    rows = [
        [
            row["chunk"],
            f"{row['points']:,}",
            f"{row['mib']:.2f} MiB",
            f"{row['insert_ms']:.0f} ms",
            f"{row['readout_ms']:.0f} ms",
            f"{row['known']:.3f}",
        ]
        for row in picked
    ]
    h, w = part["tokens"]
    return "\n\n".join(
        [
            f"**A walk of {part['frames']:,} frames** through a building of 16 rooms, {h} x {w} tokens, *fill*, "
            f"{part['store']}.",
            _table(["chunk", "points", "memory", "write", "read", "known before"], rows),
            f"*append* would hold {part['points_with_append']:,} points. Peak resident memory of the process: "
            f"{part['peak_rss_mib']:,} MiB, of which {part['first_rss_mib']:,} after the first chunk.",
        ]
    )


def _growth(part: dict) -> str:
    rows = [
        [
            f"{walk['frames']:,}",
            f"{walk['chunks']:,}",
            f"{walk['idle_mib']:,.0f} MiB",
            f"{walk['above_idle_mib']:,.0f} MiB",
            *(_early_and_last(walk, key, form) for key, form in EACH_CHUNK),
            f"{walk['seconds']:,.0f} s",
            f"{walk['chunks_mib']:,.1f} + {walk['video_mib']:,.1f} MiB",
        ]
        for walk in part["walks"]
    ]
    H, W = part["picture"]
    head = [
        *("video frames", "chunks", "before", "at most, above it", "a chunk, clock", "a chunk, processor"),
        *("a chunk's file", "its video", "in all", "on disk: chunks + video"),
    ]
    return "\n\n".join(
        [
            f"**Scene Walk of any length**, in ComfyUI, with the small model, {W} x {H}, chunks of "
            f"{part['chunk_frames']} video frames; resident memory is that of ComfyUI's process. Of a chunk: around "
            f"the {part['early']}th, and at the end; of {part['around']} chunks the median, of bytes the mean.",
            _table(head, rows),
            _flatness(part),
        ]
    )


def _flatness(part: dict) -> str:
    """How the longest walk compares with the shortest, and its end with its beginning."""
    short, long = part["walks"][0], part["walks"][-1]
    said = [f"{long['peak_mib'] / short['peak_mib']:.2f} times the resident memory at most of {short['frames']:,}"]
    if "early" in long:
        names = {"s": "time", "cpu_s": "processor time", "chunk_kib": "file", "video_kib": "video"}
        shares = [f"{long['last'][key] / long['early'][key]:.2f} times the {name}" for key, name in names.items()]
        said.append(f"its last chunks take {', '.join(shares)} of the {part['early']}th")
    return f"{long['frames']:,} video frames: {'; '.join(said)}."


def _early_and_last(walk: dict, key: str, form: str) -> str:
    return ", ".join(form.format(walk[when][key]) for when in ("early", "last") if when in walk)


def _busy(part: dict) -> str:
    title = "**The small model on a busy CPU**"
    if part["status"] != "run":
        return f"{title}: {part['status']}."
    frames, h, w = part["size"]
    rows = [
        [row["others"], f"{row['all_ms']} ms", f"{row['one_ms']} ms", f"{row['times_faster']}x"] for row in part["rows"]
    ]
    return "\n\n".join(
        [
            f"{title}: a step of {frames} latent frames of {h} x {w} tokens beside processes that want a core as well. "
            "The pack's nodes give it one thread.",
            _table(["others", f"{part['threads']} threads", "one thread", "one is faster"], rows),
        ]
    )
