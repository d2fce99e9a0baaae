"""The child process that reads media: it answers one question a line, and may be killed at any moment.

Each question is a line of JSON on standard input, each answer one on standard output; both are followed by as many raw
bytes as their `bytes` says. The file asked about comes as an open descriptor over the socket whose descriptor is the
first argument: the child itself can open none. It writes no file, and ends when its input does.
"""

from __future__ import annotations

import codecs
import json
import os
import resource
import signal
import socket
import sys
from dataclasses import asdict
from typing import Any

from media_service.core.chapters import Chapter
from media_service.core.errors.files import NotMp3
from media_service.core.files import CoverAndChapters
from media_service.media.tags.mutagen_adapter import measure
from media_service.media.tags.rewrite import front_cover, plan
from media_service.media.workers.sandbox import confine

MEMORY = 128 * 1024 * 1024
"""Bytes of address space; a compressed frame of 64 KiB can unfold to gigabytes."""

PROCESSOR = 1.0
"""Seconds of processor time a question may take, however busy the machine is; the usual one takes a hundredth."""

DESCRIPTORS = 8
"""Files that may be open: three streams, the socket, and the file asked about."""

CODECS = ("ascii", "latin-1", "utf-8", "utf-16", "utf-16-le", "utf-16-be", "cp1252")
"""What Python loads from its library only when it is used, which is too late here."""


def main() -> None:
    """Answers until the input ends."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for name in CODECS:
        codecs.lookup(name)
    files = socket.socket(fileno=int(sys.argv[1]))
    confine(DESCRIPTORS)
    for line in sys.stdin.buffer:
        # The kernel ends the process with SIGPROF.
        signal.setitimer(signal.ITIMER_PROF, PROCESSOR)
        question = json.loads(line)
        brought = sys.stdin.buffer.read(question["bytes"])
        answer, attached = _answer(question, _receive(files), brought)
        answer["bytes"] = len(attached)
        sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
        sys.stdout.buffer.write(attached)
        sys.stdout.buffer.flush()
        del answer, attached, brought


def _receive(files: socket.socket) -> int:
    """Return the descriptor of the file asked about, at its beginning: another child may have read of it."""
    _, (descriptor,), _, _ = socket.recv_fds(files, 1, 1)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _answer(question: dict[str, Any], file: int, brought: bytes) -> tuple[dict[str, Any], bytes]:
    try:
        return _asked(question, file, brought)
    except NotMp3 as refusal:
        return {"not_mp3": refusal.reason}, b""
    except OSError:
        return {"trouble": True}, b""
    except (MemoryError, RecursionError):
        return {"too_costly": True}, b""
    except Exception as error:
        # mutagen lets many kinds of exceptions out on broken tags; here each is a property of the file.
        return {"not_mp3": f"its tags cannot be read ({type(error).__name__})"}, b""


def _asked(question: dict[str, Any], file: int, brought: bytes) -> tuple[dict[str, Any], bytes]:
    if question["ask"] == "measure":
        return {"facts": measure(file)}, b""
    if question["ask"] == "cover":
        picture = front_cover(file)
        return {}, picture if len(picture) <= question["limit"] else b""
    enclosed = _enclosed(question.get("enclosed"), brought)
    planned, carried = plan(file, question["tags"], enclosed=enclosed, **question.get("how", {}))
    answer = {"cut": planned.cut, "length": planned.length, "carried": asdict(carried), "head": len(planned.head)}
    return answer, planned.head + planned.tail if planned.tail else planned.head


def _enclosed(told: dict[str, Any] | None, picture: bytes) -> CoverAndChapters | None:
    if told is None:
        return None
    chapters = told["chapters"]
    written = None if chapters is None else tuple(Chapter(**fields) for fields in chapters)
    return CoverAndChapters(picture if told["picture"] else None, written, told["duration"])


if __name__ == "__main__":
    main()
