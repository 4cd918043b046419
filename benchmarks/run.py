"""Run the benchmarks: `make bench`, or `python benchmarks/run.py [--device cpu|cuda] [--only readout,growth]`.

Writes ``benchmarks/results/<machine>.json``, the tables ``<machine>.md`` and the plots ``<machine>-*.png`` beside it,
and puts the tables into the README where its markers are (``--no-readme`` leaves it alone). Parts that are not run
again keep their last result; what this machine has never run the README takes from the results of others.
``--quick`` proves that everything works, with small sizes, and writes elsewhere.
"""

import argparse
import importlib
import json
import multiprocessing
import time

import plots
import tables
from common import ROOT, Asked, machine

from mirage_core.files import write_text

PARTS = ("readout", "conditioning", "end_to_end", "references", "quality", "building", "growth", "busy")
RESULTS = ROOT / "benchmarks" / "results"
BEGIN, END = "<!-- benchmarks: begin -->", "<!-- benchmarks: end -->"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--only", default=",".join(PARTS), help="parts, with commas between them")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--no-readme", action="store_true")
    given = parser.parse_args()
    parts = given.only.split(",")
    unknown = sorted(set(parts) - set(PARTS))
    if unknown:
        parser.error(f"--only: must be among {', '.join(PARTS)}; got {', '.join(unknown)}")
    about, asked = machine(given.device), Asked(given.device, given.quick)
    folder = RESULTS / "quick" if given.quick else RESULTS
    folder.mkdir(parents=True, exist_ok=True)
    label = "-".join(filter(None, "".join(c if c.isalnum() else "-" for c in about["name"].lower()).split("-")))
    path = folder / f"{label}.json"
    result = json.loads(path.read_text()) if path.is_file() else {}
    for name in parts:
        print(f"bench: {name}", flush=True)
        start = time.perf_counter()
        with multiprocessing.get_context("spawn").Pool(1) as alone:  # a part does not see the memory of another
            made = alone.apply(run_part, (name, asked))
        took = round(time.perf_counter() - start, 1)
        command = f"python benchmarks/run.py --device {given.device} --only {name}{' --quick' * given.quick}"
        result[name] = {"machine": about, "command": command, "took_s": took, **made}
        write_text(path, json.dumps(result, indent=1) + "\n")
    for figure in plots.draw(result, folder, label):
        print(f"bench: {figure.relative_to(ROOT)}")
    text = tables.markdown(result)
    write_text(path.with_suffix(".md"), text)
    print(text)
    if not (given.quick or given.no_readme):
        into_readme(tables.markdown(of_all_machines(result)))


def run_part(name: str, asked: Asked) -> dict:
    return importlib.import_module(name).run(asked)


def of_all_machines(result: dict) -> dict:
    """A result, and what it lacks from those of other machines."""
    others = [json.loads(path.read_text()) for path in sorted(RESULTS.glob("*.json"))]
    return {name: part for each in (*others, result) for name, part in each.items()}


def into_readme(text: str) -> None:
    """Put the tables between the markers of the README."""
    readme = ROOT / "README.md"
    before, _, rest = readme.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    write_text(readme, f"{before}{BEGIN}\n\n{text}\n{END}{after}")


if __name__ == "__main__":
    main()
