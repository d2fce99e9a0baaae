"""The child process that reads media: it answers one question a line, and may be killed at any moment.

Each question is a line of JSON on standard input, each answer one on standard output; both are followed by as many raw
bytes as their `bytes` says. It writes no file, and ends when its input does.
"""

from __future__ import annotations

import json
import resource
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from media_service.core.chapters import Chapter
from media_service.core.errors import NotMp3
from media_service.core.files import Enclosed
from media_service.media.id3 import measure
from media_service.media.plan import front_cover, plan

MEMORY = 128 * 1024 * 1024
"""Bytes of address space; a compressed frame of 64 KiB can unfold to gigabytes."""

PROCESSOR = 4
"""Seconds of processor time a question may take; a file is asked about twice."""


def main() -> None:
    """Answers until the input ends."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for line in sys.stdin.buffer:
        _limit_processor()
        question = json.loads(line)
        answer, attached = _answer(question, sys.stdin.buffer.read(question["bytes"]))
        answer["bytes"] = len(attached)
        sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
        sys.stdout.buffer.write(attached)
        sys.stdout.buffer.flush()
        del answer, attached


def _limit_processor() -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime) + PROCESSOR
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


def _answer(question: dict[str, Any], brought: bytes) -> tuple[dict[str, Any], bytes]:
    try:
        return _asked(question, Path(question["path"]), brought)
    except NotMp3 as refusal:
        return {"not_mp3": refusal.reason}, b""
    except OSError as error:
        return {"missing" if isinstance(error, FileNotFoundError) else "trouble": True}, b""
    except (MemoryError, RecursionError):
        return {"too_costly": True}, b""
    except Exception as error:
        # mutagen lets many kinds of exceptions out on broken tags; here each is a property of the file.
        return {"not_mp3": f"its tags cannot be read ({type(error).__name__})"}, b""


def _asked(question: dict[str, Any], path: Path, brought: bytes) -> tuple[dict[str, Any], bytes]:
    if question["ask"] == "measure":
        return {"facts": measure(path)}, b""
    if question["ask"] == "cover":
        picture = front_cover(path)
        return {}, picture if len(picture) <= question["limit"] else b""
    enclosed = _enclosed(question.get("enclosed"), brought)
    planned, carried = plan(path, question["tags"], enclosed=enclosed, **question.get("how", {}))
    answer = {"cut": planned.cut, "length": planned.length, "carried": asdict(carried), "head": len(planned.head)}
    return answer, planned.head + planned.tail if planned.tail else planned.head


def _enclosed(told: dict[str, Any] | None, picture: bytes) -> Enclosed | None:
    if told is None:
        return None
    chapters = told["chapters"]
    written = None if chapters is None else tuple(Chapter(**fields) for fields in chapters)
    return Enclosed(picture if told["picture"] else None, written, told["duration"])


if __name__ == "__main__":
    main()
