"""Settings: what a project, a target and a machine ask for."""
