import Glibc

/// How many descriptors this process may have open: RLIMIT_NOFILE of getrlimit(2).
public enum OpenFileLimit {
  /// Raises the limit as far as is needed and allowed: sessions commonly start with 1024 and may have far more.
  ///
  /// - Parameter needed: descriptors.
  /// - Returns: the limit as it is now.
  @discardableResult
  public static func raise(to needed: Int) -> Int {
    let resource = CInt(bitPattern: RLIMIT_NOFILE.rawValue)
    var limit = rlimit()
    guard getrlimit(resource, &limit) == 0 else { return needed }
    if limit.rlim_cur < rlim_t(needed) {
      let old = limit.rlim_cur
      limit.rlim_cur = min(rlim_t(needed), limit.rlim_max)
      if setrlimit(resource, &limit) != 0 { limit.rlim_cur = old }
    }
    return Int(clamping: limit.rlim_cur)
  }
}
