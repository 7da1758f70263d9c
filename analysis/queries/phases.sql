-- Exits between the guest's marks.
WITH phases AS (
  SELECT run, value, at AS begun_at, lead(at, 1, (SELECT duration_ns FROM runs WHERE runs.run = marks.run)) OVER (PARTITION BY run ORDER BY at)
      AS ended_at
  FROM marks)
SELECT phases.run, value AS mark, begun_at, ended_at - begun_at AS duration_ns, count(exits.at) AS exits,
    sum(handling_ns) AS handling_ns
FROM phases LEFT JOIN exits ON exits.run = phases.run AND exits.at >= begun_at AND exits.at < ended_at
GROUP BY phases.run, begun_at
ORDER BY phases.run, begun_at;
