"""The kinds of instances that belong to no patient (PS3.4 Table GG.3-1), as categories.

A category is what PS3.18 12.1.1 has an address for: SOP classes that are stored, the information
models that find and retrieve them, and the attributes that a search returns. Implant templates are
one category of three SOP classes, each with a model of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    ColorPaletteInformationModelFind,
    ColorPaletteInformationModelGet,
    ColorPaletteInformationModelMove,
    ColorPaletteStorage,
    CTDefinedProcedureProtocolStorage,
    DefinedProcedureProtocolInformationModelFind,
    DefinedProcedureProtocolInformationModelGet,
    DefinedProcedureProtocolInformationModelMove,
    GenericImplantTemplateInformationModelFind,
    GenericImplantTemplateInformationModelGet,
    GenericImplantTemplateInformationModelMove,
    GenericImplantTemplateStorage,
    HangingProtocolInformationModelFind,
    HangingProtocolInformationModelGet,
    HangingProtocolInformationModelMove,
    HangingProtocolStorage,
    ImplantAssemblyTemplateInformationModelFind,
    ImplantAssemblyTemplateInformationModelGet,
    ImplantAssemblyTemplateInformationModelMove,
    ImplantAssemblyTemplateStorage,
    ImplantTemplateGroupInformationModelFind,
    ImplantTemplateGroupInformationModelGet,
    ImplantTemplateGroupInformationModelMove,
    ImplantTemplateGroupStorage,
    InventoryFind,
    InventoryGet,
    InventoryMove,
    InventoryStorage,
    ProtocolApprovalInformationModelFind,
    ProtocolApprovalInformationModelGet,
    ProtocolApprovalInformationModelMove,
    ProtocolApprovalStorage,
    XADefinedProcedureProtocolStorage,
)

__all__ = ["BY_CATEGORY", "BY_CLASS", "MODELS", "Model"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """An information model of a single entity.

    ``category`` is the npi-name of PS3.18 12.1.1. ``label`` is the attribute that a person knows an
    instance by. ``required`` are the matching keys of type U and R at the top of the model's table
    in PS3.4, ``returned`` further attributes of return type 1 and 2; of a sequence all is returned.
    ``indexed`` are those of them that instances are searched by although the table asks for none.
    """

    name: str
    category: str
    storage: tuple[str, ...]
    find: str
    move: str
    get: str
    source: str
    label: str
    required: tuple[str, ...]
    returned: tuple[str, ...] = ()
    indexed: tuple[str, ...] = ()

    @property
    def attributes(self) -> tuple[str, ...]:
        """Keywords of what a search returns that asks for nothing in particular."""
        return ("SOPClassUID", "SOPInstanceUID", *self.required, *self.returned)


MODELS = (
    Model(
        name="Hanging Protocol",
        category="hanging-protocols",
        storage=(HangingProtocolStorage,),
        find=HangingProtocolInformationModelFind,
        move=HangingProtocolInformationModelMove,
        get=HangingProtocolInformationModelGet,
        source="PS3.4 Table U.6-1",
        label="HangingProtocolName",
        required=(
            "HangingProtocolName",
            "HangingProtocolLevel",
            "HangingProtocolDefinitionSequence",
            "NumberOfPriorsReferenced",
            "HangingProtocolUserIdentificationCodeSequence",
            "HangingProtocolUserGroupName",
            "NumberOfScreens",
        ),
        returned=(
            "HangingProtocolDescription",
            "HangingProtocolCreator",
            "HangingProtocolCreationDateTime",
            "NominalScreenDefinitionSequence",
        ),
    ),
    Model(
        name="Color Palette",
        category="color-palettes",
        storage=(ColorPaletteStorage,),
        find=ColorPaletteInformationModelFind,
        move=ColorPaletteInformationModelMove,
        get=ColorPaletteInformationModelGet,
        source="PS3.4 Table X.6-1",
        label="ContentLabel",
        required=("ContentLabel",),
        returned=("ContentDescription", "ContentCreatorName"),
    ),
    Model(
        name="Generic Implant Template",
        category="implant-templates",
        storage=(GenericImplantTemplateStorage,),
        find=GenericImplantTemplateInformationModelFind,
        move=GenericImplantTemplateInformationModelMove,
        get=GenericImplantTemplateInformationModelGet,
        source="PS3.4 Table BB.6-1",
        label="ImplantName",
        required=(
            "Manufacturer",
            "ImplantName",
            "ImplantSize",
            "ImplantPartNumber",
            "ReplacedImplantTemplateSequence",
            "DerivationImplantTemplateSequence",
            "EffectiveDateTime",
            "OriginalImplantTemplateSequence",
            "ImplantTargetAnatomySequence",
            "ImplantRegulatoryDisapprovalCodeSequence",
            "MaterialsCodeSequence",
            "CoatingMaterialsCodeSequence",
        ),
    ),
    Model(
        name="Implant Assembly Template",
        category="implant-templates",
        storage=(ImplantAssemblyTemplateStorage,),
        find=ImplantAssemblyTemplateInformationModelFind,
        move=ImplantAssemblyTemplateInformationModelMove,
        get=ImplantAssemblyTemplateInformationModelGet,
        source="PS3.4 Table BB.6-2",
        label="ImplantAssemblyTemplateName",
        required=(
            "ImplantAssemblyTemplateName",
            "Manufacturer",
            "ProcedureTypeCodeSequence",
            "ReplacedImplantAssemblyTemplateSequence",
            "OriginalImplantAssemblyTemplateSequence",
            "DerivationImplantAssemblyTemplateSequence",
            "SurgicalTechnique",
        ),
    ),
    Model(
        name="Implant Template Group",
        category="implant-templates",
        storage=(ImplantTemplateGroupStorage,),
        find=ImplantTemplateGroupInformationModelFind,
        move=ImplantTemplateGroupInformationModelMove,
        get=ImplantTemplateGroupInformationModelGet,
        source="PS3.4 Table BB.6-3",
        label="ImplantTemplateGroupName",
        required=(
            "ImplantTemplateGroupName",
            "ImplantTemplateGroupIssuer",
            "EffectiveDateTime",
            "ReplacedImplantTemplateGroupSequence",
        ),
        returned=("ImplantTemplateGroupDescription",),
    ),
    Model(
        name="Defined Procedure Protocol",
        category="defined-procedure-protocols",
        storage=(CTDefinedProcedureProtocolStorage, XADefinedProcedureProtocolStorage),
        find=DefinedProcedureProtocolInformationModelFind,
        move=DefinedProcedureProtocolInformationModelMove,
        get=DefinedProcedureProtocolInformationModelGet,
        source="PS3.4 Table HH.6-1",
        label="ProtocolName",
        required=(
            "CustodialOrganizationSequence",
            "ResponsibleGroupCodeSequence",
            "ProtocolName",
            "PotentialScheduledProtocolCodeSequence",
            "PotentialRequestedProcedureCodeSequence",
            "PotentialReasonsForProcedureCodeSequence",
            "PredecessorProtocolSequence",
            "ContentCreatorName",
            "InstanceCreationDate",
            "InstanceCreationTime",
        ),
        returned=("PotentialReasonsForProcedure", "PotentialDiagnosticTasks"),
    ),
    Model(
        name="Protocol Approval",
        category="protocol-approvals",
        storage=(ProtocolApprovalStorage,),
        find=ProtocolApprovalInformationModelFind,
        move=ProtocolApprovalInformationModelMove,
        get=ProtocolApprovalInformationModelGet,
        source="PS3.4 Table II.6-1",
        label="InstanceCreationDate",
        required=(
            "InstanceCreationDate",
            "InstanceCreationTime",
            "ApprovalSubjectSequence",
            "ApprovalSequence",
        ),
    ),
    Model(
        name="Inventory",
        category="inventories",
        storage=(InventoryStorage,),
        find=InventoryFind,
        move=InventoryMove,
        get=InventoryGet,
        # The attributes of the Inventory IE alone, which are those of the Inventory Module without
        # its records; returned are types 1, 1C and 2 of that, and what a person knows it by.
        source="PS3.4 JJ.2, PS3.3 Table C.38.1-1",
        label="InventoryInstanceDescription",
        required=(),
        returned=(
            "ContentDate",
            "ContentTime",
            "TransactionUID",
            "InventoryPurpose",
            "InventoryInstanceDescription",
            "InventoryLevel",
            "ScopeOfInventorySequence",
            "InventoryCompletionStatus",
            "NumberOfStudyRecordsInInstance",
            "TotalNumberOfStudyRecords",
        ),
        indexed=(
            "ContentDate",
            "TransactionUID",
            "InventoryPurpose",
            "InventoryInstanceDescription",
            "InventoryLevel",
            "InventoryCompletionStatus",
        ),
    ),
)

BY_CLASS = {sop_class: model for model in MODELS for sop_class in model.storage}
"""The model of each SOP class that is stored."""

BY_CATEGORY = {
    category: tuple(model for model in MODELS if model.category == category)
    for category in sorted({model.category for model in MODELS})
}
"""The models behind each address of PS3.18 12.1.1, and of protocol approvals (CP-2551)."""
