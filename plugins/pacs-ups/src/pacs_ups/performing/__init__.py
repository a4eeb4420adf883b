"""Steps that the archive performs itself, by performers of plugins (hook ``step_performers``)."""
