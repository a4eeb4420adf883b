"""The section ``[plugin.anonymize]``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Self

from pydantic import Field, model_validator

from pacs_anonymize.engine.patients import PatientTable, Unknown
from pacs_anonymize.keys import MAKE_ONE
from pacs_anonymize.names import names_of
from pacs_anonymize.pixels.options import OptionName
from pacs_anonymize.vault.reference import VaultReference
from pacs_framework.config import Section
from pacs_framework.config.keys import KeyReference
from pacs_framework.config.types import AbsolutePath, OptionalPath
from pacs_framework.errors import ConfigurationError

if TYPE_CHECKING:
    from pacs_anonymize.vault.vault import Vault

__all__ = [
    "AnonymizeSettings",
    "ProfileSettings",
    "PseudonymSettings",
    "RetrieveRule",
    "StoreRule",
]


class ProfileSettings(Section):
    """An anonymizer of the site's own: options of PS3.15 Annex E, or a profile file."""

    options: tuple[OptionName, ...] = Field(
        default=(),
        description=(
            "Options of PS3.15 E.3 on top of the Basic Application Level Confidentiality Profile."
        ),
    )
    file: OptionalPath = Field(
        default=None, description="Profile file; `pacs anonymize lint FILE` explains one."
    )
    pixel_rules: tuple[AbsolutePath, ...] = Field(
        default=(),
        description=(
            "Files with rules for pixels, in place of the standard ones; they bring the option "
            "clean-pixel-data."
        ),
    )
    defacer: str = Field(
        default="",
        description="Who takes faces out, for the option clean-recognizable-visual-features.",
    )

    @model_validator(mode="after")
    def _either(self) -> Self:
        if self.file is not None and self.options:
            raise ValueError("options are written into the profile file where there is one")
        return self


class PseudonymSettings(Section):
    """Where the table of pseudonyms is that a site gives to its patients itself."""

    file: OptionalPath = Field(
        default=None,
        description=(
            "CSV file in UTF-8 with the columns patient_id, issuer, pseudonym, name and days; "
            "patient_id and pseudonym are enough. It is read at start."
        ),
    )
    vault: bool = Field(
        default=False,
        description=(
            "Take the table in the vault instead, which `pacs anonymize pseudonyms import` fills: "
            "encrypted, the same for all nodes, and what is imported counts at once."
        ),
    )
    unknown: Unknown = Field(
        default=Unknown.REFUSE,
        description=(
            "What to do with a patient who is not in the table: refuse the instance, or have the "
            "key make a pseudonym."
        ),
    )

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.vault and self.file is not None:
            raise ValueError("file and vault are both set; the table is in one place only")
        if self.unknown is Unknown.KEY and not self.vault and self.file is None:
            raise ValueError("unknown says what to do beside a table: set file or vault")
        return self


class StoreRule(Section):
    """Which instances are de-identified on their way in, by which anonymizer, or put back."""

    anonymizer: str = Field(
        default="", description="Name of an anonymizer; `pacs anonymize profiles` lists them."
    )
    reidentify: bool = Field(
        default=False,
        description=(
            "Instead of an anonymizer: put what comes with a pseudonym back to its patient, by the "
            "vault. It needs calling_aet and reason."
        ),
    )
    reason: str = Field(
        default="", description="Why it is put back; it stands in the vault's audit trail."
    )
    calling_aet: str = Field(default="", description="Pattern for the AE title of the sender.")
    called_aet: str = Field(default="", description="Pattern for the AE title that was called.")
    modality: str = Field(default="", description="Pattern for Modality (0008,0060).")
    sop_class: str = Field(
        default="", description="Pattern for the SOP class: its UID or its keyword in PS3.6."
    )
    station_name: str = Field(default="", description="Pattern for Station Name (0008,1010).")

    @model_validator(mode="after")
    def _one_answer(self) -> Self:
        if bool(self.anonymizer) == self.reidentify:
            raise ValueError("a rule says one of: anonymizer = NAME, reidentify = true")
        if self.reidentify and not (self.calling_aet.strip("*") and self.reason):
            raise ValueError(
                "reidentify tells who somebody is: say for which calling_aet, and the reason"
            )
        if self.reason and not self.reidentify:
            raise ValueError("a reason is for reidentify = true")
        return self


