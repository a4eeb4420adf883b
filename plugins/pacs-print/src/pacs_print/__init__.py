"""A film printer on the wire: DICOM print as SCP, its queue and its films, and as SCU."""
