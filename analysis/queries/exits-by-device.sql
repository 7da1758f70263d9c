-- Exits to userspace by reason, direction and device: how many, and how long they took (ns).
SELECT run, reason, direction, device, count(*) AS exits, sum(in_kvm_run_ns) AS in_kvm_run_ns,
    sum(handling_ns) AS handling_ns, CAST(avg(handling_ns) AS INTEGER) AS mean_ns, max(handling_ns) AS max_ns
FROM exits
GROUP BY run, reason, direction, device
ORDER BY run, sum(handling_ns) DESC;
