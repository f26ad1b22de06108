"""Open-Assistant's published files: read (`lines`), filtered (`filtering`), and written (`writing`)."""
