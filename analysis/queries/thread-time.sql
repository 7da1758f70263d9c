-- What each thread spent its time on (ns), and which part of its time that is.
SELECT run, thread, state, handler, sum(duration_ns) AS time_ns,
    round(100.0 * sum(duration_ns) / sum(sum(duration_ns)) OVER (PARTITION BY run, thread), 1) AS percent
FROM intervals
GROUP BY run, thread, state, handler
ORDER BY run, thread, time_ns DESC;
