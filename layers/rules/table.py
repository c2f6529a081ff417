"""Every rule by its key: what computes it, and what it reads."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from layers.rules import agreement, listed_sites, places
from layers.rules.ground import Check

RULES: Final[Mapping[str, Check]] = MappingProxyType(
    {
        "listed_site_planned_for_homes_or_public_use": Check(
            listed_sites.planned_for_homes, ("planned_use_class",), beside=None, at_door=True
        ),
        "construction_before_target": Check(
            listed_sites.construction_before_target,
            ("construction_started_on", "punished_on", "rectified_on", "image_after_on"),
            beside=None,
            at_door=True,
        ),
        "outside_declared_district": Check(
            places.outside_declared_district, ("area_kind",), beside=("special_area",)
        ),
        "priority_plot_without_boundary": Check(places.priority_plots_without_boundary),
        "strict_control_without_measure": Check(
            agreement.strict_control_without_measure,
            ("permanent_basic_farmland", "measure_in_place"),
            boundaries=False,
            at_door=True,
        ),
        "alert_on_listed_site": Check(
            listed_sites.alerts_on_listed_sites, ("image_after_on",), beside=None, at_door=True
        ),
        "registers_disagree": Check(
            agreement.registers_that_disagree, ("declared_area_m2",), beside=None, at_door=True
        ),
        "registered_point_outside_boundary": Check(
            places.registered_points_outside, ("registered_lon", "registered_lat")
        ),
        "declared_area_differs": Check(
            agreement.declared_areas_that_differ, ("declared_area_m2",)
        ),
    }
)
"""The rules of `reference/rules.toml`, in its order."""
