"""The child process that reads media: it answers one question a line, and may be killed at any moment.

Each question is a line of JSON on standard input. Each answer is a line of JSON on standard output, followed by as many
raw bytes as its `bytes` says. It writes no file, and ends when its input does.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path
from typing import Any

from media_service.core.errors import NotMp3
from media_service.media.id3 import measure
from media_service.media.plan import plan

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
        answer, attached = _answer(json.loads(line))
        answer["bytes"] = len(attached)
        sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
        sys.stdout.buffer.write(attached)
        sys.stdout.buffer.flush()
        del answer, attached


def _limit_processor() -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime) + PROCESSOR
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


def _answer(question: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    path = Path(question["path"])
    try:
        if question["ask"] == "measure":
            return {"facts": measure(path)}, b""
        planned, carried = plan(path, question["tags"], **question.get("how", {}))
        answer = {"cut": planned.cut, "length": planned.length, "carried": carried, "head": len(planned.head)}
        return answer, planned.head + planned.tail if planned.tail else planned.head
    except NotMp3 as refusal:
        return {"not_mp3": refusal.reason}, b""
    except OSError as error:
        return {"missing" if isinstance(error, FileNotFoundError) else "trouble": True}, b""
    except (MemoryError, RecursionError):
        return {"too_costly": True}, b""
    except Exception as error:
        # mutagen lets many kinds of exceptions out on broken tags; here each is a property of the file.
        return {"not_mp3": f"its tags cannot be read ({type(error).__name__})"}, b""


if __name__ == "__main__":
    main()
