"""Pages of the applicant, then of the service."""
