"""What comes in goes on to other servers by STOW-RS, by rules (``[[plugin.dicomweb.forward]]``)."""
