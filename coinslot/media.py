"""What a body may come as: ingest takes it, and /limits tells of it."""

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
NDJSON = "application/x-ndjson"
TEXT = "text/plain"  # JSON, as a browser's sendBeacon sends it

TYPES = (FORM, JSON, NDJSON, TEXT)
ENCODINGS = ("gzip", "zstd")
