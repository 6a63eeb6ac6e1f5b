"""The engines of the extra `speech`. Only the speech processes import these modules."""
