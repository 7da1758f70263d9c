-- Percentiles of how long exits were handled, by reason and device (ns): the exact order statistics.
WITH ranked AS (
  SELECT run, reason, device, handling_ns,
      row_number() OVER (PARTITION BY run, reason, device ORDER BY handling_ns) AS rank,
      count(*) OVER (PARTITION BY run, reason, device) AS number
  FROM exits WHERE handling_ns IS NOT NULL)
SELECT run, reason, device, max(number) AS exits,
    min(handling_ns) FILTER (WHERE rank * 2 >= number) AS p50_ns,
    min(handling_ns) FILTER (WHERE rank * 10 >= number * 9) AS p90_ns,
    min(handling_ns) FILTER (WHERE rank * 100 >= number * 99) AS p99_ns, max(handling_ns) AS max_ns
FROM ranked
GROUP BY run, reason, device
ORDER BY run, sum(handling_ns) DESC;
