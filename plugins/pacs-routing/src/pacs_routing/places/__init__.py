"""Where instances are sent to: DICOM nodes and folders."""
