"""The wheel and the sdist that users get: complete, typed, with data, and working when installed, without a network."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def _build(source: Path, target: str, into: Path) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(into)]
    subprocess.run(command, cwd=source, check=True, capture_output=True, text=True)
    (made,) = into.iterdir()
    return made


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _build(ROOT, "wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _build(ROOT, "sdist", tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel, and this environment's dependencies on its path: no download."""
    home = tmp_path_factory.mktemp("installed") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True)
    python = home / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--isolated", "--python", str(python), "install", "--quiet"]
    subprocess.run([*pip, "--no-index", "--no-deps", str(wheel)], check=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    # a path that comes from a .pth file is searched for packages, but its own .pth files (the editable one) are not
    dependencies = home / "lib" / version / "site-packages" / "dependencies.pth"
    dependencies.write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return home


def _run(installed: Path, command: str, *arguments: str) -> str:
    """Output of an installed command, run away from the source tree."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(installed), "TRACER_HOME": str(installed / "home")}
    done = subprocess.run(
        [str(installed / "bin" / command), *arguments],
        cwd=installed,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_wheel_holds_every_module_and_the_typing_mark(wheel: Path) -> None:
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "tracer").rglob("*.py")}
    assert modules | {"tracer/py.typed"} <= _names(wheel)


def test_wheel_holds_all_bundled_data_and_the_licence(wheel: Path) -> None:
    data = {
        f"tracer/_data/{path.relative_to(ROOT / 'data')}"
        for path in (ROOT / "data").rglob("*")
        if path.is_file()
    }
    assert data
    names = _names(wheel)
    assert data <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_wheel_holds_nothing_else(wheel: Path) -> None:
    metadata = f"{PROJECT['name']}-{PROJECT['version']}.dist-info/"
    assert {name for name in _names(wheel) if not name.startswith(("tracer/", metadata))} == set()


def test_sdist_holds_what_a_developer_needs(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {
        "Makefile",
        "LICENSE",
        "README.md",
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "requirements.lock",
    } <= names
    for folder in (".ci", "data", "docs", "tests", "tools", "tracer"):
        kept = {str(path.relative_to(ROOT)) for path in (ROOT / folder).rglob("*") if path.is_file()}
        missing = {name for name in kept - names if "__pycache__" not in name}
        assert not missing


def test_wheel_from_the_sdist_is_the_wheel_from_the_tree(wheel: Path, sdist: Path, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    subprocess.run(["tar", "-xzf", str(sdist), "-C", str(tmp_path / "source")], check=True)
    (source,) = (tmp_path / "source").iterdir()
    assert _names(_build(source, "wheel", tmp_path / "wheel")) == _names(wheel)


def test_installed_package_finds_its_data_and_not_the_source_tree(installed: Path) -> None:
    code = "from tracer.data import data_dir; print(data_dir())"
    found = Path(_run(installed, "python", "-c", code).strip())
    assert found.is_relative_to(installed)
    kept = {path.relative_to(ROOT / "data") for path in (ROOT / "data").rglob("*") if path.is_file()}
    assert {path.relative_to(found) for path in found.rglob("*") if path.is_file()} == kept


def test_installed_command_says_its_version(installed: Path) -> None:
    assert PROJECT["version"] in _run(installed, "tracer", "--version")


def test_installed_demo_traces_the_bundled_case_offline(installed: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    said = _run(installed, "tracer", "demo", "--out", str(out))
    assert "401,346.768858404671846374" in said or "401346.768858404671846374" in said
    assert (out / "manifest.json").is_file()


def _pins(name: str) -> dict[str, str]:
    text = (ROOT / name).read_text(encoding="utf-8")
    entries = re.split(r"\n(?=\S)", text.strip())
    pins = {}
    for entry in entries:
        distribution, _, version = entry.split()[0].partition("==")
        assert version, f"not pinned in {name}: {entry.splitlines()[0]}"
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), f"no hash in {name}: {distribution}"
        pins[distribution.partition("[")[0]] = version
    return pins


def test_locks_pin_and_hash_everything_and_agree() -> None:
    run, test = _pins("requirements.lock"), _pins("requirements-test.lock")
    assert run.items() <= test.items()


def test_locks_cover_the_declared_dependencies() -> None:
    named = {re.split(r"[\[<>=~! ;]", text)[0].lower() for text in PROJECT["dependencies"]}
    assert named <= _pins("requirements.lock").keys()


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-test.lock"])
def test_locks_name_no_host(name: str) -> None:
    assert "://" not in (ROOT / name).read_text(encoding="utf-8")
