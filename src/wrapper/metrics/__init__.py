"""What is counted of the requests that are answered, apart from how they come and go.

`kinds` and `requests` have the rules, `families` the metrics that they fill, `processes` what
several processes need to count together. docs/metrics.md lists every metric.
"""
