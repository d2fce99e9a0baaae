"""The page over emulated network links: slow, distant, lossy, and dropping."""
