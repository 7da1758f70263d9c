-- Runs side by side: exits a second, and their time. Where is_partial is 1 there may have been more of them.
SELECT runs.run, path, guest, is_partial, duration_ns, count(*) AS exits, CAST(count(*) / (duration_ns / 1e9) AS INTEGER) AS exits_per_second,
    CAST(avg(in_kvm_run_ns) AS INTEGER) AS mean_in_kvm_run_ns, CAST(avg(handling_ns) AS INTEGER) AS mean_handling_ns
FROM runs JOIN exits USING (run)
GROUP BY runs.run
ORDER BY runs.run;
