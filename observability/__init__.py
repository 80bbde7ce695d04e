"""Service level indicators, objectives, alarms and dashboards as typed values.

`rendering` writes them as `observability.yaml`, a nested stack of template.yaml, and for containers as Prometheus's
rules and a dashboard for Grafana. devstack evaluates the same alarms.
"""
