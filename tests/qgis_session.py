"""A session in QGIS without a window, run by the Python of the system that QGIS belongs to.

Takes a layer's copy, a folder for the picture, and edits as JSON; prints what it saw as JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from qgis.core import (
    Qgis,
    QgsApplication,
    QgsFeature,
    QgsGeometry,
    QgsMapRendererParallelJob,
    QgsMapSettings,
    QgsVectorLayer,
    QgsVectorLayerUtils,
)
from qgis.PyQt.QtCore import QDate, QSize
from qgis.PyQt.QtGui import QColor


def seen(layer: QgsVectorLayer) -> dict:
    """What the layer's style and form are, as QGIS understood them."""
    fields = layer.fields()
    form = {}
    for place, field in enumerate(fields):
        setup = layer.editorWidgetSetup(place)
        form[field.name()] = {
            "alias": layer.attributeAlias(place),
            "widget": setup.type(),
            "map": setup.config().get("map"),
            "read_only": layer.editFormConfig().readOnly(place),
            "constraints": int(fields.at(place).constraints().constraints()),
            "expression": fields.at(place).constraints().constraintExpression(),
            "type": field.typeName(),
        }
    renderer = layer.renderer()
    categories = [
        {
            "value": one.value(),
            "label": one.label(),
            "colour": one.symbol().color().name(),
            "layers": [
                [part.layerType(), part.properties().get("style", "")]
                for part in one.symbol().symbolLayers()
            ],
        }
        for one in renderer.categories()
    ]
    return {
        "version": Qgis.QGIS_VERSION,
        "name": layer.name(),
        "features": layer.featureCount(),
        "renderer": renderer.type(),
        "by": renderer.classAttribute(),
        "categories": categories,
        "labels": layer.labelsEnabled(),
        "form": form,
    }


def edit(layer: QgsVectorLayer, orders: dict) -> list[str]:
    """Carry out edits as the buttons do; returns what the form finds wrong with new features."""
    wrong = []
    if not layer.startEditing():
        raise RuntimeError(layer.dataProvider().errors())
    place = layer.fields().indexOf
    for feature in list(layer.getFeatures()):
        code = feature["code"]
        for key, value in orders.get("change", {}).get(code, {}).items():
            typed = QDate.fromString(value[1:], "yyyy-MM-dd") if str(value)[:1] == "@" else value
            layer.changeAttributeValue(feature.id(), place(key), typed)
        if code in orders.get("move", {}):
            shape = feature.geometry()
            shape.translate(*orders["move"][code])
            layer.changeGeometry(feature.id(), shape)
        if code in orders.get("delete", []):
            layer.deleteFeature(feature.id())
    for added in orders.get("add", []):
        wrong += add(layer, added)
    if not layer.commitChanges():
        raise RuntimeError(layer.commitErrors())
    return wrong


def add(layer: QgsVectorLayer, fields: dict) -> list[str]:
    """Add a feature; returns what its form finds wrong."""
    wrong = []
    new = QgsFeature(layer.fields())
    new.setGeometry(QgsGeometry.fromWkt(fields.pop("wkt")))
    for key, value in fields.items():
        new[key] = value
    for at in range(1, layer.fields().count()):
        good, errors = QgsVectorLayerUtils.validateAttribute(layer, new, at)
        wrong += [] if good else [f"{layer.fields().at(at).name()}: {'; '.join(errors)}"]
    layer.addFeature(new)
    return wrong


def draw(layer: QgsVectorLayer, path: Path) -> list[str]:
    """A picture of the layer as it opens; returns the colours in it."""
    given = QgsMapSettings()
    given.setLayers([layer])
    given.setDestinationCrs(layer.crs())
    given.setBackgroundColor(QColor("#ffffff"))
    given.setOutputSize(QSize(900, 600))
    extent = layer.extent()
    extent.scale(1.15)
    given.setExtent(extent)
    given.setOutputDpi(96)
    job = QgsMapRendererParallelJob(given)
    job.start()
    job.waitForFinished()
    image = job.renderedImage()
    image.save(str(path))
    places = ((x, y) for x in range(0, image.width(), 2) for y in range(0, image.height(), 2))
    return sorted({image.pixelColor(x, y).name() for x, y in places})


def main(copy: str, name: str, folder: str, orders: str) -> None:
    """Open, look, draw, edit, save."""
    application = QgsApplication([], GUIenabled=False)
    application.initQgis()
    layer = QgsVectorLayer(f"{copy}|layername={name}", name, "ogr")
    if not layer.isValid():
        raise RuntimeError(copy)
    told = seen(layer)
    told["colours"] = draw(layer, Path(folder) / "qgis.png")
    told["wrong"] = edit(layer, json.loads(orders))
    print(json.dumps(told, ensure_ascii=False, default=str))
    del layer
    application.exitQgis()


if __name__ == "__main__":
    main(*sys.argv[1:])
