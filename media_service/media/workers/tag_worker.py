"""The worker program that reads tags. It may be killed at any time, writes no file, and ends with its input.

A request is a line of JSON on standard input, its reply one on standard output; each is followed by `bytes` bytes. The
file comes as an open descriptor over the socket whose descriptor is the first argument: the worker cannot open files.
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
from media_service.core.cover import CoverLimits
from media_service.core.errors.files import NotMp3
from media_service.core.files import CoverAndChapters
from media_service.media.tags.mutagen_adapter import measure
from media_service.media.tags.rewrite import front_cover, plan_rewrite
from media_service.media.workers.sandbox import confine

MEMORY_BYTES = 128 * 1024 * 1024
"""Limit of address space: a compressed frame of 64 KiB can expand to gigabytes."""

CPU_SECONDS = 1.0
"""Processor time of a request, 100 times what a usual one takes. Load by other processes does not count."""

MAX_DESCRIPTORS = 8
"""Limit of open files: three streams, the socket, the file."""

CODECS = ("ascii", "latin-1", "utf-8", "utf-16", "utf-16-le", "utf-16-be", "cp1252")
"""Codecs that Python imports at first use, which the sandbox would prevent."""


def main() -> None:
    """Handle requests until the input ends."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    for name in CODECS:
        codecs.lookup(name)
    file_socket = socket.socket(fileno=int(sys.argv[1]))
    confine(MAX_DESCRIPTORS)
    for line in sys.stdin.buffer:
        # SIGPROF kills the process.
        signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
        request = json.loads(line)
        attachment = sys.stdin.buffer.read(request["bytes"])
        reply, data = _respond(request, _receive(file_socket), attachment)
        reply["bytes"] = len(data)
        sys.stdout.buffer.write(json.dumps(reply).encode() + b"\n")
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        del reply, data, attachment


def _receive(file_socket: socket.socket) -> int:
    """Return the received descriptor, at the file's beginning: another worker may have moved the shared offset."""
    _, (descriptor,), _, _ = socket.recv_fds(file_socket, 1, 1)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _respond(request: dict[str, Any], file: int, attachment: bytes) -> tuple[dict[str, Any], bytes]:
    try:
        return _dispatch(request, file, attachment)
    except NotMp3 as refusal:
        return {"not_mp3": refusal.reason}, b""
    except OSError:
        return {"trouble": True}, b""
    except (MemoryError, RecursionError):
        return {"too_costly": True}, b""
    except Exception as error:
        # mutagen raises many types of exceptions for broken tags; here all of them are caused by the file.
        return {"not_mp3": f"its tags cannot be read ({type(error).__name__})"}, b""


def _dispatch(request: dict[str, Any], file: int, attachment: bytes) -> tuple[dict[str, Any], bytes]:
    if request["method"] == "measure":
        return {"facts": measure(file)}, b""
    if request["method"] == "cover":
        picture = front_cover(file)
        return {}, picture if len(picture) <= request["limit"] else b""
    enclosed, limits = _enclosed(request.get("enclosed"), attachment), CoverLimits(**request.get("cover_limits", {}))
    how = request.get("how", {})
    plan, resulting = plan_rewrite(file, request["tags"], enclosed=enclosed, cover_limits=limits, **how)
    reply = {"cut": plan.cut, "length": plan.length, "carried": asdict(resulting), "head": len(plan.head)}
    return reply, plan.head + plan.tail if plan.tail else plan.head


def _enclosed(fields: dict[str, Any] | None, picture: bytes) -> CoverAndChapters | None:
    if fields is None:
        return None
    chapters = fields["chapters"]
    chapters_written = None if chapters is None else tuple(Chapter(**fields) for fields in chapters)
    cover = picture if fields["picture"] else None
    return CoverAndChapters(cover, chapters_written, fields["duration"], only_missing=fields["only_missing"])


if __name__ == "__main__":
    main()
