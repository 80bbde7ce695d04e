"""Write alarms and dashboards as a CloudFormation template, and the tables of docs/monitoring.md."""
