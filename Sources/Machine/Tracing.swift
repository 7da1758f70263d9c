import CTracepoints

/// Whether somebody records this process's events.
package enum Tracing {
  /// True from the moment that a session has enabled them.
  package static var isEnabled: Bool { exeunt_state_dump_wanted() != 0 }
}
