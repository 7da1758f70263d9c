"""Reads OpenMetrics text with the parser of PyPI's prometheus-client, which refuses what the format does not allow, and prints each
sample as JSON: type of its family, name, labels, value.

  openmetrics_samples.py FILE
"""

import json
import sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families

with open(sys.argv[1], encoding="utf-8", newline="") as file:
    text = file.read()
json.dump(
    [
        {"type": family.type, "unit": family.unit, "name": sample.name, "labels": sample.labels, "value": sample.value}
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ],
    sys.stdout,
)
