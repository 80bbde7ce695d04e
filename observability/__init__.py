"""What is watched of a running service, as typed values: indicators, objectives, alarms, dashboards.

Renders `observability.yaml`, which template.yaml nests, and is evaluated as it is by devstack. Offline: of the serving
library it imports the description of its metrics alone.
"""
