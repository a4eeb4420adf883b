"""What docs/reference/api.md holds: the sections, and the public names in each."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CONTENTS", "Part", "Section"]


@dataclass(frozen=True, slots=True)
class Part:
    """Names of one module of ``pacs_framework``; all public ones where none is given."""

    module: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, what stands below it, and what it is about."""

    title: str
    introduction: str
    parts: tuple[Part, ...]


CONTENTS = (
    Section(
        "Instances that come in",
        "What `on_store` gets, and what it may answer; what a Coercion may change is told where "
        "to [write a hook](../how-to/write-a-hook.md#what-a-coercion-may-change).",
        (
            Part(
                "archive.incoming",
                ("IncomingInstance", "Origin", "Refusal", "Coercion", "Compression"),
            ),
            Part("codecs.loss"),
        ),
    ),
    Section(
        "Instances that go out",
        "What `on_retrieve` gets; it answers as `on_store` does, without Compression. Who sends "
        "instances opens them by `RetrieveService.opener`, so that what it says holds.",
        (Part("archive.outgoing", ("OutgoingInstance", "Recipient")),),
    ),
    Section(
        "Associations", "What `on_association` gets and answers.", (Part("network.decisions"),)
    ),
    Section(
        "Changes",
        "What `on_stored` and `on_patient_changed` get.",
        (Part("archive.changes"),),
    ),
    Section(
        "The archive",
        "What services, hooks and commands work with.",
        (
            Part("archive.archive", ("Archive", "OpenedInstance")),
            Part("archive.query", ("QueryService", "Matches")),
            Part("archive.query_keys", ("Root",)),
            Part("dicom.attributes", ("Level",)),
            Part("archive.retrieve"),
            Part("archive.patients", ("Patients",)),
            Part("archive.corrections", ("Correction", "CorrectionKind", "PatientKey")),
        ),
    ),
    Section(
        "Work beside the wire",
        "What the hooks `background` and `doors` return, and what a thread that waits is woken by.",
        (Part("background"), Part("doors"), Part("waking")),
    ),
    Section(
        "Work that is done later",
        "What the hook `job_kinds` returns, and what `archive.jobs` takes; [do work "
        "later](../how-to/do-work-later.md) shows both.",
        (
            Part("jobs.kinds"),
            Part("jobs.context"),
            Part("jobs.outcomes"),
            Part(
                "jobs.model",
                (
                    "JobOrder",
                    "Repeat",
                    "Enqueued",
                    "Job",
                    "JobState",
                    "Progress",
                    "JobFilter",
                    "JobSummary",
                    "JobLogLine",
                    "Pause",
                ),
            ),
            Part("jobs.queue"),
        ),
    ),
    Section(
        "Conditions",
        "What rules ask of instances; [write conditions](../how-to/write-conditions.md) tells the "
        "language, and how a plugin has subjects of its own.",
        (Part("conditions"),),
    ),
    Section(
        "Tables of a plugin's own",
        "What the hook `tables` returns, and what `archive.tables(NAME)` gives.",
        (
            Part("tables", ("PluginTables", "TableStore", "new_metadata", "insert")),
            Part("tables.leases"),
            Part("tables.notices"),
            Part("tables.pauses"),
            Part("dicom.packed"),
        ),
    ),
    Section(
        "Hooks of a plugin's own",
        "`archive.hooks` calls what `add_hookspecs` offered.",
        (
            Part("hookspecs", ("HookKind", "hookspec")),
            Part("plugins.offered", ("OfferedHooks",)),
        ),
    ),
    Section(
        "DIMSE services",
        "[Write a DIMSE service](../how-to/write-a-dimse-service.md) shows one.",
        (
            Part("network.service"),
            Part("network.normalized"),
            Part("network.errors", ("NormalizedFailure",)),
            Part("network.scu"),
            Part("dicom.status"),
            Part("dicom.identifier"),
            Part("dicom.matching", ("Matcher",)),
            Part("dicom.uids", ("UNCOMPRESSED", "is_valid_uid")),
        ),
    ),
    Section(
        "Storage backends",
        "[Write a storage backend](../how-to/write-a-storage-backend.md) tells who calls what, "
        "and when.",
        (
            Part(
                "storage",
                (
                    "StorageBackend",
                    "ObjectWriter",
                    "ObjectName",
                    "ObjectStat",
                    "ByteSource",
                    "Digests",
                    "ObjectCopy",
                    "ObjectOpener",
                    "Surroundings",
                    "Unsettled",
                    "BackendFactory",
                ),
            ),
            Part("folders"),
            Part("whole_file"),
        ),
    ),
    Section(
        "Codecs",
        "[Write a codec](../how-to/write-a-codec.md) shows one.",
        (
            Part("codecs.codec", ("Codec", "Frame", "Buffer")),
            Part("codecs.pixels", ("PixelFormat",)),
            Part("codecs.asked_for"),
        ),
    ),
    Section(
        "Anonymizers",
        "[Write an anonymizer](../how-to/write-an-anonymizer.md) shows one.",
        (
            Part("anonymizers.anonymizer", ("Anonymizer",)),
            Part(
                "anonymizers.pixel_work", ("AnonymousDataSet", "PixelWork", "Region", "data_set_of")
            ),
            Part(
                "anonymizers.applying",
                ("anonymized", "anonymous_answer", "anonymous_instance", "AnonymousInstance"),
            ),
            Part("anonymizers.files", ("anonymize_file",)),
            Part("dicom.rewrite", ("PYDICOM_FAILURES",)),
        ),
    ),
    Section(
        "Conformance",
        "What the hook `conformance` returns; [conformance](../how-to/conformance.md) shows what "
        "becomes of it.",
        (Part("conformance.records"),),
    ),
    Section(
        "Settings",
        "For the section of a plugin, `[plugin.NAME]`.",
        (
            Part("config", ("Section", "Size")),
            Part("config.types", ("OptionalPath", "format_size")),
            Part("config.hours"),
        ),
    ),
    Section(
        "Errors",
        "Each knows what the peer is told. Whatever else a plugin raises counts as a defect of it.",
        (Part("errors"),),
    ),
    Section(
        "Commands",
        "[Write a command](../how-to/write-a-command.md) shows one.",
        (
            Part("app", ("App", "Configured", "configure")),
            Part("cli.lazy"),
            Part("cli.options"),
            Part("cli.output"),
        ),
    ),
    Section(
        "Tests",
        "[Test a plugin](../how-to/test-a-plugin.md) shows these in use. pytest finds the fixtures "
        "by itself: `pacs_archive` is an `Archives`, `pacs_association` an `Associations`, "
        "`pacs_instances` an `Instances`, `pacs_hooks` a `HookRecorder`, `pacs_clock` a `Clock`, "
        "`pacs_faulty_disk` a `FaultyDisk`, `pacs_tables` a `TableStores`, "
        "`pacs_emptied_tables` an `EmptiedTables`, `pacs_postgres` a "
        "`PrivatePostgres`, `pacs_index_url` a `str`.",
        (
            Part("testing.factories"),
            Part("testing.running"),
            Part("testing.process"),
            Part("testing.instances"),
            Part("testing.hooks"),
            Part("testing.clock"),
            Part("testing.faulty_disk"),
            Part("testing.tables"),
            Part("testing.jobs"),
            Part("testing.postgres"),
            Part("testing.arrivals"),
            Part("testing.objects"),
            Part("testing.memory_storage"),
            Part("testing.samples"),
            Part("testing.mutations"),
            Part("plugins", ("PluginSet",)),
            Part("testing.distributions"),
        ),
    ),
    Section(
        "Contract suites",
        "Inherit one, give its fixture, and declare what your plugin can do.",
        (
            Part("testing.suites.suite", ("Suite",)),
            Part("testing.suites.service", ("ServiceSuite",)),
            Part("testing.suites.storage", ("StorageSuite",)),
            Part("testing.suites.storing", ("Opener",)),
            Part("testing.suites.codec", ("CodecSuite",)),
            Part("testing.suites.anonymizer", ("AnonymizerSuite",)),
            Part("testing.suites.jobs", ("JobQueueSuite",)),
            Part("testing.suites.index", ("IndexSuite",)),
        ),
    ),
)
