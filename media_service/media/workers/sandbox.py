"""Confine this process, as far as the kernel allows, before it reads untrusted files.

The protections are independent; one that the kernel lacks or a container forbids is left out: no new privileges and no
capabilities (prctl(2), capabilities(7)), an empty network namespace (unshare(2), user_namespaces(7)), and by Landlock
(landlock(7)) no opening of files, no TCP, no signals to other processes. They cannot be undone. System calls that
Python does not wrap go through ctypes; Landlock's have the same numbers on every architecture.
"""

from __future__ import annotations

import ctypes
import os
import resource
import struct
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION = 1
_PATH_BENEATH = 1
_EXECUTE, _READ_FILE, _READ_FOLDER = 1 << 0, 1 << 2, 1 << 3
_FILE_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
"""Rights that each version of Landlock can restrict."""

_TCP, _TCP_SINCE = 0b11, 4
_SCOPES, _SCOPES_SINCE = 0b11, 6
"""Abstract Unix sockets and signals, and the first versions of Landlock that restrict these and TCP."""

_NEWUSER, _NEWNET = 0x10000000, 0x40000000
_SET_NO_NEW_PRIVS = 38
_CAPABILITY_VERSION = 0x20080522

PROTECTIONS = ("no_new_privileges", "no_capabilities", "no_network", "no_files")

_libc = ctypes.CDLL(None, use_errno=True)


def confine(descriptors: int, *, programs: Iterable[Path] = (), files: Iterable[int] = ()) -> list[str]:
    """Apply every protection that the kernel allows and return their names.

    `descriptors` limits open files. Only paths under `programs` can be read and executed, and `files` opened again.
    Without `programs` no process or thread can be started, unless root runs this.
    """
    paths, files = list(programs), list(files)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    no_network = _leave_network()
    ruleset = _file_rules(paths, files)
    applied = {
        "no_network": no_network,
        "no_new_privileges": _libc.prctl(_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0,
        "no_capabilities": _drop_capabilities(),
        "no_files": ruleset is not None and _libc.syscall(_RESTRICT_SELF, ruleset, 0) == 0,
    }
    if ruleset is not None:
        os.close(ruleset)
    if not paths:
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
    return [name for name in PROTECTIONS if applied[name]]


def probe_protections() -> list[str]:
    """Return the names of the protections that this machine allows. Call it while no other thread runs. Raise OSError.

    A forked process tries them, because a new interpreter takes 45 ms of processor time.
    """
    reading, writing = os.pipe()
    try:
        pid = os.fork()
        if pid == 0:
            _report_and_exit(writing)
    except OSError:
        os.close(reading)
        raise
    finally:
        os.close(writing)
    with open(reading, encoding="ascii") as names:  # noqa: PTH123  # a descriptor
        held = names.read().split()
    os.waitpid(pid, 0)
    return held


def _report_and_exit(descriptor: int) -> NoReturn:
    """Apply the protections, and write the names of those that the kernel allowed; none after an error."""
    try:
        os.write(descriptor, " ".join(confine(0)).encode())
    finally:
        os._exit(0)


def _leave_network() -> bool:
    """Enter a new network namespace, by root's rights or by those of a new user namespace."""
    return bool(_libc.unshare(_NEWNET) == 0 or _libc.unshare(_NEWUSER | _NEWNET) == 0)


def _drop_capabilities() -> bool:
    header = struct.pack("=Ii", _CAPABILITY_VERSION, 0)
    return bool(_libc.capset(header, bytes(24)) == 0)


def _file_rules(programs: Iterable[Path], files: Iterable[int]) -> int | None:
    """Return the descriptor of a ruleset that allows only these; None without Landlock."""
    version = _libc.syscall(_CREATE_RULESET, None, 0, _VERSION)
    if version < 1:
        return None
    rights = _FILE_RIGHTS[max(listed for listed in _FILE_RIGHTS if listed <= version)]
    tcp, scopes = _TCP if version >= _TCP_SINCE else 0, _SCOPES if version >= _SCOPES_SINCE else 0
    # Older kernels accept the longer structure if the fields they do not know are zero.
    attributes = struct.pack("=QQQ", rights, tcp, scopes)
    ruleset: int = _libc.syscall(_CREATE_RULESET, attributes, len(attributes), 0)
    if ruleset < 0:
        return None
    for descriptor in files:
        _allow(ruleset, descriptor, _READ_FILE)
    for path in programs:
        # A missing path needs no rule.
        with suppress(OSError):
            descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
            _allow(ruleset, descriptor, _EXECUTE | _READ_FILE | (_READ_FOLDER if path.is_dir() else 0))
            os.close(descriptor)
    return ruleset


def _allow(ruleset: int, descriptor: int, rights: int) -> None:
    """Add a rule for the open file, or for all files below the open directory."""
    _libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", rights, descriptor), 0)
