"""Plotly figures from plain arrays: nothing here knows Streamlit or computes mathematics."""
