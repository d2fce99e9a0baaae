"""Order of steps, waiting, priorities; other parts are used through `core/ports/`, HTTP is unknown."""
