"""Candidates to releases: build, measure, select, certify, package, release."""
