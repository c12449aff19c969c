"""Run folders: training into one, and loading from one."""
