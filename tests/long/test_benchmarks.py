"""The benchmarks run, from measuring to tables and plots. What they measure is not tested: see benchmarks/results."""

import json
import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_a_quick_run_writes_results_tables_and_plots():
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / "run.py"), "--quick"], capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    (path,) = (BENCHMARKS / "results" / "quick").glob("*.json")
    result = json.loads(path.read_text())
    assert set(result) == {
        "readout",
        "conditioning",
        "end_to_end",
        "references",
        "quality",
        "building",
        "growth",
        "busy",
    }
    assert result["references"]["rows"][0]["same_picks"]
    assert all(part["machine"]["commit"] for part in result.values())
    assert {plot.stem.rsplit("-", 1)[1] for plot in path.parent.glob("*.png")} == {
        "readout",
        "conditioning",
        "quality",
        "building",
        "growth",
    }
    assert path.with_suffix(".md").read_text() in done.stdout


def test_an_unknown_part_is_refused():
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / "run.py"), "--only", "speed"], capture_output=True, text=True
    )
    assert done.returncode == 2 and "got speed" in done.stderr
