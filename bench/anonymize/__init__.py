"""De-identification beside dicognito, deid and dicom-anonymizer: what is left, what is lost, how
fast.
"""
