"""`.ci/front_ends.py`: other front-ends are fetched beside ComfyUI's own, and what cannot be had is said."""

import zipfile
from importlib import metadata

import front_ends
import pytest
from front_ends import PACKAGE, installed


@pytest.fixture
def index(tmp_path, monkeypatch):
    """All that pip finds: the front-ends 9.8.0 and 9.9.0."""
    for version in ("9.8.0", "9.9.0"):
        info = f"{front_ends.MODULE}-{version}.dist-info"
        with zipfile.ZipFile(tmp_path / f"{front_ends.MODULE}-{version}-py3-none-any.whl", "w") as wheel:
            wheel.writestr(f"{front_ends.MODULE}/static/index.html", f"page {version}")
            wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {PACKAGE}\nVersion: {version}\n")
            wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setattr(front_ends, "FOLDER", tmp_path / "front_ends")


@pytest.mark.usefixtures("index")
@pytest.mark.parametrize(("asked", "found"), [("9.8.0", "9.8.0"), ("newest", "9.9.0")])
def test_a_front_end_is_fetched_beside_comfyuis_own_and_its_failures_count(asked, found, monkeypatch, capfd):
    own = metadata.version(PACKAGE)
    program = "import os; print('the page of', os.environ['MIRAGE_FRONT_END']); raise SystemExit(3)"
    monkeypatch.setattr(front_ends, "TESTS", ["-c", program])
    for _ in range(2):  # the second time it is there
        assert front_ends.main([asked]) == 3
        assert f"the page of {found}\n" in capfd.readouterr().out
        assert (installed(found) / "index.html").read_text() == f"page {found}"
    assert metadata.version(PACKAGE) == own


@pytest.mark.usefixtures("index")
def test_comfyuis_own_front_end_is_not_tested_twice(monkeypatch, capfd):
    monkeypatch.setattr(front_ends.metadata, "version", lambda package: "9.9.0")
    assert front_ends.main(["newest"]) == 0
    assert "front-end 9.9.0 is ComfyUI's own" in capfd.readouterr().out


@pytest.mark.usefixtures("index")
def test_a_front_end_that_cannot_be_had_says_so_and_the_tests_before_decide(capfd):
    assert front_ends.main(["1.0.0"]) == 0
    said = capfd.readouterr().out
    assert f"NOT TESTED ON FRONT-END 1.0.0: pip could not install {PACKAGE}==1.0.0" in said
    assert "No matching distribution found" in said
    assert not installed("1.0.0").exists()
