"""`python -m media_service` is `media-service`."""

from media_service.cli import main

if __name__ == "__main__":
    main()
