"""MLflow: opened within seconds or refused with one line, and the mirror of the registry in it."""
