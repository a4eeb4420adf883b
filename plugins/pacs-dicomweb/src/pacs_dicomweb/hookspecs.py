"""The hooks that this plugin offers: what is behind the services that are not about instances."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pacs_framework.hookspecs import HookKind, hookspec

if TYPE_CHECKING:
    from pacs_dicomweb.commitment.contract import Commitments
    from pacs_dicomweb.npi.contract import NonPatientInstances
    from pacs_dicomweb.procedure_steps.contract import PerformedSteps, ScheduledSteps
    from pacs_dicomweb.ups.contract import Workitems
    from pacs_framework.archive.archive import Archive

__all__ = [
    "commitments",
    "non_patient_instances",
    "performed_steps",
    "scheduled_steps",
    "workitems",
]


@hookspec(HookKind.REGISTER)
def workitems(archive: Archive, settings: Any) -> Workitems:
    """Keep the unified procedure steps that are worked on by HTTP (UPS-RS, PS3.18 chapter 11).

    Kind: REGISTER; called once in each process that serves HTTP.
    archive: for the tables of the plugin's own.
    Returns: what carries the operations out (see `Workitems`). Nobody has to import it: anything
    with its methods will do. One plugin may; without any, UPS-RS is not served, and with two
    HTTP does not start.
    """
    raise NotImplementedError


@hookspec(HookKind.REGISTER)
def commitments(archive: Archive, settings: Any) -> Commitments:
    """Answer for what is stored, by HTTP (storage commitment, PS3.18 chapter 13).

    Kind: REGISTER; called once in each process that serves HTTP.
    archive: for the index, the storage, and the tables of the plugin's own.
    Returns: what checks and remembers (see `Commitments`). Nobody has to import it: anything with
        its methods will do. One plugin may; without any, the resources are not served, and with
        two HTTP does not start.
    """
    raise NotImplementedError


@hookspec(HookKind.REGISTER)
def scheduled_steps(archive: Archive, settings: Any) -> ScheduledSteps:
    """Tell by HTTP what modalities are to do (PS3.18 chapter 14).

    Kind: REGISTER; called once in each process that serves HTTP.
    archive: for the tables of the plugin's own.
    Returns: what searches the worklist (see `ScheduledSteps`). Nobody has to import it: anything
        with its methods will do. One plugin may; without any, the resource is not served, and with
        two HTTP does not start.
    """
    raise NotImplementedError


@hookspec(HookKind.REGISTER)
def performed_steps(archive: Archive, settings: Any) -> PerformedSteps:
    """Take by HTTP what modalities have done (PS3.18 chapter 15).

    Kind: REGISTER; called once in each process that serves HTTP.
    archive: for the index, and the tables of the plugin's own.
    Returns: what keeps the steps (see `PerformedSteps`). Nobody has to import it: anything with its
        methods will do. One plugin may; without any, the resource is not served, and with two HTTP
        does not start.
    """
    raise NotImplementedError


@hookspec(HookKind.REGISTER)
def non_patient_instances(archive: Archive, settings: Any) -> NonPatientInstances:
    """Keep instances that belong to no patient, such as hanging protocols (PS3.18 chapter 12).

    Kind: REGISTER; called once in each process that serves HTTP.
    archive: for the tables of the plugin's own.
    Returns: what keeps and finds them (see `NonPatientInstances`). Nobody has to import it:
        anything with its methods will do. One plugin may; without any, the resources are not
        served, and with two HTTP does not start.
    """
    raise NotImplementedError
