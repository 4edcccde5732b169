"""Forms of the applicant (``sections``, ``filing``) and of the service (``screening``)."""
