"""The work of each stage: plain Python under thin Prefect steps."""
