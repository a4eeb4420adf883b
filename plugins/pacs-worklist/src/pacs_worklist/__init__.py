"""The modality worklist: scheduled procedure steps, from several sources, as a C-FIND service."""
