"""The notebook runs from top to bottom, and what it draws is what plotly can draw."""

import runpy

import plotly.io
from plotly.graph_objects import Figure


def test_the_notebook_runs(monkeypatch, capsys):
    shown = []
    monkeypatch.setattr(plotly.io, "show", lambda figure: shown.append(Figure(figure)))  # validates
    names = runpy.run_module("app.notebook")
    assert [trace.type for figure in shown for trace in figure.data if trace.type == "image"] == ["image"] * 6
    assert len(shown) == 4
    assert names["quality"]["learned"][-1] > max(names["quality"]["GNC flow"])
    assert names["after"] > names["before"] + 3
    assert "restored" in capsys.readouterr().out
