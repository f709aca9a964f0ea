"""What figures have in common: plotly takes it, and it says what it is to say."""

import numpy as np
import plotly.graph_objects as go
import pytest

from app.figures.common import axis, horizontal, log_axis, log_ticks, merged, on_panel, panels, player, vertical

LINE = {"type": "scatter", "x": [0, 1], "y": [1, 2]}


def test_merging_goes_deep_and_changes_nothing_that_it_was_given() -> None:
    first, second = {"a": {"b": 1, "c": [1]}, "d": 1}, {"a": {"b": 2}, "d": {"e": 3}}
    assert merged(first, second, {"f": 4}) == {"a": {"b": 2, "c": [1]}, "d": {"e": 3}, "f": 4}
    assert first == {"a": {"b": 1, "c": [1]}, "d": 1}
    assert second == {"a": {"b": 2}, "d": {"e": 3}}


@pytest.mark.parametrize(("count", "gap", "widths"), [(1, 0.08, ()), (2, 0.1, (1, 3)), (4, 0.05, ())])
def test_panels_share_the_width(count: int, gap: float, widths: tuple) -> None:
    titles = [f"panel {k}" for k in range(count)]
    figure = go.Figure({"data": [on_panel(LINE, k + 1) for k in range(count)], "layout": panels(titles, gap, widths)})
    names = ["xaxis", *(f"xaxis{k}" for k in range(2, count + 1))]
    domains = np.array([figure.layout[name].domain for name in names])
    sizes = domains[:, 1] - domains[:, 0]
    assert (domains[0, 0], domains[-1, 1]) == (0, pytest.approx(1))
    np.testing.assert_allclose(domains[1:, 0] - domains[:-1, 1], gap)
    np.testing.assert_allclose(sizes / sizes[0], np.array(widths or [1] * count) / (widths or [1])[0])
    assert [note.text for note in figure.layout.annotations] == titles
    np.testing.assert_allclose([note.x for note in figure.layout.annotations], domains.mean(1))
    assert [trace.xaxis for trace in figure.data] == [name.replace("axis", "") for name in names]


def test_lines_over_a_panel_reach_from_edge_to_edge() -> None:
    across, down = horizontal(2.0, 3, dash="dot"), vertical(0.5, color="red")
    figure = go.Figure({"data": [LINE], "layout": {"shapes": [across, down]}})
    first, second = figure.layout.shapes
    assert (first.xref, first.yref, first.x0, first.x1, first.y0, first.y1) == ("x3 domain", "y3", 0, 1, 2, 2)
    assert (second.xref, second.yref, second.x0, second.x1) == ("x", "y domain", 0.5, 0.5)
    assert (first.line.dash, second.line.color, second.line.dash) == ("dot", "red", "dash")


def test_ticks_of_a_logarithmic_axis_are_round_and_lie_in_its_range() -> None:
    assert log_ticks(0.02, 400) == [0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300]
    assert log_ticks(0.4, 0.6) == []
    shown = go.Figure(
        {"data": [LINE], "layout": {"xaxis": log_axis("σ", 0.01, 0.5, side="top"), "yaxis": axis("dB")}}
    ).layout
    assert shown.xaxis.type == "log"
    np.testing.assert_allclose(shown.xaxis.range, np.log10([0.01, 0.5]))
    assert (shown.xaxis.side, shown.xaxis.title.text, shown.yaxis.title.text) == ("top", "σ", "dB")


def test_the_player_goes_through_all_frames_by_their_names() -> None:
    names = ["a", "b", "c"]
    frames = [{"name": name, "data": [{"y": [1, 2]}]} for name in names]
    layout = player(["0.5", "0.2", "0.1"], names, "σ = ", seconds=6, redraw=True, y=-0.2)
    figure = go.Figure({"data": [LINE], "frames": frames, "layout": layout})
    slider, (play, pause) = figure.layout.sliders[0], figure.layout.updatemenus[0].buttons
    assert [step.label for step in slider.steps] == ["0.5", "0.2", "0.1"]
    assert [step.args[0] for step in slider.steps] == [(name,) for name in names]
    assert slider.currentvalue.prefix == "σ = "
    assert play.args[0] is None
    assert play.args[1]["frame"] == {"duration": 2000, "redraw": True}
    assert pause.args[0] == (None,)  # plotly's way to stop
    assert slider.y == figure.layout.updatemenus[0].y == -0.2
