"""DICOM JSON (PS3.18 Annex F) and Native DICOM XML (PS3.19 A.1), read and written.

`encoded` writes JSON straight from encoded elements, `datasets` from pydicom's data sets; `reading`
takes JSON back. XML is JSON in another spelling: `xml_writing` and `xml_reading` turn one into the
other. Nothing here knows HTTP, the archive or the index.
"""
