"""Real MP3s and tags, and the real child process."""
