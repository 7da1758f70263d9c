-- The twenty requests that took longest from the guest's kick, or without its stamp from where they were taken, to the interrupt
-- that told of them, or without one to where they were pushed; and where the time went (ns).
SELECT run, device, queue, id, kind, bytes, begun_at, coalesce(interrupted_at, ended_at) - coalesce(kicked_at, begun_at) AS total_ns,
    max(arrived_at - kicked_at, 0) AS kick_to_arrival_ns, begun_at - arrived_at AS arrival_to_begin_ns,
    submitted_at - begun_at AS begin_to_submit_ns, completed_at - submitted_at AS host_ns,
    ended_at - coalesce(completed_at, begun_at) AS to_end_ns, interrupted_at - ended_at AS end_to_interrupt_ns
FROM requests
WHERE ended_at IS NOT NULL AND status <> 255
ORDER BY total_ns DESC
LIMIT 20;
