/// What a page needs once to draw timelines: a script and a style. The script is the only one that a page's policy allows.
package enum TimelineViewer {
  /// What stands between `<script>` and `</script>`, character by character. It is a CDATA section, as a page is XML as well.
  package static let script =
    "//<![CDATA[\n"
    + [
      PackageResources.numbers_js, PackageResources.data_js, PackageResources.words_js,
      PackageResources.picture_js, PackageResources.search_js, PackageResources.layout_js,
      PackageResources.ways_js, PackageResources.marks_js, PackageResources.parts_js,
      PackageResources.panel_js,
      PackageResources.viewer_js, PackageResources.input_js,
    ].map { String(decoding: $0, as: UTF8.self) }.joined() + "//]]>\n"

  /// The source of the script for a Content-Security-Policy (CSP Level 3, `hash-source`).
  package static let scriptSource =
    "'sha256-\(String(decoding: TimelineData.base64(SHA256.digest(Array(script.utf8))), as: UTF8.self))'"

  /// For the page's style element. Colours that it does not have are the page's.
  package static let style = String(decoding: PackageResources.timeline_css, as: UTF8.self)
}
