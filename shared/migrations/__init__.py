"""The plumbing's tables, in every service's database."""
