"""The report: tables and pictures of all stages in one HTML page."""
