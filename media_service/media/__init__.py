"""What the bytes mean: is it an MP3, what is it called, how is it tagged.

mutagen is imported in `id3.py` alone, and runs only in the child process that `worker.py` starts and may kill.
"""
