"""What the bytes of a file mean: signatures, MPEG audio frames, tags, verdicts, and the processes that run mutagen.

Does not belong here: HTTP, the catalogue, where files are stored, and whether a finding rejects a file (`core`).
Directions: `signatures` and `images` <- `mpeg` <- `tags` <- `workers`; `inspection` imports all but `workers`.
"""
