"""Settings: their definitions, where they are loaded from, and how they are described to the operator."""
