"""Graduated non-convexity learned by score matching (Kobler & Pock, 2023)."""

__version__ = "0.1.0"
