"""Conditions of rules: a small typed language over the attributes of an instance.

::

    Modality == "CT" and not SOPClassUID in ["EnhancedCTImageStorage"]
    PatientAge matches "09?Y" or (Rows == 512 and exists StationName)
    Manufacturer contains "acme" and not ImageType contains "derived"

Nothing is evaluated by Python: the text is taken apart here, and what it compares is checked
against PS3.6 before any instance is seen.
"""
