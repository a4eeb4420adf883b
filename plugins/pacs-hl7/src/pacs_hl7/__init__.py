"""HL7 v2 over MLLP: orders become worklist items, patients are corrected, results are sent."""
