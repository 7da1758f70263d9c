import CTracepoints

/// Whether somebody records this process's events.
package enum Tracing {
  /// True from the moment that a session has enabled them.
  package static var isEnabled: Bool { exeunt_state_dump_wanted() != 0 }

  /// Loads LTTng-UST: before that, nobody can record this process; from then on it has two more threads, and whoever runs a
  /// session daemon may attach.
  ///
  /// Returns when the session daemons that run have taken this process in, or do not answer (`LTTNG_UST_REGISTER_TIMEOUT`, 3 s
  /// each by default). To be called while there is no other thread.
  ///
  /// - Returns: why it cannot be loaded; nil: it is.
  package static func load() -> String? { exeunt_load_tracing().map { String(cString: $0) } }
}
