"""What a run has to say for itself: one page for people, Markdown for the Prefect UI, pictures for both and MLflow."""
