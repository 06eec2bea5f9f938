from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from spade.formats import atomic
from spade.formats.atomic import atomic_path, remove_leftovers, write_atomically
from spade.formats.errors import InputError


def test_writes_and_replaces(tmp_path: Path) -> None:
    target = tmp_path / "a.bin"
    write_atomically(target, b"old")
    write_atomically(target, b"new")
    assert target.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_new_file_gets_ordinary_permissions(tmp_path: Path) -> None:
    reference = tmp_path / "reference"
    reference.write_bytes(b"")
    write_atomically(tmp_path / "a", b"x")
    assert (tmp_path / "a").stat().st_mode == reference.stat().st_mode


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_existing_permissions_stay(tmp_path: Path) -> None:
    target = tmp_path / "a"
    target.write_bytes(b"old")
    target.chmod(0o640)
    write_atomically(target, b"new")
    assert target.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("error", [RuntimeError("bug"), KeyboardInterrupt()])
def test_old_file_survives_an_interrupted_write(tmp_path: Path, error: BaseException) -> None:
    target = tmp_path / "a"
    target.write_bytes(b"old")

    def interrupted() -> None:
        with atomic_path(target) as temporary:
            temporary.write_bytes(b"half")
            raise error

    with pytest.raises(type(error)):
        interrupted()
    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


def test_old_file_survives_the_death_of_the_process(tmp_path: Path) -> None:
    target = tmp_path / "a"
    target.write_bytes(b"old")
    script = (
        "import os, sys\n"
        "from spade.formats.atomic import atomic_path\n"
        "with atomic_path(sys.argv[1]) as temporary:\n"
        "    temporary.write_bytes(b'half')\n"
        "    os._exit(9)\n"
    )
    root = Path(atomic.__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", script, str(target)], cwd=root, check=False)
    assert done.returncode == 9
    assert target.read_bytes() == b"old"


def test_disk_full_is_one_line_and_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "a"
    target.write_bytes(b"old")

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="No space left") as caught:
        write_atomically(target, b"new")
    assert str(target) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere does not exist"):
        write_atomically(tmp_path / "nowhere" / "a", b"x")


def test_folder_as_target_and_file_as_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match="is a folder"):
        write_atomically(tmp_path, b"x")
    with pytest.raises(InputError):
        write_atomically(tmp_path / "file" / "a", b"x")
    with pytest.raises(InputError):
        write_atomically(tmp_path / "a\0b", b"x")


@pytest.mark.skipif(os.name == "nt" or os.getuid() == 0, reason="root may write anywhere")
def test_unwritable_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(InputError, match="choose another folder"):
            write_atomically(tmp_path / "a", b"x")
    finally:
        tmp_path.chmod(0o700)


def test_refused_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_kwargs: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(atomic.tempfile, "mkstemp", refuse)
    with pytest.raises(InputError, match=r"Permission denied.*choose another folder"):
        write_atomically(tmp_path / "a", b"x")


def test_symbolic_link_stays_a_link(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"old")
    try:
        link.symlink_to(target)
    except OSError:
        pytest.skip("links are not allowed here")
    write_atomically(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


def test_error_about_another_file_is_not_rewritten(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "a"):
        (tmp_path / "source").read_bytes()
    assert os.listdir(tmp_path) == []


def test_only_leftovers_are_removed(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "a") as temporary:
        os.link(temporary, temporary.with_name(temporary.name.replace(".tmp", "2.tmp")))
    assert len(os.listdir(tmp_path)) == 2
    for name in ("a.tmp", ".spadework-notes", "b"):
        (tmp_path / name).touch()
    remove_leftovers(tmp_path)
    assert sorted(os.listdir(tmp_path)) == [".spadework-notes", "a", "a.tmp", "b"]
    remove_leftovers(tmp_path / "gone")
