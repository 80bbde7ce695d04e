"""Service level indicators, objectives, alarms and dashboards as typed values.

`rendering` writes them as `observability.yaml`, a nested stack of template.yaml; devstack evaluates the same alarms.
"""
