"""The DICOM Conformance Statement of one installation, gathered from what is really active."""
