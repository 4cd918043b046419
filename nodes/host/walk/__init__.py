"""The models and the files of a walk."""
