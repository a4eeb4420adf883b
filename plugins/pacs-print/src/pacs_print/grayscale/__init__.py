"""From pixels to density: the Grayscale Standard Display Function, hardcopy, devices' curves."""
