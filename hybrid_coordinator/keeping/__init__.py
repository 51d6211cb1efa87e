"""Keeping a home: backups, restoring them, moving the record, and the disk that it all takes."""
