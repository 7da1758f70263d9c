-- How many kicks a loop finds when it wakes up: many wakeups for one kick each are a sign that kicks could be polled for.
SELECT run, thread, kicks, count(*) AS wakeups, sum(busy_ns) AS busy_ns, CAST(avg(slept_ns) AS INTEGER) AS mean_sleep_ns
FROM wakeups
GROUP BY run, thread, kicks
ORDER BY run, thread, kicks;
