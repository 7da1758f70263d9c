import CTracepoints

/// Whether somebody records this process's events.
public enum Tracing {
  /// True from the moment that a session has enabled them.
  public static var isEnabled: Bool { exeunt_state_dump_wanted() != 0 }
}
