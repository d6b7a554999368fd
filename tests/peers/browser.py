"""Opens examples/browser.html in a browser without a window, and prints what the page shows.

browser.py PAGE HOST SCRIPT URL: the page is served under the name HOST, connects to URL, and then does SCRIPT, which
says done(text) when it has seen enough.
"""
import http.server
import pathlib
import subprocess
import sys
import tempfile
import threading

PATIENCE = 60
page, host, script, url = sys.argv[1:]
seen = threading.Event()
said = []

WATCH = """
<script>
  const done = () => fetch("/seen", { method: "POST", body: document.getElementById("log").textContent });
  const when = (part, then) => {
    const log = document.getElementById("log");
    const look = () => log.textContent.includes(part) && (watch.disconnect(), then());
    const watch = new MutationObserver(look);
    watch.observe(log, { childList: true });
    look();
  };
  %s
</script>
"""


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = pathlib.Path(page).read_bytes() + (WATCH % script).encode()
        found = self.path == "/"
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(body if found else b"")

    def do_POST(self):
        said.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.send_response(204)
        self.end_headers()
        seen.set()

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
    words = ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
    words += [f"--user-data-dir={profile}", f"--host-resolver-rules=MAP {host} 127.0.0.1"]
    words += [f"http://{host}:{server.server_port}/#{url}"]
    browser = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        if not seen.wait(PATIENCE):
            sys.exit("the page said nothing")
    finally:
        browser.kill()
        browser.wait()
print(said[0], end="")
