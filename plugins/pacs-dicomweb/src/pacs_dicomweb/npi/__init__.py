"""Instances of no patient over HTTP (PS3.18 chapter 12).

They are another plugin's, which answers the hook ``non_patient_instances``; this is their
transport.
"""
