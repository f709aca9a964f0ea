"""The explorer: controls and figures, no mathematics."""
