"""The scenario process: zygote, sandbox, turn transport. The only importer of lupa."""
