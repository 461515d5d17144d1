"""The arq worker: thin tasks that call the feature packages."""
