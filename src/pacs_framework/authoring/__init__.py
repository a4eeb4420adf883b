"""What plugin authors are given: a new distribution to start from, and a check before they ship it.

`new_project` writes a distribution from a template, one for each kind of plugin that the kernel has
a contract for. `check_plugin` holds one installed plugin against everything the kernel asks of it;
whatever runs code of the plugin does so in a process of its own, so that a crash or a hang is a
finding. The commands ``pacs plugin new`` and ``pacs plugin check`` show the two.
"""

from __future__ import annotations
