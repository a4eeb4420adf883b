"""The laws of DIMSE services: inherit `ServiceSuite` and give the fixture ``plugin``.

::

    class TestMyService(ServiceSuite):
        reads_dataset = True

        @pytest.fixture
        def plugin(self):
            from my_package import plugin
            return plugin

The plugin runs in a real archive and is asked on real associations. What the suite asks of it by
default is in `pacs_framework.testing.samples`; a service whose requests look otherwise overrides
`ServiceSuite.sample`.
"""

from __future__ import annotations

from pacs_framework.testing.suites.service_laws.declaring import Declaring
from pacs_framework.testing.suites.service_laws.endings import Endings
from pacs_framework.testing.suites.service_laws.instances import Instances
from pacs_framework.testing.suites.service_laws.negotiation import Negotiation
from pacs_framework.testing.suites.service_laws.requests import Requests

__all__ = ["ServiceSuite"]


class ServiceSuite(Declaring, Negotiation, Requests, Endings, Instances, suite=True):
    """Every law of `pacs_framework.network.service.DimseService`, on real associations.

    All services of the plugin are tried at once, every command on every SOP class.
    """
