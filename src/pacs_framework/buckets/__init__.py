"""Objects in a bucket: what storage plugins for S3, Azure Blob, Google Cloud Storage share.

Names of objects, encryption before sending, whole objects and ranges through obstore, uploads in
parts, errors in the words of the storage contract. A plugin adds how its store is reached, and what
that store has of its own. Needs the extra ``buckets``; nothing of the kernel imports this room.
"""
