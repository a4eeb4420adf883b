"""Models that come with the plugin: real work by rules, without weights from anywhere."""
