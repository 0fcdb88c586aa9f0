"""Where counters are persisted in MongoDB: the collection `counters`, and beside it GridFS for large ones.

A document   _id: the object's name; and   content: the object, where a document can hold it
                                           file: otherwise its id in GridFS (counters.files, counters.chunks)

A file is never written to again: the new one is uploaded, then the document replaced, then the old one deleted. What a
worker that was killed had uploaded and not pointed to is left there, unseen.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bson import ObjectId
from gridfs import GridFSBucket, NoFile
from gridfs.errors import CorruptGridFile
from pymongo import WriteConcern
from pymongo.database import Database
from pymongo.errors import PyMongoError

from coinslot.store.mongodb_faults import unavailable

DOCUMENT_MAX_BYTES = 15 * 1024 * 1024  # MongoDB's limit is 16 MiB, for all of a document


class MongoPlace:
    """coinslot/analytics/places/protocol.py, in the database of a store."""

    def __init__(self, database: Database[dict[str, Any]], durable: WriteConcern) -> None:
        self._objects = database.get_collection("counters", write_concern=durable)
        self._files = GridFSBucket(database, "counters", write_concern=durable)

    def put(self, name: str, content: bytes) -> None:
        with _asking():
            document: dict[str, Any] = {"content": content}
            if len(content) > DOCUMENT_MAX_BYTES:
                document = {"file": self._upload(name, content)}
            before = self._objects.find_one_and_replace({"_id": name}, document, upsert=True)
            self._delete_file_of(before)

    def get(self, name: str) -> bytes | None:
        with _asking():
            while document := self._objects.find_one({"_id": name}):
                if "file" not in document:
                    return bytes(document["content"])
                try:
                    return self._files.open_download_stream(document["file"]).read()
                except (NoFile, CorruptGridFile):
                    if self._objects.find_one({"_id": name}) == document:
                        raise  # it was not replaced meanwhile: so it is not whole
        return None

    def names(self) -> list[str]:
        with _asking():
            return [document["_id"] for document in self._objects.find({}, {"_id": True})]

    def _upload(self, name: str, content: bytes) -> ObjectId:
        id = ObjectId()
        upload = self._files.open_upload_stream_with_id(id, name)
        try:
            upload.write(content)
            upload.close()
        except PyMongoError:
            upload.abort()
            raise
        return id

    def _delete_file_of(self, document: dict[str, Any] | None) -> None:
        if document and "file" in document:
            self._files.delete(document["file"])


@contextmanager
def _asking() -> Iterator[None]:
    try:
        yield
    except PyMongoError as error:
        raise unavailable(error) from error
