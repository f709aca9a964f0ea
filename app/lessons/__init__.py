"""What pages teach, a file a page: texts alone. Every claim in them is computed in tests/claims."""