class RetrieveRule(Section):
    """Which view of which instances a recipient gets: by an anonymizer, the original, or none."""

    anonymizer: str = Field(
        default="", description="Name of an anonymizer; `pacs anonymize profiles` lists them."
    )
    original: bool = Field(default=False, description="Send what is stored, as it is.")
    refuse: bool = Field(
        default=False, description="Send nothing: the sub-operation fails, the others go on."
    )
    destination: str = Field(
        default="",
        description=(
            "Pattern for the AE title of who receives: of the move destination in a C-MOVE, of the "
            "requestor in a C-GET."
        ),
    )
    calling_aet: str = Field(default="", description="Pattern for the AE title of who asks.")
    modality: str = Field(default="", description="Pattern for Modality (0008,0060).")
    sop_class: str = Field(
        default="", description="Pattern for the SOP class: its UID or its keyword in PS3.6."
    )
    station_name: str = Field(default="", description="Pattern for Station Name (0008,1010).")

    @model_validator(mode="after")
    def _one_answer(self) -> Self:
        if sum((bool(self.anonymizer), self.original, self.refuse)) != 1:
            raise ValueError(
                "a rule says one of: anonymizer = NAME, original = true, refuse = true"
            )
        return self


class AnonymizeSettings(KeyReference):
    """De-identification by PS3.15 Annex E: profiles, and rules for what comes in."""

    profiles: dict[str, ProfileSettings] = Field(
        default_factory=dict,
        description=(
            "Anonymizers of the site's own, by name: [plugin.anonymize.profiles.NAME] with "
            "options or file."
        ),
    )
    on_store: tuple[StoreRule, ...] = Field(
        default=(),
        description=(
            "Rules for what comes in, [[plugin.anonymize.on_store]]; the first one whose patterns "
            "all fit has the instance de-identified before it is kept. What none fits is kept as "
            "it came. Each pattern may hold *, ? and [...]; one that is left out fits everything."
        ),
    )
    on_retrieve: tuple[RetrieveRule, ...] = Field(
        default=(),
        description=(
            "Rules for what is sent, [[plugin.anonymize.on_retrieve]]; the first one whose "
            "patterns all fit says what the recipient gets. What none fits is sent as it is "
            "stored. Patterns as in on_store."
        ),
    )

    pseudonyms: PseudonymSettings = Field(
        default_factory=PseudonymSettings,
        description="A table of pseudonyms that goes before the key, for patients alone.",
    )
    vault: VaultReference = Field(
        default_factory=VaultReference,
        description=(
            "The vault that leads back to patients. Where there is one, every anonymizer of this "
            "plugin, and every rule, keeps the way back there before an instance goes on."
        ),
    )
    quarantine: OptionalPath = Field(
        default=None,
        description=(
            "Folder for instances that a rule could not de-identify; it belongs to its owner "
            "alone (0700). They are refused all the same. `pacs anonymize quarantine` lists them, "
            "and sends them again through the door of the archive. Without it nothing is kept."
        ),
    )

    def patients(self) -> PatientTable | None:
        """The table of pseudonyms; None where there is none. Raises `ConfigurationError`."""
        # Not above: an archive without a table loads nothing of it.
        from pacs_anonymize.pseudonyms.tables import FileTable, VaultTable  # noqa: PLC0415

        table = self.pseudonyms
        if table.file is not None:
            return FileTable(table.file, table.unknown)
        return VaultTable(self.needed_vault(), table.unknown) if table.vault else None

    def needed_vault(self) -> Vault:
        """The vault. Raises `ConfigurationError` where none is configured."""
        vault = self.vault.vault
        if vault is None:
            raise ConfigurationError(
                "no vault is configured: set place and key_file in [plugin.anonymize.vault]; "
                "`pacs anonymize vault create` makes one"
            )
        return vault

    @model_validator(mode="after")
    def _usable(self) -> Self:
        problems = list(self._problems())
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _problems(self) -> Iterator[str]:
        try:
            key = self.read_key()
            if self.profiles:
                # Not above: an archive that has none of its own starts without loading any.
                from pacs_anonymize.profiles.known import profiles_of  # noqa: PLC0415

                profiles_of(self)
            self.patients()
            if any(rule.reidentify for rule in self.on_store):
                self.needed_vault()
        except ConfigurationError as error:
            yield str(error)
            return
        for name, rules in (("on_store", self.on_store), ("on_retrieve", self.on_retrieve)):
            if key is None and any(rule.anonymizer in names_of(self) for rule in rules):
                yield (
                    f"rules in {name} need a key for their pseudonyms: set key_file or key_env; "
                    f"{MAKE_ONE}"
                )
